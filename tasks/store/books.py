"""What a store holds beside products: ledger, scores, and the pairs that calibration learns from.

Small, and of what made them nothing is left: products can be made again, these cannot.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from tasks.handover.cycle import Cycle
from tasks.storage import create_bytes, join, matching, names_in
from tasks.store.ledger import State, entries, read_entry
from tasks.store.paths import LATEST, in_store
from tasks.store.withdrawal import point_to_newest_good

# below a region; see paths.py. `latest.json` and the catalogue are not among them: they are written from the ledger
PATTERNS = (
    "*/[0-9][0-9][0-9][0-9]/[0-9][0-9]/*.json",
    "scores/*/*.parquet",
    "calibration/*/*.parquet",
)


def books(store: str) -> Iterator[tuple[str, str]]:
    """(path in the store, URI) of each, region by region; a region's entries first."""
    root = join(store, "")
    for region in _regions(store):
        for pattern in PATTERNS:
            for uri in matching(join(store, region), pattern):
                yield uri.removeprefix(root.rstrip("/") + "/"), uri


def put_back(store: str, kept: Iterable[tuple[str, bytes]]) -> Counter[str]:
    """Write those that are not there, (path in the store, content) as `books` orders them; how many, how many were.

    What has become of a product since stays: `latest.json` is what the ledger says now, and scores and pairs of what
    has been taken back or refused stay out.
    """
    found: Counter[str] = Counter()
    for path, content in kept:
        if PurePosixPath(path).name == LATEST:
            continue  # older versions kept it
        if not _is_forgotten(store, path):
            found["written" if create_bytes(in_store(store, path), content) else "there"] += 1
    for region in _regions(store):
        for source in sorted({entry.source for entry in entries(store, region)}):
            point_to_newest_good(store, region, source)
    return found


def _is_forgotten(store: str, path: str) -> bool:
    """Whether these are scores or pairs of a product that is neither a measure for others nor to be learnt from."""
    match PurePosixPath(path).parts:
        case (region, "scores" | "calibration", source, name):
            entry = read_entry(store, region, Cycle.parse(name.removesuffix(".parquet"), source))
            return entry is not None and entry.state in (State.WITHDRAWN, State.QUARANTINED)
    return False


def _regions(store: str) -> list[str]:
    return [name for name in names_in(store) if not name.startswith("_")]
