"""What a store holds beside products: ledger, pointers, scores, and the pairs that calibration learns from.

Small, and of what made them nothing is left: products can be made again, these cannot.
"""

from __future__ import annotations

from collections.abc import Iterator

from tasks.storage import join, matching, names_in

# below a region; see paths.py. The catalogue is not among them: `maintain` writes it from the ledger
PATTERNS = (
    "*/latest.json",
    "*/[0-9][0-9][0-9][0-9]/[0-9][0-9]/*.json",
    "scores/*/*.parquet",
    "calibration/*/*.parquet",
)


def books(store: str) -> Iterator[tuple[str, str]]:
    """(path in the store, URI) of each, region by region; pointers of a source before its entries."""
    root = join(store, "")
    for region in names_in(store):
        if region.startswith("_"):
            continue
        for pattern in PATTERNS:
            for uri in matching(join(store, region), pattern):
                yield uri.removeprefix(root.rstrip("/") + "/"), uri
