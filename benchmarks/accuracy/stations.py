"""Products beside interpolation of the same input, against real observations of the same time.

    python -m benchmarks.accuracy.stations DATA          # writes results/stations.json and the table of docs/verify.md
    python -m benchmarks.accuracy.stations DATA PACKAGE  # of another package, by its folder: prints alone

DATA: folder with stations/matched_*.csv and the fields that belong to them. Nothing is fitted here.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from models.downscaler import Downscaler
from tasks.downscale.fields import downscale_fields
from tasks.downscale.predict import make_plan
from tasks.errors import BadInput
from tasks.grids.gridded import Gridded
from tasks.handover.candidates import ALL, APART, CASES, HEADLINE, Candidate
from tasks.observations.matching import pairs
from tasks.observations.networks.files import read_observations
from tasks.observations.networks.table import rejected, usable
from tasks.observations.quality import quality_control
from tasks.packages import open_package
from tasks.prepare import prepare_files
from tasks.present import display
from tasks.region import search as regions
from tasks.validate.scores import Scores, score

RESULTS = Path(__file__).parents[1] / "results" / "stations.json"
PAGE = Path(__file__).parents[2] / "docs" / "verify.md"
MARK = "<!-- stations: written by `python -m benchmarks.accuracy.stations DATA` -->"
PRINTED = ("t2m", "d2m", "msl", "sp", "wind_speed", "wind_vector")
TERRAIN = ("static", "hres_0p1_orography.nc")
Box = tuple[float, float, float, float]  # north, south, west, east
SHIPPED = "inr-hres"
MARGIN = 0.5  # degrees around the stations of a tile


@dataclass(frozen=True)
class Match:
    """A set of observations and the fields of their time."""

    name: str
    stations: str
    fields: list[str]  # the first that has values in a box counts
    variables: list[str]
    input_spacing: float
    spacing: float
    tile: float = 20.0  # degrees: a product is made of each tile that has stations
    time: str | None = None  # of fields that do not say it


MATCHES = [
    Match("IFS 0.25, 2025-01-16 00 UTC", "matched_ifs_20250116T00.csv", ["fixtures/ifs_0p25_2t_20250115T00_24h.grib2"],
          ["t2m"], 0.25, 0.05),
    Match("IFS 0.25, 2025-01-16 18 UTC", "matched_ifs_20250116T18.csv",
          ["fixtures/ifs_0p25_scda_msl_2t_20250115T18_24h.grib2"], ["t2m", "msl"], 0.25, 0.05),
    Match("HRES 0.1, 2021-12-10 20 UTC", "matched_hres_20211210T20.csv",
          ["train/hres_0p1_nh_20211210T20.nc", "test/hres_0p1_china_20211210T20.nc"],
          ["t2m", "d2m", "u10", "v10", "sp", "msl"], 0.1, 0.05, 5.0, "2021-12-10T20"),
]  # fmt: skip
SHOWN = [
    Candidate("product", "bilinear", "standard"), Candidate("product", "bilinear"), Candidate("product", "similar"),
    Candidate("input", "nearest"), Candidate("input", "bilinear"), Candidate("input", "bilinear", "standard"),
    Candidate("input", "bilinear", "own"),
]  # fmt: skip


def tiles(observations: pd.DataFrame, side: float) -> list[Box]:
    """north, south, west, east around the stations of each tile that has some."""
    places = observations.drop_duplicates("station")
    names = [(np.floor(places[c] / side)) for c in ("latitude", "longitude")]
    boxes = []
    for _, found in places.groupby(names):
        lat, lon = found["latitude"], found["longitude"]
        box = (lat.max() + MARGIN, lat.min() - MARGIN, lon.min() - MARGIN, lon.max() + MARGIN)
        boxes.append(tuple(round(float(v), 2) for v in box))
    return boxes


def product_of(
    data: Path,
    match: Match,
    fields: str,
    box: tuple[float, float, float, float],
    halo: int,
    method: Downscaler,
    names: list[str],
) -> tuple[Gridded, Gridded]:
    """(product, input) over a box."""
    north, south, west, east = box
    place, terrain = TERRAIN
    region = regions.parse(
        {
            "name": "match", "title": match.name, "box": {"north": north, "south": south, "west": west, "east": east},
            "spacing": match.spacing, "input_spacing": match.input_spacing, "variables": match.variables,
            "terrain": terrain,
        },
        data / place, "match",
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        file = data / fields
        if match.time is not None:
            with xr.open_dataset(file) as undated:
                file = Path(folder) / "dated.nc"
                cut = undated.sel(latitude=slice(north + 3, south - 3), longitude=slice(west - 3, east + 3))
                if 0 in cut.sizes.values():
                    raise BadInput(f"{fields} does not reach {box}")
                cut.drop_encoding().assign_coords(time=np.datetime64(match.time, "ns")).to_netcdf(file)
        _, prepared = prepare_files([str(file)], region, halo)
    plan = make_plan(prepared.grid, region.target, prepared.operator, halo=halo, reach=method.reach)
    fine = downscale_fields(prepared, plan, method, names)
    statics = prepared.statics
    assert statics is not None
    m = statics.margin
    height = statics.fine["height"][m:-m, m:-m]
    return Gridded(fine, region.target, height), prepared.gridded


def matched(data: Path, match: Match, model: str = SHIPPED) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Pairs and the observations with their quality."""
    observations = quality_control(read_observations(str(data / "stations" / match.stations)))
    package = open_package(model)
    method = package.load()
    parts = []
    for box in tiles(usable(observations), match.tile):
        for fields in match.fields:
            try:
                product, coarse = product_of(data, match, fields, box, package.halo, method, package.variables)
            except BadInput as error:
                print(f"{match.name}: {box}: not in {fields}: {error}")
                continue
            parts.append(pairs(product, coarse, observations))
            print(f"{match.name}: {box}: {len(parts[-1])} pairs", flush=True)
            break
    found = pd.concat(parts, ignore_index=True)
    return found.drop_duplicates(["station", "time", "variable", "period"]), observations


