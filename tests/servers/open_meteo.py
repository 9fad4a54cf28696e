"""A stand-in for Open-Meteo's public bucket on loopback: `.om` files of IFS's own grid, written by `omfiles`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from omfiles import OmFileWriter
from scipy.interpolate import RegularGridInterpolator

from tasks.acquire.native import GRID
from tests.grib import rippled
from tests.servers.opendata import DEMO, OpenData, open_data

TRUTH = DEMO / "truth_0p1.nc"  # 20-40N 100-125E
CIRCLES = slice(705, 1000)  # that hold it
WKT = 'GEOGCRS["Reduced Gaussian Grid",REMARK["Reduced Gaussian Grid O1280 (ECMWF)"]]'
# name there -> (ours, factor and offset to the unit there, values are rounded to a part)
MADE = {
    "temperature_2m": ("t2m", 1.0, -273.15, 20), "dew_point_2m": ("d2m", 1.0, -273.15, 20),
    "wind_u_component_10m": ("u10", 1.0, 0.0, 20), "wind_v_component_10m": ("v10", 1.0, 0.0, 20),
    "pressure_msl": ("msl", 1.0, 0.0, 0.1), "precipitation": ("tp", 1e3, 0.0, 10),
    "temperature_2m_max": ("t2m", 1.0, -272.15, 20), "temperature_2m_min": ("t2m", 1.0, -276.15, 20),
    "shortwave_radiation": ("d2m", 1.0, 0.0, 1), "snowfall_water_equivalent": ("tp", 5e2, 0.0, 10),
    "wind_u_component_100m": ("u10", 1.4, 0.0, 20), "wind_v_component_100m": ("v10", 1.4, 0.0, 20),
    "wind_gusts_10m": ("t2m", 0.05, 0.0, 10), "surface_temperature": ("t2m", 1.0, -272.15, 20),
    "total_column_integrated_water_vapour": ("sp", 2e-4, 0.0, 10), "cloud_cover": ("d2m", 0.2, 0.0, 1),
}  # fmt: skip
GROWING = {"precipitation", "snowfall_water_equivalent"}
HOW: dict[str, Any] = {"chunks": [1, 1024], "add_offset": 0.0, "compression": "pfor_delta_2d_int16"}
# which are not there at the start
OVER_TIME = {"temperature_2m_max", "temperature_2m_min", "shortwave_radiation", "wind_gusts_10m", *GROWING}


def places(circles: slice) -> tuple[np.ndarray, np.ndarray]:
    """Latitude and longitude of the grid's points on some circles."""
    counts = GRID.counts[circles]
    return np.repeat(GRID.latitude[circles], counts), np.concatenate([np.arange(n) * 360.0 / n for n in counts])


@cache
def on_grid(name: str) -> np.ndarray:
    """A field of the demo's truth at the points of O1280, (1, points) float32; what lies beyond has its mean."""
    with xr.open_dataset(TRUTH) as ds:
        field = ds[name].sortby("latitude").load()
    inside = RegularGridInterpolator(
        (field.latitude.values, field.longitude.values), field.values, bounds_error=False, fill_value=None
    )
    points = GRID.points(CIRCLES)
    latitude, longitude = places(CIRCLES)
    near = (np.abs(latitude - 30) < 10) & (np.abs(longitude - 112.5) < 12.5)
    out = np.full((1, int(GRID.starts[-1])), float(field.mean()), dtype=np.float32)
    band = out[0, points]
    band[near] = inside(np.column_stack([latitude[near], longitude[near]]))
    return out


def om_file(path: Path, hour: int) -> bytes:
    """One time's file: rain grows by the hour, the rest stays as it is."""
    writer = OmFileWriter(str(path))
    children = [writer.write_scalar(WKT, name="crs_wkt")]
    for name, (ours, factor, offset, part) in MADE.items():
        if hour or name not in OVER_TIME:
            values = (on_grid(ours) * factor + offset) * (hour if name in GROWING else 1)
            children.append(writer.write_array(values, name=name, scale_factor=part, **HOW))
    writer.close(writer.write_group(name="", children=children))
    return path.read_bytes()


def heights_file(path: Path) -> bytes:
    """The model's heights as one array: `rippled` over the circles of the demo's truth, sea (-999) beyond."""
    out = np.full((1, int(GRID.starts[-1])), -999.0, dtype=np.float32)
    out[0, GRID.points(CIRCLES)] = rippled(*places(CIRCLES))
    writer = OmFileWriter(str(path))
    writer.close(writer.write_array(out, name="", scale_factor=1.0, **HOW))
    return path.read_bytes()


def add_run(mirror: OpenData, time: datetime, hours: list[int], folder: Path) -> str:
    """Serve these lead times of a run as complete; returns its folder's path."""
    run = f"/{time:%Y/%m/%d/%H%MZ}"
    for hour in hours:
        valid = time + timedelta(hours=hour)
        mirror.files[f"{run}/{valid:%Y-%m-%dT%H%M}.om"] = om_file(folder / "one.om", hour)
    meta = {
        "reference_time": f"{time:%Y-%m-%dT%H:%M:%SZ}", "completed": True, "variables": list(MADE), "crs_wkt": WKT,
        "valid_times": [f"{time + timedelta(hours=h):%Y-%m-%dT%H:%MZ}" for h in hours],
    }  # fmt: skip
    mirror.files[f"{run}/meta.json"] = json.dumps(meta).encode()
    return run


@contextmanager
def open_meteo(time: datetime, hours: list[int], folder: Path) -> Iterator[OpenData]:
    """A bucket with one run."""
    mirror = OpenData()
    add_run(mirror, time, hours, folder)
    with open_data(mirror):
        yield mirror
