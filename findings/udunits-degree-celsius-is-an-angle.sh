#!/bin/sh
# To UDUNITS (as cf-units 3.3.1 brings it) "degree Celsius" with a space is no temperature but an angle times a kelvin:
# a degree of arc is 0.0174533 radian, which counts as a number. So it converts to K without an error, and 15 of it are
# 0.26 K. "degree_Celsius" and "degC" are what one means; "degrees C" is an angle times a coulomb and at least refused.
# Whoever checks `is_convertible` before converting is none the wiser. Fails if that has changed.
# Output seen on 2026-11-27:
#   cf-units 3.3.1
#   degree_Celsius  convertible to K: True, 15 -> 288.15
#   degree Celsius  convertible to K: True, 15 -> 0.261799
#   degrees C       convertible to K: False
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check cf-units==3.3.1
"$folder/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

from cf_units import Unit

print("cf-units", version("cf-units"))
found = {}
for written in ("degree_Celsius", "degree Celsius", "degrees C"):
    unit = Unit(written)
    good = unit.is_convertible("K")
    found[written] = unit.convert(15.0, "K") if good else None
    print(f"{written:15} convertible to K: {good}" + (f", 15 -> {found[written]:.6g}" if good else ""))
assert abs(found["degree_Celsius"] - 288.15) < 1e-6
assert found["degree Celsius"] is not None and found["degree Celsius"] < 1.0, "it is a temperature, or refused, now"
assert found["degrees C"] is None
PYTHON
