"""A small product over 180 degrees as the pipeline writes them, and the same corrected by stations.

The tests of the page's TypeScript open them.

They are kept, so that those need no Python: `python -m tests.tasks.page.small_product` writes them anew.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import xarray as xr
import zarr

from models.operator import IFS
from tasks.arrays import zarr_store
from tasks.grids.grid import Grid
from tasks.handover.calibrated import GROUP, Calibration
from tasks.handover.prepared import StaticFields
from tasks.store.calibration import create_calibration, increment
from tasks.store.packing import round_field
from tasks.store.product import create, fill_input, open_product, seal
from tests.conftest import ROOT

KEPT = ROOT / "tasks/page/web/tests"
PRODUCT, EXPECTED, CALIBRATED = "fiji.zarr", "fiji.json", "fiji-calibrated.zarr"
GRID = Grid(-16.0, 176.5, 0.05, 0.05, 6, 140)  # two chunks across, 180 degrees in the first
INPUT_GRID = Grid(-15.75, 176.25, 0.5, 0.5, 2, 16)
HOURS = np.arange(3, 33, 3)  # two chunks of lead times
NAMES = ["t2m", "u10", "v10", "tp"]
MISSING = (1, slice(2, 4), slice(60, 80))  # of t2m: on both sides of 180 degrees
WRITTEN = 8  # lead times of tp: its second shard is not there
CORRECTED = HOURS <= 24  # lead times: those of the second day are not proven
STATIONS = ["91659", "91680", "91683"]
WIND_FACTOR = 0.75
PLACES = [(-16.0, 176.5), (-16.1, 179.95), (-16.1, 180.0), (-16.15, -179.95), (-16.25, -177.0), (-16.25, 183.45)]


def field(name: str, grid: Grid) -> np.ndarray:
    """(step, latitude, longitude) float32 of every value another, in SI, as smooth as weather."""
    lat, lon = np.meshgrid(grid.latitude, grid.longitude, indexing="ij")
    hour = HOURS[:, None, None]
    wave = np.sin(np.deg2rad(9 * lon + 40 * lat + 7 * hour))
    base, size = {"t2m": (299.0, 4.0), "u10": (-3.0, 5.0), "v10": (1.0, 6.0), "tp": (0.002, 0.002)}[name]
    return round_field(name, (base + size * wave).astype(np.float32))


def write(folder: Path) -> None:
    """Both products, and what is to be read in the first."""
    _write(str(folder / PRODUCT), calibrated=False)
    _write(str(folder / CALIBRATED), calibrated=True)
    (folder / EXPECTED).write_text(json.dumps(_expected(str(folder / PRODUCT))) + "\n")


def _write(uri: str, *, calibrated: bool) -> None:
    start = np.datetime64("2026-11-22T00", "ns")
    steps = HOURS.astype("timedelta64[h]").astype("timedelta64[ns]")
    before = np.concatenate([steps[:1] * 0, steps[:-1]])
    source = xr.Dataset(
        {"step_bounds": (("step", "bounds"), np.stack([before, steps], axis=1))},
        {
            "step": steps, "time": start, "valid_time": ("step", start + steps),
            "latitude": INPUT_GRID.latitude, "longitude": INPUT_GRID.longitude,
        },
    )  # fmt: skip
    height = {"height": np.full((GRID.rows, GRID.cols), 250.0, np.float32)}
    on_input = {"height": np.full((INPUT_GRID.rows, INPUT_GRID.cols), 100.0, np.float32)}
    create(uri, source, GRID, NAMES, StaticFields(on_input, height, 0), IFS)
    fill_input(uri, ((n, iter(field(n, INPUT_GRID))) for n in NAMES))
    group = zarr.open_group(zarr_store(uri), mode="r+", use_consolidated=False)
    values = {n: field(n, GRID) for n in NAMES}
    values["t2m"][MISSING] = np.nan
    values["tp"][WRITTEN:] = np.nan
    for name in NAMES:
        stop = WRITTEN if name == "tp" else len(HOURS)
        group[name][:stop] = values[name][:stop]
    if calibrated:
        _calibrate(uri, values)
    attributes = {"title": "Fiji: ifs/2026-11-22T00 at 0.05 degree", "attribution": "invented"}
    seal(uri, attributes | ({"ledger": json.dumps({"timezone": "Pacific/Fiji"})} if calibrated else {}))


def _calibrate(uri: str, values: dict[str, np.ndarray]) -> None:
    """Temperature by up to 2 K, warmer in the west and colder in the east; wind slower."""
    warmer = np.broadcast_to(2.0 * np.cos(np.deg2rad(25 * (GRID.longitude - GRID.west))), values["t2m"].shape)
    added = {"t2m": warmer} | {n: values[n] * (WIND_FACTOR - 1.0) for n in ("u10", "v10")}
    errors = np.array([-2.0, np.nan, 1.5]) * np.ones((len(HOURS), 1))
    expected = {"t2m": errors, "wind_speed": 0.4 * np.abs(errors)}
    applied = dict.fromkeys(expected, CORRECTED)
    later = np.linspace(1.0, 2.0, len(HOURS))[:, None] * np.array([-1.6, -1.3, -0.7, 0.1, 0.8, 1.4, 1.8])
    ranges = {"t2m": later, "wind_speed": 0.2 * later}
    record = Calibration(None, STATIONS, {n: 0.5 * e for n, e in expected.items()}, expected, applied, ranges)
    create_calibration(uri, open_product(uri).fields, list(added), record)
    group = zarr.open_group(zarr_store(uri), mode="r+", use_consolidated=False)
    for name, by in added.items():
        rounded = increment(np.where(CORRECTED[:, None, None], by, 0.0))
        group[f"{GROUP}/{name}"][:] = rounded
        group[name][:] = round_field(name, values[name] + rounded)


def _expected(uri: str) -> dict[str, object]:
    """What xarray reads at PLACES, null where it is missing; a longitude may be said as east or as west."""
    product = xr.open_zarr(uri)
    at = []
    for latitude, longitude in PLACES:
        east = longitude + 360 if longitude < 0 else longitude
        found = product.sel(latitude=latitude, longitude=east, method="nearest").load()
        series = {n: [float(v) if np.isfinite(v) else None for v in found[n].values] for n in NAMES}
        at.append({"latitude": latitude, "longitude": longitude} | series)
    times = [str(t)[:16] + "Z" for t in product["valid_time"].values]
    return {"leads": HOURS.tolist(), "times": times, "periods": [3] * len(HOURS), "places": at}


if __name__ == "__main__":
    for name in (PRODUCT, CALIBRATED):
        shutil.rmtree(KEPT / name, ignore_errors=True)
    write(KEPT)