def section(results: dict[str, dict]) -> str:
    """The tables of docs/verify.md."""
    titles = {c.name: c.title for c in SHOWN}
    lines = [
        "RMSE [95 % interval] and bias, with the number of stations, of `inr-hres` at 0.05 degree from the fields'",
        "own grid, terrain from the HRES's 0.1 degree orography; written by",
        "`python -m benchmarks.accuracy.stations DATA`.",
        "Nothing was fitted or chosen on these sets. Bold: the lowest RMSE of a column.",
        "",
    ]
    for name, found in results.items():
        scores = [s for s in found["scores"] if s["candidate"] in titles and s["group"] != CASES]
        for variable in dict.fromkeys(s["variable"] for s in scores if s["variable"] in PRINTED):
            lines += _table(name, variable, [s for s in scores if s["variable"] == variable], titles)
    return "\n".join(lines).rstrip() + "\n"


def _table(name: str, variable: str, scores: list[dict], titles: dict[str, str]) -> list[str]:
    how = display.of(variable)
    unit = how.unit.replace("°C", "K")  # of differences
    groups = [g for g in (HEADLINE, APART, ALL) if any(s["group"] == g for s in scores)]
    by = {(s["candidate"], s["group"]): s for s in scores}
    best = {g: min((s for s in scores if s["group"] == g), key=lambda s: s["rmse"])["candidate"] for g in groups}
    counts = {g: next(s["count"] for s in scores if s["group"] == g) for g in groups}
    head = " | ".join(f"{g}, n = {counts[g]}" for g in groups)
    lines = [f"**{name}, {variable}, {unit}**", "", f"| | {head} |", "|---|" + "---|" * len(groups)]
    for candidate, title in titles.items():
        cells = []
        for g in groups:
            s = by.get((candidate, g))
            if s is None:
                cells.append("–")
                continue
            rmse, low, high, bias = (
                f"{s[k] * how.scale:.{how.score_decimals}f}" for k in ("rmse", "low", "high", "bias")
            )
            rmse = f"**{rmse}**" if best[g] == candidate else rmse
            cells.append(f"{rmse} [{low}, {high}], {bias}")
        if any(c != "–" for c in cells):
            lines.append(f"| {title} | {' | '.join(cells)} |")
    return [*lines, ""]


def write_page(results: dict[str, dict]) -> None:
    """Put the tables into docs/verify.md."""
    text = PAGE.read_text()
    start = text.index(MARK) + len(MARK)
    end = text.index("\n**What these say.**", start)
    PAGE.write_text(text[:start] + "\n\n" + section(results) + text[end:])


def main() -> None:
    """Match, score, print and keep."""
    data, model, results = Path(sys.argv[1]), next(iter(sys.argv[2:]), SHIPPED), {}
    for match in MATCHES:
        found, observations = matched(data, match, model)
        done: Scores = score(found)
        results[match.name] = {
            "rejected": rejected(observations),
            "observations": len(observations),
            "scores": [s.model_dump() for s in done.scores],
            "skill": [s.model_dump() for s in done.skill],
        }
        for s in done.scores:
            c = Candidate.parse(s.candidate)
            if c in SHOWN:
                print(
                    f"{s.variable:14} {s.group:12} {c.title:48} n {s.count:4} bias {s.bias:8.3f} "
                    f"rmse {s.rmse:8.3f} [{s.low:.3f}, {s.high:.3f}]"
                )
        for k in done.skill:
            print(f"{k.variable:14} {k.group:12} skill {k.skill:.3f} [{k.low:.3f}, {k.high:.3f}] against {k.best}")
    if model == SHIPPED:
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
        write_page(results)


if __name__ == "__main__":
    main()
