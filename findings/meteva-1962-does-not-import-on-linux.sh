#!/bin/sh
# meteva 1.9.6.2, the newest on PyPI in November 2026, cannot be imported where file names have capitals of their own.
#
# meteva is what China's weather service verifies forecasts with, and reads MICAPS files with in Python. Its wheels hold a
# package `meteva/method/Vector`, which `meteva/method/__init__.py` of 1.9.6.2 has begun to import as `vector`: that works on
# Windows and on macOS, and on Linux, where forecasts are made, every import of meteva ends with an ImportError that speaks
# of a circular import. 1.9.6.1 can be imported, and reads what we write.
# Seen with meteva 1.9.6.2 and 1.9.6.1 on Python 3.11, Linux. Exits non-zero if 1.9.6.2 can be imported, or 1.9.6.1 not.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
pip="$folder/venv/bin/pip --quiet --disable-pip-version-check"
cd "$folder"
try() {
    $pip install --no-deps "$1"
    "$folder/venv/bin/python" -W ignore - "$1" <<'PYTHON'
import sys
from importlib.metadata import files

names = sorted({f.parts[2] for f in files("meteva") if f.parts[:2] == ("meteva", "method") and "ector" in f.parts[2]})
try:
    import meteva.base
except ImportError as error:
    print(f"{sys.argv[1]}, folder {names}: {type(error).__name__}: {str(error)[:90]}")
    sys.exit(3)
print(f"{sys.argv[1]}, folder {names}: imported, reads MICAPS: {hasattr(meteva.base, 'read_griddata_from_micaps4')}")
PYTHON
}
# what it asks for, once
$pip install meteva==1.9.6.1 numpy==2.4.6 pandas==3.1.1 xarray==2026.9.0
try meteva==1.9.6.1
code=0
try meteva==1.9.6.2 || code=$?
[ "$code" -eq 3 ]
