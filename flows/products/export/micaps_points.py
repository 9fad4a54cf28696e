"""A product at stations as MICAPS reads it: type 3, one value a station, a file a field and lead time.

Format: MICAPS 3.2 user manual, appendix A1 (China Meteorological Administration, 2011). Times are the valid time in
Beijing; files are called by the forecast's start and the lead time as those of grids are.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from flows.products.export.micaps import ASCII, BEIJING, MISSING
from flows.products.export.wanted import Wanted
from flows.products.places import Place
from flows.products.series import Series, inside, read_series
from tasks.errors import BadInput
from tasks.present import display

log = logging.getLogger(__name__)

NUMBER = re.compile(r"\d{1,9}")  # of a station
TEMPERATURE, RAIN = -3, {6: -1, 24: -2}  # levels by which MICAPS knows an element; rain by the hours it is of
OTHER = 0


def micaps_point_writers(wanted: Wanted, places: list[Place], folder: Path) -> dict[Path, Callable[[Path], None]]:
    """A writer of each file, in the units shown; of a place with an elevation temperature is brought there.

    Stations are called by their numbers, or names that are numbers, where all have one; else by their place in the
    list, with a warning. Those outside are left out. BadInput for lead times that are no whole hours.
    """
    places = inside(wanted.chosen, places)
    found = read_series(wanted.chosen, wanted.names, wanted.lead_hours, places)
    numbers = next((n for n in ([p.number for p in places], [p.name for p in places]) if _are_numbers(n)), [])
    if not numbers:
        log.warning("--places: stations have no numbers of their own (column `number`): they are 1 to %d", len(places))
        numbers = [str(i) for i in range(1, len(places) + 1)]
    start = wanted.chosen.cycle.time.astimezone(BEIJING)
    writers = {}
    for name in found[0].values:
        for i, hour in enumerate(found[0].lead_hours):
            if hour % 1 or wanted.chosen.cycle.time.minute:
                raise BadInput(
                    f"--format micaps-points: it has whole hours alone, and there is +{hour:g} h; leave it out"
                )
            path = folder / wanted.chosen.name / name / f"{start:%y%m%d%H}.{hour:03.0f}"
            writers[path] = _writer(wanted, name, i, list(zip(numbers, places, found, strict=True)))
    return writers


def _are_numbers(texts: list[str]) -> bool:
    return all(NUMBER.fullmatch(t) for t in texts) and len(set(texts)) == len(texts)


def _writer(wanted: Wanted, name: str, i: int, rows: list[tuple[str, Place, Series]]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_text(text_of(wanted, name, i, rows), encoding="ascii")

    return write


def text_of(wanted: Wanted, name: str, i: int, rows: list[tuple[str, Place, Series]]) -> str:
    """One lead time's file: the i-th of the series."""
    entry, first = wanted.chosen.entry, rows[0][2]
    hour, over = first.lead_hours[i], first.lead_hours[i] - first.begins[i]
    valid, start = first.times[i].astimezone(BEIJING), wanted.chosen.cycle.time.astimezone(BEIJING)
    level = TEMPERATURE if name == "t2m" else RAIN.get(round(over), OTHER) if name == "tp" else OTHER
    of = f"_{over:.0f}h" if name == "tp" else ""
    title = f"finescale_{entry.region}_{entry.source}_{name}{of}_{first.units[name].translate(ASCII)}"
    lines = [
        f"diamond 3 {title}_{start:%Y%m%d%H}+{hour:.0f}h_BJT",
        f"{valid:%Y %m %d %H} {level}",
        "0",  # contours; then smoothing and which is bold, a clip region without points
        "0 0",
        "0",
        f"1 {len(rows)}",
    ]
    decimals = display.of(name).decimals + 1
    for number, place, series in rows:
        value = float(series.values[name][i])
        shown = f"{np.round(value, decimals) + 0.0:.{decimals}f}" if math.isfinite(value) else f"{MISSING:.0f}"
        height = place.elevation if place.elevation is not None else series.cell.height
        at = f"{height:.1f}" if height is not None and math.isfinite(height) else f"{MISSING:.0f}"
        lines.append(f"{number} {place.longitude:.4f} {place.latitude:.4f} {at} {shown}")
    return "\n".join(lines) + "\n"
