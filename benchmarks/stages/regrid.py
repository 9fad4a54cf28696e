"""Regridding many fields: ours, `xarray.interp`, xarray-regrid, ECMWF's MIR. Part of benchmarks.stages."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from benchmarks.runs.cycles import WORLD, noise
from benchmarks.shared.rounds import interleaved
from tasks.grids.grid import Grid, lattice
from tasks.grids.regrid import regrid

HUBEI_FINE = lattice(33.4, 29.0, 108.3, 116.2, 0.05)
HUBEI_INPUT = lattice(37.5, 25.0, 104.5, 120.0, 0.25)  # with halo
AREA = {0.25: lattice(34.0, 28.5, 107.75, 116.75, 0.25), 0.1: lattice(38.0, 24.5, 104.0, 120.5, 0.1)}  # and a margin
COUNTS = 25, 343
# name: source, target, numbers of fields; from the globe not 343, which would be 1.4 GB
CASES: dict[str, tuple[Grid, Grid, tuple[int, ...]]] = {
    "0.25° globe to 0.25° Hubei": (WORLD, HUBEI_INPUT, COUNTS[:1]),
    "0.1° area to 0.25° Hubei": (AREA[0.1], HUBEI_INPUT, COUNTS),
    "0.25° area to 0.05° Hubei": (AREA[0.25], HUBEI_FINE, COUNTS),
}
LINEAR, MEANS = "finescale, bilinear", "finescale, conservative"
INTERP, LINEAR_LIBRARY = "`xarray.interp`", "xarray-regrid, linear"
MEANS_LIBRARY, MIR_LINEAR, MIR_MEANS = "xarray-regrid, conservative", "MIR, bilinear", "MIR, grid-box-average"
Way = Callable[[], np.ndarray]
FINER = 1.5  # ratio of spacings from which ours takes means of states too: bilinear is then the others' alone


def _mir(fields: np.ndarray, source: Grid, target: Grid, method: str) -> np.ndarray:
    """Arrays in, arrays out: no GRIB is decoded or encoded on the way. Weights are in its cache after the first."""
    import mir

    area = [source.north, source.west, source.south, source.east]
    spec = {"grid": [source.dlon, source.dlat], "area": area}
    job = mir.Job()
    job.set("grid", f"{target.dlon:g}/{target.dlat:g}")
    job.set("area", f"{target.north:g}/{target.west:g}/{target.south:g}/{target.east:g}")
    job.set("interpolation", method)
    out = []
    for field in fields:
        result = mir.ArrayOutput()
        job.execute(mir.ArrayInput(field.astype(np.float64).ravel(), spec), result)
        out.append(np.asarray(result.values(), dtype=np.float32).reshape(result.shape))
    return np.stack(out)


def _ways(fields: np.ndarray, source: Grid, target: Grid) -> dict[str, Way]:
    import xarray_regrid  # noqa: F401  registers .regrid; here, because it is of the extra `bench`

    where = {"latitude": source.latitude, "longitude": source.longitude}
    array = xr.DataArray(fields, where, ("field", "latitude", "longitude"))
    to = {"latitude": target.latitude, "longitude": target.longitude}
    like = xr.Dataset(coords=to)
    ways: dict[str, Way] = {
        LINEAR: lambda: regrid(fields, source, target, conservative=False),
        MEANS: lambda: regrid(fields, source, target, conservative=True),
        INTERP: lambda: array.interp(to).values,
        LINEAR_LIBRARY: lambda: array.regrid.linear(like).values,
        MEANS_LIBRARY: lambda: array.regrid.conservative(like, latitude_coord="latitude").values,
        MIR_LINEAR: lambda: _mir(fields, source, target, "bilinear"),
        MIR_MEANS: lambda: _mir(fields, source, target, "grid-box-average"),
    }
    if target.dlat > FINER * source.dlat:
        del ways[LINEAR]
    return ways


def _difference(ways: dict[str, Way]) -> dict[str, float]:
    """RMS of each way minus the reference's of its kind, over the field's standard deviation."""
    out = {}
    references = {n: ways[n]() for n in (LINEAR, MEANS) if n in ways}
    for name, run in ways.items():
        reference = references.get(MEANS if name in (MEANS, MEANS_LIBRARY, MIR_MEANS) else LINEAR)
        if reference is not None:
            out[name] = float(np.sqrt(np.nanmean((run() - reference) ** 2)) / reference.std())
    return out


def measure(rounds: int) -> dict[str, Any]:
    """Seconds of all rounds of every case, weights made before; and how far each result is from ours."""
    with tempfile.TemporaryDirectory() as cache:
        os.environ["MIR_CACHE_PATH"] = cache
        cases = []
        for name, (source, target, counts) in CASES.items():
            field = 280 + 5 * noise((source.rows, source.cols), 2.0, 7).astype(np.float32)
            for count in counts:
                fields = np.stack([np.roll(field, i, axis=1) for i in range(count)])
                ways = _ways(fields, source, target)
                seconds = interleaved(ways, rounds)
                differs = _difference(_ways(fields[:1], source, target))
                cases.append({"case": name, "fields": count, "ways": seconds, "differs": differs})
    return {"cases": cases}


def _far(share: float | None) -> str:
    return "–" if share is None else "0" if share < 1e-9 else f"{share:.0e} σ"


def table(found: dict[str, Any], memory: float) -> str:
    """Markdown: ms of every way, and times of ours of the same kind; `memory` in bytes a second."""
    text = ""
    for case in found["cases"]:
        best = {n: min(s) for n, s in case["ways"].items()}
        title = f"{case['case']}, {case['fields']} fields"
        text += f"| {title} | ms | times ours | differs from ours by | share of the limit |\n"
        text += "|---|---:|---:|---:|---:|\n"
        source, target, _ = CASES[case["case"]]
        moved = 4 * case["fields"] * (source.rows * source.cols + target.rows * target.cols)  # read and written once
        for name, seconds in best.items():
            ours = best.get(MEANS if name in (MEANS, MEANS_LIBRARY, MIR_MEANS) else LINEAR)
            ratio = f"{seconds / ours:.2f}" if ours is not None else "–"
            far = case["differs"].get(name)
            text += f"| {name} | {1e3 * seconds:.1f} | {ratio} | {_far(far)} | "
            text += f"{moved / seconds / memory:.3f} |\n"
        text += "\n"
    return text
