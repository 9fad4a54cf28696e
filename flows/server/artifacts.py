"""What a person sees of a run in Prefect's UI: inputs, scores, picture, product, progress.

None of it is needed: where the API refuses or is away, a warning is logged and the run goes on.
"""

from __future__ import annotations

import base64
import functools
import io
import logging
import math
import re
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

from PIL import Image
from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.context import FlowRunContext, TaskRunContext

from tasks.counted import counted
from tasks.handover.cycle import Cycle, RawFile
from tasks.handover.scorecard import Check
from tasks.present.report.tables import comparisons, main_group
from tasks.present.report.words import percent
from tasks.present.score_rows import truth_rows
from tasks.storage import read_bytes
from tasks.store.ledger import LedgerEntry

log = logging.getLogger(__name__)

PICTURE_BYTES = 100_000  # of the data URI: it is stored in Prefect's database, once a run

P = ParamSpec("P")
T = TypeVar("T")


def _harmless(show: Callable[P, T]) -> Callable[P, T | None]:
    """Outside of a run nothing is shown; what goes wrong is a warning, and None is returned."""

    @functools.wraps(show)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T | None:
        if FlowRunContext.get() is None and TaskRunContext.get() is None:
            return None
        try:
            return show(*args, **kwargs)
        except Exception as error:
            log.warning("artifact %s: not shown (%s: %s)", show.__name__, type(error).__name__, error)
            return None

    return wrapped


def key(region: str, source: str, what: str) -> str:
    """Key under which the UI keeps the history of an artifact: hubei-ifs-inputs."""
    return re.sub(r"[^a-z0-9]+", "-", f"{region}-{source}-{what}".lower()).strip("-")


def _number(value: float | None) -> str:
    return f"{value:.4g}" if value is not None and math.isfinite(value) else "–"


@_harmless
def input_table(region: str, cycle: Cycle, files: list[RawFile]) -> UUID:
    """What the cycle was made from: each file's size, hash and where it came from."""
    answers = {None: "nothing to compare with", True: "yes", False: "NO"}
    rows = [
        {
            "file": f.uri.rsplit("/", 1)[-1],
            "kB": round(f.size / 1e3, 1),
            "mirror": f.mirror or "–",
            "bytes confirmed": answers[f.confirmed],
            "sha-256": f.sha256[:16],
        }
        for f in files
    ]
    megabytes = sum(f.size for f in files) / 1e6
    about = f"Input of {region} {cycle}: {len(files)} files, {megabytes:.1f} MB"
    return _id(create_table_artifact(rows, key=key(region, cycle.source, "inputs"), description=about))


def _checks(checks: list[Check]) -> list[str]:
    verdicts = {True: "passed", False: "**FAILED**"}
    rows = [
        f"| {c.variable} | {c.name} | {_number(c.value)} | {_number(c.limit)} | {verdicts[c.passed]} |" for c in checks
    ]
    return ["| variable | check | value | limit | |", "|---|---|---:|---:|---|", *rows]


@_harmless
def scores(entry: LedgerEntry) -> UUID:
    """Scores against the truth, where there is one, and every check of the gate."""
    card = entry.scorecard
    checked = f"{len(card.checks)} checks, {len(card.failed) or 'none'} failed; model {entry.model}"
    holds = f"{len(entry.lead_hours)} lead times; left out: {', '.join(entry.absent) or 'nothing'}"
    lines = [f"## {entry.region} {entry.cycle}: {entry.quality}", f"{checked}; {holds}"]
    if card.truth:
        rows = [f"| {' | '.join(cell or '–' for cell in row)} |" for row in truth_rows(card.truth)]
        head = [
            "| RMSE | unit | product | bilinear | bicubic | at the terrain's height |",
            "|---|---|---:|---:|---:|---:|",
        ]
        lines += ["", *head, *rows]
    lines += ["", *_checks(card.checks)]
    about = f"Scores of {entry.cycle}: {entry.quality}"
    return _id(
        create_markdown_artifact("\n".join(lines), key=key(entry.region, entry.source, "scores"), description=about)
    )


