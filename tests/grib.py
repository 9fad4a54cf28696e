"""The messages of GRIB files, cut by what each says of its length: tests and benchmarks read bytes, not through us."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import eccodes
import numpy as np
import xarray as xr

from models.constants import GRAVITY

ROOT = Path(__file__).resolve().parents[1]
DEMO_GRIB = ROOT / "tasks/acquire/demo_cycle/20211210/12z/ifs/0p25/oper/20211210120000-8h-oper-fc.grib2"


def messages(grib: Path | bytes) -> list[bytes]:
    """The GRIB messages, of either edition, of a file in which they follow each other without padding."""
    data = grib if isinstance(grib, bytes) else grib.read_bytes()
    out, at = [], 0
    while at < len(data):
        assert data[at : at + 4] == b"GRIB", f"no message at byte {at}"
        length = int.from_bytes(data[at + 8 : at + 16] if data[at + 7] == 2 else data[at + 4 : at + 7], "big")
        out.append(data[at : at + length])
        at += length
    return out


def message(name: str, factor: float = 1.0, **keys: int | str) -> bytes:
    """One of the demo's messages with other keys, its values times a factor."""
    for data in messages(DEMO_GRIB):
        handle = eccodes.codes_new_from_message(data)
        if eccodes.codes_get(handle, "shortName") == name:
            for key, value in keys.items():
                eccodes.codes_set(handle, key, value)
            if factor != 1.0:
                eccodes.codes_set_values(handle, eccodes.codes_get_values(handle) * factor)
            return bytes(eccodes.codes_get_message(handle))
    raise AssertionError(name)


def terrain_message(of: bytes, heights: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> bytes:
    """Geopotential at the surface, on the grid and at the time of a message; heights in m by latitude, longitude."""
    handle = eccodes.codes_new_from_message(of)
    eccodes.codes_set(handle, "paramId", 129)
    eccodes.codes_set(handle, "typeOfLevel", "surface")
    eccodes.codes_set(handle, "bitsPerValue", 24)
    where = (eccodes.codes_get_array(handle, n) for n in ("latitudes", "longitudes"))
    eccodes.codes_set_values(handle, GRAVITY * heights(*where))
    return bytes(eccodes.codes_get_message(handle))


@cache
def _hubei() -> xr.DataArray:
    with xr.open_dataset(ROOT / "deployments/regions/hubei/terrain.nc") as ds:
        return ds["z"].load() / GRAVITY


def rippled(latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
    """Hubei's heights with waves of 80 m on them, as another model may have them; level beyond what is known."""
    waves = 80.0 * np.sin(np.deg2rad(180.0 * latitude)) * np.cos(np.deg2rad(145.0 * longitude))
    east = (longitude + 180.0) % 360.0 - 180.0
    at = {"latitude": latitude.ravel(), "longitude": east.ravel()}
    below = _hubei().interp({n: xr.DataArray(v, dims="at") for n, v in at.items()})
    return waves + np.nan_to_num(below.values).reshape(latitude.shape)
