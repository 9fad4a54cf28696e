"""Forecasts of places as a table that spreadsheets open."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from datetime import UTC
from pathlib import Path

from flows.products.export.wanted import Wanted
from flows.products.places import Place
from flows.products.series import inside, read_series
from tasks.timezones import zone_of

DECIMALS = 3  # beyond what any of the units means


def write_csv(wanted: Wanted, places: list[Place], hub_heights: Sequence[float], path: Path) -> None:
    """A row a place and lead time: UTC, the region's own time if that is another, each variable in its heading's unit.

    Which place it is, where, and the height that values are of, where they have names. UTF-8 with a byte order mark:
    without it Excel takes °C for something else.
    """
    named = bool(places[0].name)
    places = inside(wanted.chosen, places) if named else places
    found = read_series(wanted.chosen, wanted.names, wanted.lead_hours, places, hub_heights, wanted.hourly)
    known, zone = wanted.chosen.entry.lead_hours, zone_of(wanted.chosen.entry.timezone)
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.writer(file)
        local = [f"time [{wanted.chosen.entry.timezone}]"] if zone is not UTC else []
        site = ["place", "latitude", "longitude", "height [m]"] if named else []
        units = [f"{n} [{u}]" for n, u in found[0].units.items()]
        table.writerow([*site, "time [UTC]", *local, "lead [h]", *units, *(["interpolated"] if wanted.hourly else [])])
        for place, series in zip(places, found, strict=True):
            height = place.elevation if place.elevation is not None else series.cell.height
            whose = [place.name, place.latitude, place.longitude, "" if height is None else round(height, 1)]
            for i, (time, hours) in enumerate(zip(series.times, series.lead_hours, strict=True)):
                cells = [hours, *(float(v[i]) for v in series.values.values())]
                # what is missing is an empty cell
                row = [round(c, DECIMALS) if math.isfinite(c) else "" for c in cells]
                times = [time, time.astimezone(zone)] if local else [time]
                between = [int(hours not in known)] if wanted.hourly else []
                table.writerow([*(whose if named else []), *(f"{t:%Y-%m-%d %H:%M}" for t in times), *row, *between])
