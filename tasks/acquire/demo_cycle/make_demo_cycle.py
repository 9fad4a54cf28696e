"""Makes the demo cycle in this folder from a real HRES forecast at 0.1 degree.

    python tasks/acquire/demo_cycle/make_demo_cycle.py HRES_0P1.nc IFS_2T.grib2 IFS_TP.grib2

HRES_0P1.nc: t2m d2m u10 v10 sp msl tp of 2021-12-10 12 UTC + 8 h, 20-40N 100-125E. The two GRIB files are messages as
ECMWF open data serves them; their headers are taken over key by key, so that the demo cycle has the same. Written:
`20211210/12z/ifs/0p25/oper/20211210120000-8h-oper-fc.grib2` with its `.index` (read linearly at the points of the
0.25 degree grid, as ECMWF makes it, CCSDS packing), `truth_0p1.nc` (the forecast itself, to score against) and
`SHA256SUMS`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import eccodes
import numpy as np
import torch
import xarray as xr

from models.interpolation import bilinear
from models.statistics import VARIABLES as TRAINED
from tasks.grids.grid import Grid
from tasks.names import PARAM_IDS
from tasks.prepare.axes import layout
from tasks.variables import known

HERE = Path(__file__).parent
PARAM_ID = {name: number for number, name in reversed(PARAM_IDS.items())}  # the first of a variable
COARSE = Grid(40.0, 100.0, 0.25, 0.25, 81, 101)
FILE = HERE / "20211210/12z/ifs/0p25/oper/20211210120000-8h-oper-fc.grib2"


def message(template: int, param_id: int, field: np.ndarray) -> bytes:
    """One GRIB2 message: the template's keys, this parameter, cycle, grid and values."""
    handle = eccodes.codes_clone(template)
    keys: dict[str, int | float | str] = {
        "dataDate": 20211210, "dataTime": 1200, "paramId": param_id, "endStep": 8,
        "Ni": COARSE.cols, "Nj": COARSE.rows,
        "latitudeOfFirstGridPointInDegrees": COARSE.north, "latitudeOfLastGridPointInDegrees": COARSE.south,
        "longitudeOfFirstGridPointInDegrees": COARSE.west, "longitudeOfLastGridPointInDegrees": COARSE.east,
        "bitsPerValue": 16, "packingType": "grid_ccsds",
    }  # fmt: skip
    for key, value in keys.items():
        eccodes.codes_set(handle, key, value)
    eccodes.codes_set_values(handle, field.astype(np.float64).ravel())
    data: bytes = eccodes.codes_get_message(handle)
    eccodes.codes_release(handle)
    return data


def index_line(message_bytes: bytes, offset: int) -> str:
    """One line of ECMWF's `.index`."""
    handle = eccodes.codes_new_from_message(message_bytes)
    get = lambda key: str(eccodes.codes_get(handle, key))  # noqa: E731
    line = {
        "domain": "g", "date": get("dataDate"), "time": f"{int(get('dataTime')):04d}", "expver": get("expver"),
        "class": get("class"), "type": get("type"), "stream": get("stream"), "step": get("endStep"),
        "levtype": "sfc", "param": get("shortName"), "_offset": offset, "_length": len(message_bytes),
    }  # fmt: skip
    eccodes.codes_release(handle)
    return json.dumps(line)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hres", type=Path)
    parser.add_argument("instant", type=Path)
    parser.add_argument("accumulated", type=Path)
    args = parser.parse_args()
    ds = xr.open_dataset(args.hres)
    _, _, to_canonical = layout(ds, args.hres.name)
    FILE.parent.mkdir(parents=True, exist_ok=True)
    offset, lines = 0, []
    with FILE.open("wb") as out:
        for variable in known(list(TRAINED)):
            with (args.accumulated if variable.amount else args.instant).open("rb") as file:
                template = eccodes.codes_grib_new_from_file(file)
            fine = to_canonical(ds[variable.name].values)
            coarse = bilinear(torch.from_numpy(fine), *COARSE.axes_in(to_canonical.grid)).numpy()
            data = message(template, PARAM_ID[variable.name], coarse)
            eccodes.codes_release(template)
            out.write(data)
            lines.append(index_line(data, offset))
            offset += len(data)
    index = FILE.with_suffix(".index")
    index.write_text("\n".join(lines) + "\n")

    truth = ds[list(TRAINED)]
    truth = truth.assign_coords(latitude=truth.latitude.round(1), longitude=truth.longitude.round(1))
    truth.attrs = {
        "title": "ECMWF HRES forecast, 0.1 degree, cycle 2021-12-10 12 UTC + 8 h",
        "licence": "(c) ECMWF, CC-BY-4.0",
        "origin": "test data of the PyPI package google-weather-tools 0.2.0 (Apache-2.0)",
    }
    encoding = {}
    for name in TRAINED:
        low, high = float(truth[name].min()), float(truth[name].max())
        packing = {"dtype": "int16", "scale_factor": (high - low) / 65000, "add_offset": (high + low) / 2}
        encoding[name] = packing | {"zlib": True, "complevel": 9, "_FillValue": np.int16(-32768)}
    truth.to_netcdf(HERE / "truth_0p1.nc", encoding=encoding)

    files = [FILE, index, HERE / "truth_0p1.nc"]
    sums = [f"{hashlib.sha256(f.read_bytes()).hexdigest()}  {f.relative_to(HERE)}\n" for f in files]
    (HERE / "SHA256SUMS").write_text("".join(sums))
    print(*(f"{f.relative_to(HERE)}: {f.stat().st_size} bytes" for f in files), sep="\n")


if __name__ == "__main__":
    main()
