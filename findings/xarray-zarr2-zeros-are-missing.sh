#!/bin/sh
# xarray 2026.9.0 reads every zero of a Zarr 2 array whose fill_value is 0 (zarr-python's default) as missing, and the
# option that is documented to switch this off, `use_zarr_fill_value_as_mask=False`, changes nothing: neither
# `open_zarr` nor `open_dataset` hands it on to the store. A dry point of a rain field becomes a hole. What works:
# `mask_and_scale=False`, then `_FillValue` dropped from the attributes, then `xr.decode_cf`.
#
# Installs xarray and zarr in a temporary folder, writes four numbers, reads them back; fails if that has changed.
# Output seen on 2026-11-27:
#   xarray 2026.9.0, zarr 3.1.6
#   mask=None  [nan  1. nan  2.]
#   mask=True  [nan  1. nan  2.]
#   mask=False [nan  1. nan  2.]
#   by hand    [0. 1. 0. 2.]
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check xarray==2026.9.0 zarr==3.1.6 numpy==2.3.5
"$folder/venv/bin/python" - "$folder/rain.zarr" <<'PYTHON'
import sys

import numpy as np
import xarray as xr
import zarr

path, written = sys.argv[1], np.array([0, 1, 0, 2], dtype="float32")
group = zarr.open_group(path, mode="w", zarr_format=2)
array = group.create_array("rain", shape=(4,), dtype="float32", fill_value=0)
array[:] = written
array.attrs["_ARRAY_DIMENSIONS"] = ["x"]
zarr.consolidate_metadata(path)

print(f"xarray {xr.__version__}, zarr {zarr.__version__}")
for mask in (None, True, False):
    read = xr.open_zarr(path, chunks=None, use_zarr_fill_value_as_mask=mask)["rain"].values
    print(f"mask={mask!s:5} {read}")
    assert np.isnan(read).sum() == 2, "the option has an effect now"
raw = xr.open_zarr(path, chunks=None, mask_and_scale=False)
raw["rain"].attrs.pop("_FillValue")
read = xr.decode_cf(raw)["rain"].values
print(f"by hand    {read}")
assert (read == written).all()
PYTHON
