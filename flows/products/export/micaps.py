"""A product as MICAPS reads it, the workstation of China's forecasters: type 4 (grids), and type 11 (grids of wind).

A file a field and lead time, `FIELD/YYMMDDHH.FFF` by the start of the forecast in Beijing time, as MICAPS has all
times; some models' files have UTC in their second line all the same, so the title names the zone. Text: kind, title,
time, lead time, level, grid, and of type 4 how lines of equal value are drawn; then rows from north to south.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from flows.products.choose import Chosen
from flows.products.export.wanted import Wanted
from tasks.errors import BadInput
from tasks.grids.gridded import lead_times
from tasks.present import display
from tasks.variables import WINDS

if TYPE_CHECKING:
    import xarray as xr

BEIJING = ZoneInfo("Asia/Shanghai")
MISSING = 9999.0
LINES = 12  # of equal value between a field's ends, about; where the table of display names no interval
ASCII = str.maketrans({"°": "deg", "²": "2", " ": ""})  # of units
ROUND = (1.0, 2.0, 2.5, 5.0, 10.0)


def micaps_writers(wanted: Wanted, folder: Path) -> dict[Path, Callable[[Path], None]]:
    """A writer of each file; both components of a wind are one, if both are wanted."""
    product = wanted.open()
    parts = {name: [name] for name in wanted.names}
    for wind, components in WINDS.items():
        if set(components) <= set(wanted.names):
            parts = {n: p for n, p in parts.items() if n not in components} | {wind: list(components)}
    start = wanted.chosen.cycle.time.astimezone(BEIJING)
    found = {}
    for title, names in parts.items():
        for i, step in enumerate(wanted.steps):
            hour = wanted.chosen.entry.lead_hours[step]
            if hour % 1 or wanted.chosen.cycle.time.minute:
                raise BadInput(f"--format micaps: it has whole hours alone, and there is +{hour:g} h; leave it out")
            path = folder / wanted.chosen.name / _called(title) / f"{start:%y%m%d%H}.{hour:03.0f}"
            found[path] = _writer(wanted, product[names].isel(step=[i]), title, hour)
    return found


def _writer(wanted: Wanted, fields: xr.Dataset, title: str, hour: float) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_text(text_of(wanted.chosen, fields, title, hour), encoding="ascii")

    return write


def _called(title: str) -> str:
    """Both components of a wind are no speed."""
    return title.replace("_speed", "") if title in WINDS else title


def text_of(chosen: Chosen, fields: xr.Dataset, title: str, hour: float) -> str:
    """One lead time's file: a field, or the two of a wind."""
    entry, wind = chosen.entry, title in WINDS
    start = chosen.cycle.time.astimezone(BEIJING)
    values = [display.of(str(n)).shown(next(f for _, f in lead_times(array))) for n, array in fields.items()]
    d, west, north = entry.spacing, float(fields.longitude[0]), float(fields.latitude[0])
    rows, cols = values[0].shape
    east, south = west + (cols - 1) * d, north - (rows - 1) * d
    unit = display.of(title).unit.translate(ASCII)
    when = f"{start:%Y%m%d%H}+{hour:.0f}h_BJT"
    head = [
        f"diamond {11 if wind else 4} finescale_{entry.region}_{entry.source}_{_called(title)}_{unit}_{when}",
        f"{start:%Y %m %d %H} {hour:.0f} 0",
        f"{d:g} {-d:g} {west:.9g} {east:.9g} {north:.9g} {south:.9g} {cols} {rows}",
    ]
    if not wind:
        head[-1] += " " + " ".join(f"{v:g}" for v in _lines(values[0], display.of(title).isolines))
    decimals = display.of(title).decimals + 1
    # rounded first, or a small value below zero becomes -0.00
    body = [
        "\n".join(" ".join(f"{v:.{decimals}f}" for v in row) for row in _filled(field.round(decimals)))
        for field in values
    ]
    return "\n".join([*head, *body]) + "\n"


def _filled(field: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(field), field, MISSING) + 0.0


def _lines(field: np.ndarray, interval: float) -> tuple[float, float, float, int, int]:
    """Of equal value: their interval, the first and the last, how much they are smoothed, and which is bold (none)."""
    there = field[np.isfinite(field)]
    low, high = (float(there.min()), float(there.max())) if there.size else (0.0, 0.0)
    if not interval:
        unit = 10.0 ** np.floor(np.log10(max(high - low, 1e-3) / LINES))
        interval = next(float(r * unit) for r in ROUND if r * unit >= max(high - low, 1e-3) / LINES * 0.999)
    first, last = np.floor(low / interval) * interval, np.ceil(high / interval) * interval
    return interval, float(first), float(last), 1, 0