@_harmless
def verification(entry: LedgerEntry) -> UUID | None:
    """Scores against stations: the product and what one would use otherwise; None before there are any."""
    found = entry.scorecard.verification
    if found is None or not found.scores:
        return None
    group = main_group(found)
    rows = [
        {
            "variable": c.title,
            "read as": r.title,
            "RMSE": r.rmse,
            "95 %": f"{r.low} to {r.high}",
            "bias": r.bias,
            "unit": c.units,
            "pairs": r.count,
            "stations": r.stations,
            "skill": f"{percent(c.skill.skill)}, {c.word}" if r.ours and c.skill else "",
        }
        for c in comparisons(found, group)
        for r in c.rows
    ]
    about = f"{entry.cycle}: {entry.quality}; stations: {group}; {found.count} pairs, {found.stations} stations"
    return _id(create_table_artifact(rows, key=key(entry.region, entry.source, "verification"), description=about))


def inline(png: bytes, limit: int = PICTURE_BYTES) -> str:
    """A picture as a data URI of at most so many bytes, made smaller until it fits."""
    with Image.open(io.BytesIO(png)) as opened:
        full = opened.convert("RGB")
    width = min(full.width, 1200)
    while True:
        buffer = io.BytesIO()
        full.resize((width, max(round(full.height * width / full.width), 1)), Image.Resampling.LANCZOS).save(
            buffer, "JPEG", quality=80, optimize=True
        )
        text = "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
        if len(text) <= limit or width <= 64:
            return text
        width = int(width * 0.85)


@_harmless
def picture(entry: LedgerEntry, uri: str) -> UUID:
    """The quick-look at `uri`, in the artifact itself: a browser need not reach the store."""
    name = f"{entry.region} {entry.cycle}"
    text = f"![{name}]({inline(read_bytes(uri))})\n\nIn full: `{entry.quicklook}` in the store"
    about = f"Quick-look of {entry.cycle}: input and product"
    return _id(create_markdown_artifact(text, key=key(entry.region, entry.source, "picture"), description=about))


@_harmless
def product_link(entry: LedgerEntry, uri: str) -> UUID:
    """Where the product is, and how to open it."""
    about = f"Product of {entry.cycle}, {counted(len(entry.lead_hours), 'lead time')}, {', '.join(entry.variables)}"
    name = key(entry.region, entry.source, "product")
    if uri.startswith(("http://", "https://")):
        return _id(create_link_artifact(uri, link_text=f"{entry.region} {entry.cycle}", key=name, description=about))
    code = f'```python\nimport xarray\nds = xarray.open_zarr("{uri}")\n```'
    return _id(create_markdown_artifact(f"`{uri}`\n\n{about}\n\n{code}", key=name, description=about))


@_harmless
def begin_progress(region: str, cycle: Cycle, total: int) -> UUID:
    """A bar of lead times done; its id is for `progress`."""
    about = f"{region} {cycle}: 0 of {counted(total, 'lead time')}"
    return _id(create_progress_artifact(0.0, key=key(region, cycle.source, "progress"), description=about))


def progress(bar: UUID | None, region: str, cycle: Cycle, done: int, total: int) -> None:
    """Move the bar; does nothing if there is none."""
    if bar is not None:
        _move(
            bar, 100.0 * done / total if total else 100.0, f"{region} {cycle}: {done} of {counted(total, 'lead time')}"
        )


def progress_bar(region: str, cycle: Cycle, total: int) -> Callable[[int], None]:
    """A bar of so many lead times; what it returns is called with how many are done."""
    bar = begin_progress(region, cycle, total)
    return lambda done: progress(bar, region, cycle, done, total)


@_harmless
def _move(bar: UUID, percent: float, about: str) -> None:
    update_progress_artifact(bar, progress=percent, description=about)


def _id(made: Any) -> UUID:
    """Prefect's functions serve two worlds; in a plain flow they give the id itself."""
    assert isinstance(made, UUID)
    return made
