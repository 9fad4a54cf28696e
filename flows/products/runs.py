"""What earlier runs forecast for the times of a newer one: how much a forecast still changes from run to run."""

from __future__ import annotations

import logging
from datetime import datetime

import numpy as np
from pydantic import BaseModel

from flows.products.choose import Chosen
from flows.products.daily import SUMS
from flows.products.places import Place
from flows.products.series import Series, read_series
from tasks.arrays import DAMAGE
from tasks.errors import BadInput, in_a_line
from tasks.storage import exists, join
from tasks.store.ledger import entries
from tasks.store.paths import in_store

log = logging.getLogger(__name__)

MOST = 20


class EarlierRun(BaseModel):
    """A run before, at the lead times of the newer one; null where it has no value of that time."""

    cycle: str
    values: dict[str, list[float | None]]  # by variable


def earlier_runs(
    chosen: Chosen, store: str, count: int, names: list[str], places: list[Place], newer: list[Series]
) -> list[list[EarlierRun]]:
    """Of each place, as many good runs of the same source before this one as are asked for, the newest first.

    `newer`: the series of the chosen product, whose times are meant. Sums are taken only where both are of as many
    hours.
    """
    if not 1 <= count <= MOST:
        raise BadInput(f"--runs {count}: from 1 to {MOST}")
    mine = [e for e in entries(store, chosen.entry.region) if e.source == chosen.entry.source and e.good]
    before = sorted((e for e in mine if e.cycle < chosen.entry.cycle), key=lambda e: e.cycle, reverse=True)
    found: list[list[EarlierRun]] = [[] for _ in places]
    for entry in before:
        if len(found[0]) == count:
            break
        uri = in_store(store, entry.product)
        there = [n for n in names if n in entry.variables]
        if not there or not exists(join(uri, "zarr.json")):
            continue
        try:
            its_own = read_series(Chosen(entry, uri), there, None, places)
        except (BadInput, *DAMAGE) as error:  # of another box, without the terrain that an elevation wants, damaged
            log.warning("--runs: %s is left out: %s", entry.cycle, in_a_line(error))
            continue
        for i, series in enumerate(its_own):
            found[i].append(EarlierRun(cycle=entry.cycle, values=_at(series, newer[i])))
    return found


def _at(series: Series, newer: Series) -> dict[str, list[float | None]]:
    """The series' values at the times of a newer one."""
    of_time = {time: i for i, time in enumerate(series.times)}
    spans, wanted = _spans(series), _spans(newer)
    out: dict[str, list[float | None]] = {}
    for name, values in series.values.items():
        column: list[float | None] = []
        for time in newer.times:
            i = of_time.get(time)
            there = i is not None and np.isfinite(values[i]) and (name not in SUMS or spans.get(time) == wanted[time])
            column.append(round(float(values[i]), 3) if there and i is not None else None)
        out[name] = column
    return out


def _spans(series: Series) -> dict[datetime, float]:
    """Hours that each lead time's sums are of."""
    return {t: h - b for t, h, b in zip(series.times, series.lead_hours, series.begins, strict=True)}
