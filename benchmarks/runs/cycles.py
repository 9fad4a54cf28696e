"""A forecast that never was: whole cycles as ECMWF open data serves them, and regions to make of them.

`write_cycle` makes one file a lead time, seven parameters on the global 0.25 degree grid, GRIB 2 with CCSDS packing.
Fields are noise with the spectrum, mean and spread of the variable, and move and change from lead time to lead time,
so that decoding, compressing and computing cost what real ones cost. By hand: `python -m benchmarks.runs.cycles
FOLDER`.
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import eccodes
import numpy as np
import xarray as xr
import yaml
from scipy.interpolate import RegularGridInterpolator

from tasks.grids.grid import Grid
from tasks.region.search import SHIPPED
from tests.grib import messages
from tests.servers.opendata import DEMO_GRIB, param_of, relabelled

TIME = datetime(2026, 11, 20, tzinfo=UTC)
LEAD_HOURS = list(range(0, 145, 3))
PARAMETERS = {"2t": "t2m", "2d": "d2m", "10u": "u10", "10v": "v10", "sp": "sp", "msl": "msl", "tp": "tp"}
WORLD = Grid(90.0, -180.0, 0.25, 0.25, 721, 1440)
TERRAIN = Grid(90.0, -180.0, 0.1, 0.1, 1801, 3600)
BITS = 13  # a value: 0.6 MB a message, as real ones have
DRIFT = 4, 2  # points of 0.25 degree that two layers of weather go east in a lead time
TURN = 2 * np.pi / 16  # by which one layer gives way to the other in a lead time: all is new after 12 h
POLAR = 15.0  # degrees from a pole, from which fields become calm towards it
# spectral amplitudes fall with wavenumber k as k ** -slope; one-dimensional spectra then as k ** (1 - 2 * slope)
SLOPES = {"t2m": 2.0, "d2m": 1.8, "u10": 1.75, "v10": 1.75, "msl": 3.0, "tp": 1.3}
DOMAINS = ("hubei", "china", "globe")
BOXES = {
    "china": {"north": 54.0, "south": 18.0, "west": 73.0, "east": 135.0},
    "globe": {"north": 90.0, "south": -90.0, "west": -180.0, "east": 179.95},
}
TERRAIN_MARGIN = 4.0  # degrees that a region's terrain file reaches beyond its box


def noise(shape: tuple[int, int], slope: float, seed: int) -> np.ndarray:
    """(rows, cols) float64 of mean 0 and standard deviation 1, whose amplitudes fall as wavenumber ** -slope."""
    spectrum = np.fft.rfft2(np.random.default_rng(seed).standard_normal(shape))
    k = np.hypot(*np.meshgrid(np.fft.fftfreq(shape[0]), np.fft.rfftfreq(shape[1]), indexing="ij"))
    field = np.fft.irfft2(spectrum / np.maximum(k, 1 / 720) ** slope, s=shape)
    return (field - field.mean()) / field.std()


def _calm_poles(field: np.ndarray, grid: Grid) -> np.ndarray:
    """The field, constant at the poles: all columns are one place there."""
    reach = np.clip((90.0 - np.abs(grid.latitude)) / POLAR, 0.0, 1.0)[:, None]
    return field * np.sin(reach * np.pi / 2) ** 2


def on_world(message: bytes, values: np.ndarray) -> bytes:
    """The message with these values (721, 1440) on ECMWF's global grid, which begins at 180 degrees; metadata stay."""
    handle = eccodes.codes_new_from_message(message)
    corners = {"latitudeOfFirst": 90, "latitudeOfLast": -90, "longitudeOfFirst": 180, "longitudeOfLast": 179.75}
    try:
        for key, value in {"Ni": WORLD.cols, "Nj": WORLD.rows, "bitsPerValue": BITS}.items():
            eccodes.codes_set(handle, key, value)
        if eccodes.codes_get(handle, "typeOfLevel") in ("surface", "meanSea"):  # as in open data: not so in the demo
            eccodes.codes_set_missing(handle, "scaledValueOfFirstFixedSurface")
        for key, degrees in corners.items():
            eccodes.codes_set(handle, f"{key}GridPointInDegrees", float(degrees))
        eccodes.codes_set_array(handle, "values", np.asarray(values, dtype=np.float64).ravel())
        return bytes(eccodes.codes_get_message(handle))
    finally:
        eccodes.codes_release(handle)


@cache
def heights() -> tuple[np.ndarray, np.ndarray]:
    """Made-up height in m and land fraction on TERRAIN: two fifths of it are land, the highest about 6000 m."""
    relief = _calm_poles(noise((TERRAIN.rows, TERRAIN.cols), 2.0, 100), TERRAIN) - 0.25
    height = np.minimum(900.0 * np.maximum(relief, 0) ** 1.4, 6500.0).astype(np.float32)
    return height, (relief > 0).astype(np.float32)


def _sampled(field: np.ndarray) -> np.ndarray:
    """A field on TERRAIN at the points of WORLD, as real fields are sampled."""
    south_up = RegularGridInterpolator((TERRAIN.latitude[::-1], TERRAIN.longitude), field[::-1])
    points = np.meshgrid(WORLD.latitude.clip(-90, 90), WORLD.longitude, indexing="ij")
    return np.asarray(south_up(tuple(points)), np.float32)


