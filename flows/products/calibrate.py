"""What stations would have made of forecasts: an archive gone through run by run; no orchestration."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pandas as pd

from flows.products.verify_file import on_terrain, read_fields
from tasks.acquire import SOURCES
from tasks.calibrate.proof import proofs
from tasks.calibrate.reliability import Reliability, reliability
from tasks.calibrate.rolling import rolling
from tasks.calibrate.same_hour import SameHour, same_hour
from tasks.errors import BadInput
from tasks.handover.cycle import ALIASES, Cycle
from tasks.handover.scorecard import Proof
from tasks.locations import default_store
from tasks.observations.matching import pairs as match
from tasks.observations.networks.files import read_observations
from tasks.observations.networks.table import table
from tasks.observations.paired import is_paired, read_paired
from tasks.observations.quality import quality_control
from tasks.observations.unmatched import counted, why_unmatched
from tasks.region import search as regions
from tasks.storage import join
from tasks.store.calibration import open_calibration
from tasks.store.ensemble import with_members
from tasks.store.history import of_pairs, write_history
from tasks.store.ledger import entries
from tasks.store.paths import in_store
from tasks.store.product import open_input, open_product

log = logging.getLogger(__name__)

FILES = "file"  # the source of what was handed in
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Archive:
    """Pairs with what was expected of each, and what follows from them."""

    pairs: pd.DataFrame
    proofs: list[Proof]
    same_hour: list[SameHour]
    reliability: dict[str, list[Reliability]]  # of ranges, by way: left_out, own
    kept: int  # cycles that were written into the region's history


def calibrate_archive(
    forecasts: list[str],
    observations: list[str],
    region: str | None = None,
    source: str = "ifs",
    products: str | None = None,
    terrain: str | None = None,
    column: str = "",
    history_days: int = 0,
    start: datetime | None = None,
    end: datetime | None = None,
    store: str | None = None,
    progress: Progress | None = None,
) -> Archive:
    """Go through forecasts and observations as if each run had been calibrated by what was known when it began.

    forecasts: tables of pairs, or gridded files and products that are held against `observations`. products: a store,
    whose products of the region are. column: of tables, that holds the forecast. history_days: at the
    beginning, that are not scored. With a region its history is written, a cycle at a time: its next run uses it.
    BadInput if nothing matches.
    """
    source = ALIASES.get(source, source)
    if region is not None:
        regions.load(region)  # before an archive is gone through
        if source not in (*SOURCES, FILES):
            raise BadInput(f"unknown source {source!r}; known are: {', '.join([*SOURCES, *ALIASES, FILES])}")
    seen = quality_control(table([read_observations(f) for f in observations])) if observations else None
    parts = [p for f in forecasts for p in _of_file(f, seen, terrain, column)]
    if products is not None:
        if region is None:
            raise BadInput("--products needs the region whose products they are")
        parts += list(_of_products(join(products), region, source, seen, start, end))
    if not parts and products is not None:
        since, until = (f" {w} {t:%Y-%m-%d %H:%M}" if t else "" for w, t in (("since", start), ("until", end)))
        raise BadInput(
            f"nothing to learn from: no product of {region} from {source} in {products} that began{since}{until} meets "
            f"an observation; finescale status {region} --store {products} shows which there are (--source, --start, "
            "--end)"
        )
    if not parts:
        raise BadInput("nothing to learn from: give --forecasts FILE, or --products STORE with --observations FILE")
    found = pd.concat(parts, ignore_index=True)
    begun = begun_of(found)
    inside = (begun >= _plain(start)) if start else pd.Series(True, found.index)
    inside &= (begun <= _plain(end)) if end else True
    found = found[inside].reset_index(drop=True)
    if len(found):
        found = rolling(found, progress)
    if found.empty:
        raise BadInput(
            "no pair of a forecast and a usable observation: do their times and places meet?"
            + (f" Of {len(seen)} observations were rejected: {counted(seen) or 'none'}" if seen is not None else "")
        )
    kept = _keep(found, join(store or default_store()), region, source) if region is not None else 0
    since = begun_of(found).min() + pd.Timedelta(days=history_days)
    scored = found[begun_of(found) >= since]
    sure = {way: reliability(found, way, since) for way in ("left_out", "own")}
    return Archive(found, proofs(scored), list(same_hour(found)), sure, kept)


def begun_of(pairs: pd.DataFrame) -> pd.Series:
    """When each pair's forecast began, UTC."""
    return pairs["time"] - pd.to_timedelta(pairs["lead_hours"], unit="h")


def _plain(time: datetime) -> pd.Timestamp:
    stamp = pd.Timestamp(time)
    return stamp.tz_convert("UTC").tz_localize(None) if stamp.tzinfo else stamp


def _of_file(file: str, seen: pd.DataFrame | None, terrain: str | None, column: str) -> Iterator[pd.DataFrame]:
    if is_paired(file):
        yield read_paired(file, column)
        return
    if seen is None:
        raise BadInput(f"{file}: is a gridded file; give the stations it is held against with --observations FILE")
    if file.rstrip("/").endswith(".zarr"):
        yield of_pairs(match(with_members(open_product(file), file), open_input(file), seen, open_calibration(file)))
        return
    fine, operator = read_fields(file)
    series = bool(fine.fields.attrs["series"])
    if terrain is not None:
        fine, _ = on_terrain(terrain, fine, None, operator)
    found = match(fine, None, seen)
    if found.empty:
        raise BadInput(f"{file}: no usable observation for it: {why_unmatched(seen, fine)}")
    rows = of_pairs(found)  # a series has no lead times, only hours since it began
    yield rows.assign(lead_hours=0.0) if series else rows


def _of_products(
    store: str, region: str, source: str, seen: pd.DataFrame | None, start: datetime | None, end: datetime | None
) -> Iterator[pd.DataFrame]:
    """Of published products, each held against the observations given."""
    if seen is None:
        raise BadInput("--products needs --observations FILE: of which stations?")
    name = regions.load(region).name
    for entry in entries(store, name):
        begun = Cycle.parse(entry.cycle, entry.source).time
        early, late = start is not None and begun < _utc(start), end is not None and begun > _utc(end)
        if entry.source != source or not entry.scorable or early or late:
            continue
        uri = in_store(store, entry.product)
        found = match(with_members(open_product(uri), uri), open_input(uri), seen, open_calibration(uri))
        log.info("calibrate: %s: %d pairs", entry.cycle, len(found))
        if len(found):
            yield of_pairs(found)


def _utc(time: datetime) -> datetime:
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _keep(found: pd.DataFrame, store: str, region: str, source: str) -> int:
    """Write the region's history; how many cycles."""
    name = regions.load(region).name
    begun = begun_of(found).dt.floor("h")
    count = 0
    for time, rows in found.groupby(begun):
        cycle = Cycle(source=source, time=pd.Timestamp(time).to_pydatetime().replace(tzinfo=UTC))
        write_history(store, name, cycle, rows)
        count += 1
    return count
