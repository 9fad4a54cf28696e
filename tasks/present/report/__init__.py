"""The verification report: one page that needs no network, the verdict first, the evidence below it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pandas as pd
import xarray as xr
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tasks.handover.candidates import ALL, APART, HEADLINE
from tasks.handover.cycle import LICENCE, attribution
from tasks.present import display
from tasks.present.report import charts, tables, words
from tasks.present.report.days import days
from tasks.present.report.increments import increment_maps
from tasks.present.report.language import both, interval
from tasks.present.report.maps import maps
from tasks.present.report.samples import samples
from tasks.store.ledger import LedgerEntry
from tasks.timezones import label_of, zone_of
from tasks.version import VERSION

# names of stations and reasons come from outside: everything is escaped
_PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
    lstrip_blocks=True,
)  # fmt: skip
_PAGES.globals |= {"_": both, "interval": interval}
_PAGES.filters |= {"percent": words.percent, "when": words.when, "number": words.number}


def report(
    entry: LedgerEntry,
    product: xr.Dataset,
    coarse: xr.Dataset,
    pairs: pd.DataFrame | None,
    boundary: Path | None,
    title: str,
    scored_at: datetime | None = None,
    increments: xr.Dataset | None = None,
) -> bytes:
    """`report.html` of a product, UTF-8, in English and, as `report.html#zh`, in Chinese.

    product, coarse: (step, latitude, longitude) with `valid_time`, SI. pairs: columns of tasks/handover/candidates.py
    and one a candidate, NaN where it says nothing; None before there are any. Tables are of the scorecard, charts of
    the pairs. increments: what calibration has added to the product.
    """
    card, found = entry.scorecard, entry.scorecard.verification
    there = [] if pairs is None else list(samples(pairs))
    group = tables.main_group(found) if found else HEADLINE
    return (
        _PAGES.get_template("report.html.jinja")
        .render(
            title=title,
            entry=entry,
            card=card,
            found=found,
            verdict=words.verdict(entry.quality),
            standing=words.standing(entry),
            expected=words.expected(found.complete) if found else words.NONE,
            scored_at=scored_at,
            group=group,
            main=tables.comparisons(found, group) if found else [],
            apart=[(g, tables.comparisons(found, g)) for g in (APART, ALL) if g != group] if found else [],
            every=tables.comparisons(found, group, every=True) if found else [],
            events=tables.events(found) if found else [],
            cases=tables.cases(found) if found else [],
            members=[s for s in found.members if s.group == group] if found else [],
            ranks=charts.ranks([s for s in found.members if s.group == group]) if found else None,
            chances=found.chances if found else [],
            reliability=charts.reliability(found.chances) if found else None,
            judged=[s for s in found.judged if s.group == group] if found else [],
            words=words,
            display=display,
            days=days(product, boundary, zone_of(entry.timezone)),
            zone=label_of(entry.published_at.astimezone(zone_of(entry.timezone))),
            maps=maps(product, coarse, there, boundary, zone_of(entry.timezone)),
            increments=increment_maps(increments, boundary) if increments is not None else [],
            scatters=charts.scatters(there),
            leads=charts.by_lead_time(there),
            hours=charts.by_hour(there),
            attribution=product.attrs.get("attribution", attribution(entry.source, entry.origin)),
            licence=LICENCE.get(entry.origin, ""),
            version=VERSION,
        )
        .encode()
    )
