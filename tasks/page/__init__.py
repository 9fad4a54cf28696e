"""The page for people: a map of the latest product, read from Zarr in the browser. Built by `make page` with Node.js.

{store}/index.html       the page
{store}/viewer/...       its parts, named by their content, so that an old page keeps its own
"""

from __future__ import annotations

import logging
from pathlib import Path

from tasks.errors import FinescaleError
from tasks.locations import VIEWER
from tasks.storage import exists, join, read_tagged, write_bytes

log = logging.getLogger(__name__)

BUNDLE = Path(__file__).parent / "web" / "dist"
PAGE, PARTS = "index.html", VIEWER
PACKED = ".br"  # of a part, beside it; not in stores, from which nobody unpacks it
HOW_TO_BUILD = "`make page` builds it, and needs Node.js 20 or newer (node and npm)"


class PageNotBuilt(FinescaleError):
    """The page's bundle is not there."""


def bundle() -> Path | None:
    """The folder of the built page; None if it was not built."""
    return BUNDLE if (BUNDLE / PAGE).is_file() else None


def built() -> Path:
    """The folder of the built page; PageNotBuilt if it was not built."""
    found = bundle()
    if found is None:
        raise PageNotBuilt(f"the page is not built ({BUNDLE} has no {PAGE}): {HOW_TO_BUILD}")
    return found


def put_page(store: str) -> bool:
    """Write the page into a store unless it is there already, index.html last; False if it is not built.

    Parts are named by their content: one that is there is right, and pages that are open still find theirs.
    """
    folder = bundle()
    if folder is None:
        log.info("page: not built, so the store has none; %s", HOW_TO_BUILD)
        return False
    for part in sorted(p for p in (folder / PARTS).iterdir() if p.suffix != PACKED):
        uri = join(store, PARTS, part.name)
        if not exists(uri):
            write_bytes(uri, part.read_bytes())
    page, uri = (folder / PAGE).read_bytes(), join(store, PAGE)
    there = read_tagged(uri)
    if there is None or there[0] != page:
        write_bytes(uri, page)
        log.info("page: %s", uri)
    return True
