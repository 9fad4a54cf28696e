"""One place's forecast as a table that spreadsheets open."""

from __future__ import annotations

import csv
import math
from datetime import UTC
from pathlib import Path

from flows.products.export.wanted import Wanted
from flows.products.places import Place
from flows.products.series import read_series
from tasks.timezones import zone_of

DECIMALS = 3  # beyond what any of the units means


def write_csv(wanted: Wanted, latitude: float, longitude: float, path: Path) -> None:
    """A row a lead time: UTC, the region's own time if that is another, each variable in the unit of its heading.

    UTF-8 with a byte order mark: without it Excel takes °C for something else.
    """
    (found,) = read_series(wanted.chosen, wanted.names, wanted.steps, [Place(latitude, longitude)])
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.writer(file)
        zone = zone_of(wanted.chosen.entry.timezone)
        local = [f"time [{wanted.chosen.entry.timezone}]"] if zone is not UTC else []
        table.writerow(["time [UTC]", *local, "lead [h]", *(f"{n} [{u}]" for n, u in found.units.items())])
        for i, (time, hours) in enumerate(zip(found.times, found.lead_hours, strict=True)):
            cells = [hours, *(float(v[i]) for v in found.values.values())]
            # what is missing is an empty cell
            row = [round(c, DECIMALS) if math.isfinite(c) else "" for c in cells]
            times = [time, time.astimezone(zone)] if local else [time]
            table.writerow([*(f"{t:%Y-%m-%d %H:%M}" for t in times), *row])
