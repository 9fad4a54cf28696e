"""Whose heights a forecast's temperature goes with: those of its model's own terrain, or of an elevation model.

    python -m benchmarks.accuracy.own_terrain DATA    # prints Markdown, writes benchmarks/results/own_terrain.json

Real fields of ECMWF on 0.25 degree over land: by how much a point is warmer or colder than the mean of its four
neighbours, beside the same of heights. What a height correction of 6.5 K/km leaves of it has to be less than what was
there, or it does harm. Elevation models are averaged over the model's cells, and over the width that
`models.operator.Operator.terrain` says. DATA holds `static/`, `terrain/`, `fixtures/`, `train/`.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from benchmarks.stages.inference import RESULTS
from models.constants import DEGREE, STANDARD_LAPSE_RATE
from models.operator import ERA5, IFS, Operator
from tasks.grids.grid import Grid, lattice
from tasks.prepare.terrain import read_statics, smoothed

FILE = RESULTS / "own_terrain.json"
HRES, OWN = "static/hres_0p1_orography.nc", "the model's own"
BOXES = {  # north, south, west, east
    "Hubei": (33.25, 29.0, 108.25, 116.5),
    "western China": (40.0, 25.0, 80.0, 110.0),
    "Alps": (48.0, 44.0, 5.0, 15.0),
    "Rocky Mountains": (48.0, 34.0, -120.0, -105.0),
    "Andes": (-10.0, -35.0, -75.0, -62.0),
}


@dataclass(frozen=True)
class Case:
    """A field, whose it is, the file of its model's own terrain, an elevation model's, and where."""

    field: str
    operator: Operator
    own: str
    elevation: str
    boxes: tuple[str, ...]


CASES = {
    "ERA5, October": Case(
        "train/era5_0p25_t2m_monthly_202210.grib", ERA5, "static/era5_0p25_geopotential.nc", HRES, tuple(BOXES)
    ),
    "IFS, 30 June 2026 00 UTC": Case(
        "fixtures/ifs_0p25_2t_20260630T00_0h.grib2", IFS, HRES, "terrain/hubei_elevation_30arcsec.nc", ("Hubei",)
    ),
    "IFS, 16 January 2025 00 UTC": Case(
        "fixtures/ifs_0p25_2t_20250115T00_24h.grib2", IFS, HRES, "terrain/hubei_elevation_30arcsec.nc", ("Hubei",)
    ),
}


def on(field: xr.DataArray, grid: Grid) -> np.ndarray:
    """Linearly at the points of a grid."""
    longitude = grid.longitude % 360 if float(field.longitude.max()) > 180 else grid.longitude
    return np.asarray(field.interp(latitude=grid.latitude, longitude=longitude).values, dtype=np.float64)


def beside(field: np.ndarray) -> np.ndarray:
    """Less the mean of its four neighbours."""
    around = field[:-2, 1:-1] + field[2:, 1:-1] + field[1:-1, :-2] + field[1:-1, 2:]
    return field[1:-1, 1:-1] - around / 4


def measure(data: Path, case: Case, land: xr.DataArray) -> dict[str, dict[str, dict[str, float]]]:
    """By box and heights: what these explain, what a correction leaves, and how far they are from the model's own."""
    with xr.open_dataset(data / case.field, engine="cfgrib", backend_kwargs={"indexpath": ""}) as ds:
        temperature = ds["t2m"].squeeze().load()
    if "time" in temperature.dims:
        temperature = temperature.isel(time=0)
    (own, own_grid), (fine, fine_grid) = (read_statics(data / f) for f in (case.own, case.elevation))
    found: dict[str, dict[str, dict[str, float]]] = {}
    for name in case.boxes:
        grid = lattice(*BOXES[name], 0.25)
        heights = {OWN: smoothed(own["height"], own_grid, grid, min(own_grid.dlat, own_grid.dlon))}
        for width in (case.operator.footprint, case.operator.terrain):
            label = f"elevation model, over {width:.0f} km"
            heights[label] = smoothed(fine["height"], fine_grid, grid, width / DEGREE)
        there = on(land, grid)[1:-1, 1:-1] > 0.9
        warmer = beside(on(temperature, grid))[there]
        found[name] = {"nothing": {"left": float(np.sqrt(np.mean(warmer**2)))}}
        for label, height in heights.items():
            higher = beside(height)[there]
            slope = float(higher @ warmer / (higher @ higher))
            found[name][label] = {
                "explained": 1 - float(np.mean((warmer - slope * higher) ** 2) / np.mean(warmer**2)),
                "left": float(np.sqrt(np.mean((warmer - STANDARD_LAPSE_RATE * higher) ** 2))),
                "apart": float(np.sqrt(np.mean((height - heights[OWN]) ** 2))),
            }
    return found


def table(found: dict[str, dict[str, dict[str, dict[str, float]]]]) -> str:
    """Markdown."""
    lines = [
        "| field | box | heights | from the model's own, m | explained | left of a point's difference, K |",
        "|---|---|---|---:|---:|---:|",
    ]
    for title, boxes in found.items():
        for box, by_heights in boxes.items():
            for label, row in by_heights.items():
                apart = f"{row['apart']:.0f} | {row['explained']:.2f}" if "apart" in row else "– | –"
                lines.append(f"| {title} | {box} | {label} | {apart} | {row['left']:.2f} |")
    return "\n".join(lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    with xr.open_dataset(data / "static/era5_0p25_land_sea_mask.nc") as ds:
        land = next(iter(ds.data_vars.values())).squeeze().load()
    found = {title: measure(data, case, land) for title, case in CASES.items()}
    FILE.write_text(json.dumps(found, indent=1) + "\n")
    print(table(found))


if __name__ == "__main__":
    main()
