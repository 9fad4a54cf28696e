"""The raw folder: what was fetched of a cycle, proved at every use, kept so that nothing is fetched twice.

{workspace}/raw/{source}/{cycle}/{name}        the bytes as the service sent them
{workspace}/raw/{source}/{cycle}/{name}.json   their `RawFile`, written last: without it the bytes do not count
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import ValidationError

from tasks.errors import BadInput, CycleNotReady, WorkspaceFull
from tasks.handover.cycle import Cycle, RawFile
from tasks.storage import NO_ROOM, is_remote, write_bytes

KEEP_DAYS = 3.0  # then the next run of the source removes a cycle's raw files


class RawFolder:
    """One cycle's fetched files; several runs and regions share it."""

    def __init__(self, root: str, cycle: Cycle) -> None:
        if is_remote(root):
            raise BadInput(f"{root}: raw files are kept in a local folder; set FINESCALE_RAW to one")
        self.cycle = cycle
        self.path = Path(root) / cycle.source / cycle.stamp

    @contextmanager
    def locked(self, patience: float) -> Iterator[None]:
        """Held by one run at a time; the operating system frees it when its holder is killed."""
        self.path.mkdir(parents=True, exist_ok=True)
        self._drop_old()
        lock = FileLock(self.path / "lock")
        try:
            lock.acquire(timeout=patience)
        except Timeout:
            raise CycleNotReady(
                f"{self.cycle}: another run has been fetching it for {patience / 60:.0f} min; wait for it, or end it"
            ) from None
        try:
            yield
        finally:
            lock.release()

    def get(self, name: str) -> RawFile | None:
        """A file that was put here and is still what it was, else None."""
        try:
            file = RawFile.model_validate_json((self.path / f"{name}.json").read_bytes())
            data = (self.path / name).read_bytes()
        except (OSError, ValidationError):
            return None
        whole = len(data) == file.size and hashlib.sha256(data).hexdigest() == file.sha256
        return file.model_copy(update={"uri": str(self.path / name)}) if whole else None

    def put(self, name: str, data: bytes, what: str, **about: object) -> RawFile:
        """Keep bytes that were proved; WorkspaceFull, with nothing half-written left, when there is no room."""
        target = self.path / name
        file = RawFile.model_validate(
            {"uri": str(target), "sha256": hashlib.sha256(data).hexdigest(), "size": len(data), **about}
        )
        try:
            write_bytes(str(target), data)
            write_bytes(f"{target}.json", (file.model_dump_json() + "\n").encode())
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            raise WorkspaceFull(
                f"{what}: no room for {len(data)} bytes in {self.path} ({error.strerror}); free some, or set "
                "FINESCALE_WORKSPACE to a larger disk, and run again: what was fetched before is kept"
            ) from None
        return file

    def _drop_old(self) -> None:
        """Remove raw files of the source's other cycles that nobody touched for KEEP_DAYS."""
        for folder in self.path.parent.iterdir():
            files = [f.stat().st_mtime for f in folder.iterdir()] if folder.is_dir() and folder != self.path else []
            if files and max(files) < time.time() - KEEP_DAYS * 86400:
                shutil.rmtree(folder, ignore_errors=True)
