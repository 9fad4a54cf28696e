"""One place's forecast as a table that spreadsheets open."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from flows.products.export.wanted import Wanted
from flows.products.series import read_series

DECIMALS = 3  # beyond what any of the units means


def write_csv(wanted: Wanted, latitude: float, longitude: float, path: Path) -> None:
    """A row a lead time: UTC, lead time, each variable in the unit that its heading names.

    UTF-8 with a byte order mark: without it Excel takes °C for something else.
    """
    found = read_series(wanted.chosen, wanted.names, wanted.steps, latitude, longitude)
    headings = {n: f"{n} [{u}]" for n, u in found.units.items()} | {"lead_hours": "lead [h]"}
    table = found.values.rename(columns=headings).round(DECIMALS)
    table.insert(0, "time [UTC]", pd.Series([f"{t:%Y-%m-%d %H:%M}" for t in found.times]))
    table.to_csv(path, index=False, encoding="utf-8-sig", lineterminator="\r\n")
