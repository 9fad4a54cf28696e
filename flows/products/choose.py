"""Which published product somebody means who wants to read one."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass

from tasks.errors import BadInput, MissingField, NothingPublished
from tasks.handover.cycle import ALIASES, Cycle
from tasks.locations import default_store
from tasks.region import search as regions
from tasks.storage import assert_readable, join, read_json
from tasks.store.ledger import LedgerEntry, entries, newest_good, read_entry
from tasks.store.paths import in_store, latest_uri
from tasks.variables import known


@dataclass(frozen=True)
class Chosen:
    """A good product: what the ledger says of it, and where it is."""

    entry: LedgerEntry
    uri: str

    @property
    def store(self) -> str:
        """URI of the store that it is in."""
        return self.uri.removesuffix(self.entry.product).rstrip("/")

    @property
    def cycle(self) -> Cycle:
        """Which cycle it is of."""
        return Cycle.parse(self.entry.cycle, self.entry.source)

    @property
    def name(self) -> str:
        """For files: hubei-ifs-2026-11-22T00."""
        return f"{self.entry.region}-{self.entry.source}-{self.cycle.stamp}"


_reading: ContextVar[tuple[str, Chosen] | None] = ContextVar("_reading", default=None)


def being_read() -> tuple[str, Chosen] | None:
    """The product that was chosen last, and its region as it was typed: for who says why it cannot be read."""
    return _reading.get()


# whose product is meant where nobody says it: weather before samples
FIRST = ("ifs", "ens", "ifs9km", "aifs", "era5", "file", "demo")


def choose(region: str, source: str | None, cycle: str | None, store: str | None) -> Chosen:
    """The product of a cycle, or the one that `latest.json` names; of no source: the first of FIRST that has one.

    NothingPublished if there is none yet; BadInput if the cycle's is not there or not good.
    """
    name, uri = regions.load(region).name, join(store or default_store())
    assert_readable(uri)
    if source is None:
        source = _first(uri, name, cycle)
    service = ALIASES.get(source, source)
    if cycle is None:
        entry = _latest(uri, name, service)
        if entry is None:
            raise NothingPublished(_nothing(region, uri, name, service))
    else:
        entry = _of(uri, name, Cycle.parse(cycle, service))
    chosen = Chosen(entry, in_store(uri, entry.product))
    _reading.set((region, chosen))
    return chosen


def _first(store: str, region: str, cycle: str | None) -> str:
    """The first source that has a good product, of this cycle where one is asked for; the very first if none has."""
    if cycle is not None and "/" in cycle:
        return cycle.split("/")[0]
    for source in FIRST:
        found = (
            _latest(store, region, source) if cycle is None else read_entry(store, region, Cycle.parse(cycle, source))
        )
        if found is not None and found.good:
            return source
    return FIRST[0]


def _latest(store: str, region: str, source: str) -> LedgerEntry | None:
    named = read_json(latest_uri(store, region, source))
    entry = read_entry(store, region, Cycle.parse(named["cycle"], source)) if named is not None else None
    if entry is None or not entry.good:  # taken back since latest.json was written
        entry = newest_good(store, region, source)
    return entry


def _nothing(typed: str, store: str, region: str, source: str) -> str:
    """Why there is none, with commands that name the region as it was typed: by its folder, perhaps."""
    others = sorted({e.source for e in entries(store, region) if e.good})
    beside = f"; there is one of {' and '.join(others)}: --source {others[0]}" if others else ""
    option = "--input FILE" if source == "file" else f"--source {source}"
    return (
        f"{region}: no good product of {source} in {store}{beside}; `finescale status {typed}` lists what there is, "
        f"`finescale run {typed} {option}` makes one, --store names another place"
    )


def _of(store: str, region: str, cycle: Cycle) -> LedgerEntry:
    entry = read_entry(store, region, cycle)
    if entry is None:
        raise BadInput(f"{region} {cycle} is not in the ledger of {store}; `finescale status {region}` lists what is")
    if not entry.good:
        raise BadInput(f"{region} {cycle} is {entry.state} ({entry.why}); leave --cycle out for the newest good one")
    return entry


def variables_of(entry: LedgerEntry, text: str | None) -> list[str]:
    """Those asked for, like t2m,tp, or all; UnknownVariable for none of ours, MissingField for one it does not have."""
    if text is None:
        return entry.variables
    names = [n for n in (part.strip() for part in text.split(",")) if n]
    if not names:
        raise BadInput(f"--variables {text!r}: write them like t2m,tp")
    known(names)
    for name in names:
        if name not in entry.variables:
            raise MissingField(f"--variables: {entry.cycle} has no {name}; it has {', '.join(entry.variables)}")
    return list(dict.fromkeys(names))


def steps_of(hours: list[float], text: str | None, cycle: str) -> list[int]:
    """Indices of a cycle's hours that are asked for, like 3,6,9 or 0-48, or all; BadInput if a part names none."""
    if text is None:
        return list(range(len(hours)))
    wanted: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        try:
            low, high = float(first), float(last or ("inf" if dash else first))
        except ValueError:
            raise BadInput(f"--lead-hours {text!r}: write hours like 3,6,9, 0-48 or 24-") from None
        found = {i for i, hour in enumerate(hours) if low <= hour <= high}
        if not found:
            there = ", ".join(f"{h:g}" for h in hours)
            raise BadInput(f"--lead-hours {part.strip()}: {cycle} has no such lead time; it has {there} h")
        wanted |= found
    return sorted(wanted)
