#!/bin/sh
# ecCodes: a maximum whose end of interval is set becomes another parameter, without a word.
#
# Highest temperature at 2 m since a time before is one quantity in GRIB 2; ECMWF's names of it, and their paramId, go by
# the length of the interval. Whoever moves a message of mx2t3 (228026) to another lead time by `endStep` alone, as one
# moves temperature, makes mx2t6 (121), mx2t (201) or mx2t24 (51) of it, and an index or a reader that goes by name no
# longer finds it, at some lead times only. With `startStep` moved along it stays mx2t3. Seen with eccodes 2.50.0.
# Exits non-zero if the name has come to stay.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check eccodes==2.50.0 eccodeslib==2.50.0.33 numpy==2.3.5
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import eccodes

print("eccodes", eccodes.codes_get_api_version())
message = eccodes.codes_grib_new_from_samples("regular_ll_sfc_grib2")
eccodes.codes_set(message, "paramId", 228026)
expected = {(0, 3): "mx2t3", (0, 6): "mx2t6", (0, 9): "mx2t", (0, 24): "mx2t24", (21, 24): "mx2t3"}
seen = {}
for start, end in expected:
    eccodes.codes_set(message, "startStep", start)
    eccodes.codes_set(message, "endStep", end)
    seen[start, end] = eccodes.codes_get(message, "shortName")
    print(f"{start:2} to {end:2} h: {seen[start, end]}, paramId {eccodes.codes_get(message, 'paramId')}")
sys.exit(seen != expected)
PYTHON
