"""The input of a product by lead time: refused where its fields contradict each other, doubted where an older one does.

What is measured, and how far real fields go: `consistency` (fields of one time), `steadiness` (of several).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import xarray as xr

from tasks.errors import CorruptField
from tasks.grids.grid import Grid
from tasks.grids.gridded import lead_times
from tasks.handover.prepared import DOUBT
from tasks.prepare.assemble import Assembled
from tasks.prepare.consistency import Finding, findings
from tasks.prepare.earlier import Earlier
from tasks.prepare.fields import FieldHeader
from tasks.prepare.steadiness import differing, jumps
from tasks.variables import VARIABLES

log = logging.getLogger(__name__)

REMEDY = (
    "a byte of the message is wrong: download the file again; with its maker's sha-256 beside it (FILE.sha256) it is "
    "taken as it is"
)


def disagreement(
    fields: xr.Dataset, assembled: Assembled, heights: np.ndarray | None = None, *, confirmed: bool = False
) -> list[str]:
    """What cannot be true together in fields (step, latitude, longitude) of an input: CorruptField, unless `confirmed`.

    `heights`: terrain in m on the same grid, where it is known. `confirmed`: the bytes are proved to be those that were
    made; then weather that no limit foresaw is as likely, and a doubt is returned. Reads every lead time once.
    """
    try:
        _assert_agreeing(fields, assembled, heights)
    except CorruptField as error:
        if not confirmed:
            raise CorruptField(f"{error}; {REMEDY}") from None
        line = f"{DOUBT}{error}; its bytes are confirmed, so it is used"
        log.warning("%s", line)
        return [line]
    return []


def _assert_agreeing(fields: xr.Dataset, assembled: Assembled, heights: np.ndarray | None) -> None:
    names = [n for n in assembled.variables if not VARIABLES[n].amount]
    if not names:
        return
    grid = assembled.grid

    def each() -> Iterator[tuple[float, dict[str, np.ndarray]]]:
        for i, now in _together(fields, names):
            for finding in findings(now, grid.latitude, heights)[:1]:
                raise CorruptField(f"{_label(assembled, finding, i)}: {_place(finding, grid, now)}")
            yield assembled.lead_hours[i], now

    for jump in jumps(each(), grid.latitude)[:1]:
        beside = "between the lead times around it" if len(fields["step"]) > 2 else "from the other lead time"
        raise CorruptField(f"{_label(assembled, jump.finding, jump.index)}: {_place(jump.finding, grid)} {beside}")


def doubts(fields: xr.Dataset, assembled: Assembled, earlier: Earlier | None) -> list[str]:
    """What an earlier product's input has otherwise at the same valid times: one of the two is wrong, or neither.

    One line for the worst, with how many times there are; logged too. An input is not refused for what was before it.
    """
    if earlier is None or earlier.grid != assembled.grid:
        return []
    names = [n for n in assembled.variables if not VARIABLES[n].amount and n in earlier.fields]
    found: list[tuple[int, Finding]] = []
    for i, now in _together(fields, names) if names else ():
        then = earlier.at(assembled.valid_times[i], names)
        if then is not None:
            change = {n: f - then[n] for n, f in now.items()}
            found += [(i, f) for f in differing(change, assembled.grid.latitude)[:1]]
    if not found:
        return []
    i, worst = max(found, key=lambda pair: pair[1].excess)
    line = (
        f"{DOUBT}{_label(assembled, worst, i)}: {_place(worst, assembled.grid)} against {earlier.name} at the same "
        f"valid time (lead times: {len(found)}); one of the two is damaged: compare them, and download that one again"
    )
    log.warning("%s", line)
    return [line]


def _together(fields: xr.Dataset, names: list[str]) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """(index, variable -> field) of each lead time."""
    series = [lead_times(fields[n]) for n in names]
    for one in zip(*series, strict=True):
        yield one[0][0], {n: field for n, (_, field) in zip(names, one, strict=True)}


def _header(assembled: Assembled, name: str, valid: datetime) -> FieldHeader | None:
    return next(iter(assembled.messages[name].get(valid, [])), None)


def _label(assembled: Assembled, finding: Finding, index: int) -> str:
    """Messages, cycle and lead time."""
    valid = assembled.valid_times[index]
    headers = [h for n in finding.variables if (h := _header(assembled, n, valid)) is not None]
    when = f"{assembled.init.astimezone(UTC):%Y-%m-%dT%H} +{assembled.lead_hours[index]:g} h"
    if assembled.analysis:
        when = f"{valid:%Y-%m-%dT%H}"
    return f"{' and '.join(h.label for h in headers) or ', '.join(finding.variables)}, {when}"


def _place(finding: Finding, grid: Grid, fields: dict[str, np.ndarray] | None = None) -> str:
    row, col = finding.row, finding.col
    place = f"{grid.latitude[row]:g}N {grid.longitude[col]:g}E"
    values = ""
    if fields is not None:
        values = ", ".join(f"{n} {fields[n][row, col]:.6g} {VARIABLES[n].units}" for n in finding.variables)
        values = f" ({values})"
    of = f" of {', '.join(finding.variables)}" if fields is None else ""
    return f"{finding.what}{of}, {finding.excess:.3g} times what weather does, at {place}{values}"
