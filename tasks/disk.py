"""What a disk refuses, in one line: in the workspace, in a local store, where fetched files are kept."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from tasks.errors import FinescaleError, FolderUnusable, WorkspaceFull
from tasks.storage import is_full

REFUSED = (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR)
PLACES = "--store or FINESCALE_STORE for products, FINESCALE_WORKSPACE for what is fetched and scratch files"


def refusal(error: BaseException, what: str) -> FinescaleError | None:
    """The error to show where a disk is full or lets a file not be written or read; None for any other.

    `what` was being done, where the system does not say with which file.
    """
    file = getattr(error, "filename", None)
    why = getattr(error, "strerror", None) or "the disk is full"
    if is_full(error):
        return WorkspaceFull(
            f"{file or what}: no room ({why}); free some, or choose a larger disk: {PLACES}; then run again"
        )
    if isinstance(error, OSError) and error.errno in REFUSED and file is not None:
        return FolderUnusable(f"{file}: cannot be used ({why}); mend that, or choose another folder: {PLACES}")
    return None


@contextmanager
def disk_in_a_line(what: str) -> Iterator[None]:
    """Raise what `refusal` makes of an error."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        found = refusal(error, what)
        if found is None:
            raise
        raise found from None