@dataclass
class _Layers:
    """Two fields of one variable, which drift and turn into one another."""

    first: np.ndarray
    second: np.ndarray

    @classmethod
    def of(cls, name: str, seed: int) -> _Layers:
        shape = WORLD.rows, WORLD.cols
        pair = [_calm_poles(noise(shape, SLOPES[name], seed + i), WORLD).astype(np.float32) for i in (0, 1)]
        return cls(*pair)

    def at(self, number: int) -> np.ndarray:
        """(721, 1440) float32, mean 0, standard deviation 1: the lead time of that number."""
        first, second = (np.roll(f, number * d, axis=1) for f, d in zip((self.first, self.second), DRIFT, strict=True))
        turned: np.ndarray = np.cos(number * TURN) * first + np.sin(number * TURN) * second
        return turned


class Weather:
    """Every variable at every lead time, in SI units; precipitation adds up, so lead times are asked for in order."""

    def __init__(self) -> None:
        self.layers = {name: _Layers.of(name, 10 * i) for i, name in enumerate(SLOPES)}
        self.height = _sampled(heights()[0])
        self.warmth = (300.0 - 45.0 * np.sin(np.deg2rad(WORLD.latitude)) ** 2)[:, None].astype(np.float32)
        self.rain = np.zeros((WORLD.rows, WORLD.cols), dtype=np.float32)

    def fields(self, number: int) -> dict[str, np.ndarray]:
        """(721, 1440) float32 each."""
        unit = {name: layers.at(number) for name, layers in self.layers.items()}
        t2m = self.warmth - 0.0055 * self.height + 5.0 * unit["t2m"]
        msl = 101_100.0 + 1200.0 * unit["msl"]
        if number:  # a sixth of the Earth has rain at a time, mostly a few mm in three hours
            self.rain += 1.5e-3 * np.maximum(unit["tp"] - 1.0, 0.0) ** 1.5
        return {
            "t2m": t2m,
            "d2m": t2m - 4.0 * np.exp(0.6 * unit["d2m"]),  # seldom less than 1 K below: no fog over whole provinces
            "u10": 5.5 * unit["u10"],
            "v10": 4.7 * unit["v10"],
            "sp": msl * np.exp(-self.height / 8400.0),
            "msl": msl,
            "tp": self.rain,
        }


def write_cycle(folder: Path, lead_hours: list[int] | None = None) -> list[Path]:
    """One GRIB file a lead time; no `tp` at 0 h, as in open data. 4 MB and half a second each."""
    folder.mkdir(parents=True, exist_ok=True)
    forms = {param_of(m): m for m in messages(DEMO_GRIB)}
    weather, files = Weather(), []
    for number, hour in enumerate(lead_hours or LEAD_HOURS):
        fields = weather.fields(number)
        path = folder / f"{TIME:%Y%m%d%H%M%S}-{hour}h-oper-fc.grib2"
        with path.open("wb") as out:
            for param, name in PARAMETERS.items():
                if hour or name != "tp":
                    out.write(relabelled(on_world(forms[param], fields[name]), TIME, hour))
        files.append(path)
    return files


def write_region(folder: Path, name: str, **changes: Any) -> str:
    """Path of the region folder of a domain, with the made-up terrain that the weather blows over.

    No observations: nothing outside this machine is asked.
    """
    target = folder / name
    if name == "hubei":
        shutil.copytree(SHIPPED / "hubei", target, dirs_exist_ok=True)
        data: dict[str, Any] = yaml.safe_load((target / "region.yaml").read_text()) | {"terrain": "made-up.nc"}
        _write_terrain(target / "made-up.nc", data["box"])
    else:
        target.mkdir(parents=True, exist_ok=True)
        data = {"name": name, "title": name, "box": BOXES[name], "spacing": 0.05, "terrain": "terrain.nc"}
        data |= {"variables": list(PARAMETERS.values())}
        _write_terrain(target / "terrain.nc", BOXES[name])
    data |= {"observations": {"sources": []}, **changes}
    (target / "region.yaml").write_text(yaml.safe_dump(data))
    return str(target)


def _write_terrain(path: Path, box: dict[str, float]) -> None:
    height, land = heights()
    rows = np.abs(TERRAIN.latitude - (box["north"] + box["south"]) / 2)
    cols = np.abs(TERRAIN.longitude - (box["west"] + box["east"]) / 2)
    keep = (
        np.flatnonzero(rows <= (box["north"] - box["south"]) / 2 + TERRAIN_MARGIN),
        np.flatnonzero(cols <= (box["east"] - box["west"]) / 2 + TERRAIN_MARGIN),
    )
    where = {"latitude": TERRAIN.latitude[keep[0]], "longitude": TERRAIN.longitude[keep[1]]}
    dims = ("latitude", "longitude")
    fields = {"z": (dims, height[np.ix_(*keep)], {"units": "m"}), "lsm": (dims, land[np.ix_(*keep)], {"units": "1"})}
    xr.Dataset(fields, where).to_netcdf(path)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lead-times", type=int, default=len(LEAD_HOURS), help="how many, 3 h apart")
    args = parser.parse_args()
    files = write_cycle(args.folder / "cycle", LEAD_HOURS[: args.lead_times])
    print(f"{len(files)} files, {sum(f.stat().st_size for f in files) / 1e6:.0f} MB: {files[0].parent}")
    for name in DOMAINS:
        print(write_region(args.folder / "regions", name))


if __name__ == "__main__":
    main()
