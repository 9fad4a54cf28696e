"""What the collector keeps: messages as they came, by data_id; and when it was away. One SQLite file.

SQLite makes a batch whole or not at all, also for a process that is killed. Messages are kept, not tables, so that they
are read together, as the messages of a file are: which of two reports counts, only all of them can say.
"""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import NamedTuple
from uuid import uuid4

FOLDER, FILE = "collected", "messages.sqlite"  # a folder of its own: files beside copies of answers are removed
KEPT = timedelta(days=30)  # as copies of other sources
TABLES = """
CREATE TABLE IF NOT EXISTS messages (
    data_id TEXT PRIMARY KEY, pubtime INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, data BLOB
);
CREATE INDEX IF NOT EXISTS by_time ON messages (last);
CREATE TABLE IF NOT EXISTS absences (start INTEGER NOT NULL, end INTEGER NOT NULL, lost INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS about (key TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Absence(NamedTuple):
    """From when to when (UTC) nothing was received; lost: the broker had kept nothing for later."""

    start: datetime
    end: datetime
    lost: bool


def _microseconds(time: datetime) -> int:
    """Since 1970; a time without zone is UTC."""
    return ((time if time.tzinfo else time.replace(tzinfo=UTC)) - EPOCH) // timedelta(microseconds=1)


def _time(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)


class Kept:
    """The file in a folder, for one writer and any number of readers; sqlite3.Error if it is damaged."""

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        file = folder / FILE
        if read_only:
            self._db = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=30)
            return
        folder.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(file, timeout=30)
        self._db.executescript(TABLES)

    def __enter__(self) -> Kept:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()

    @property
    def client_id(self) -> str:
        """By which the broker knows this collector again: made once."""
        self._db.execute("INSERT OR IGNORE INTO about VALUES ('client', ?)", (f"finescale-{uuid4().hex[:16]}",))
        self._db.commit()
        return str(self._about("client"))

    @property
    def alive(self) -> datetime | None:
        """When something was received, or could have been, for the last time."""
        found = self._about("alive")
        return None if found is None else _time(int(found))

    @alive.setter
    def alive(self, time: datetime) -> None:
        self._db.execute("INSERT OR REPLACE INTO about VALUES ('alive', ?)", (str(_microseconds(time)),))

    def has(self, data_id: str, pubtime: datetime) -> bool:
        """Whether this version or a newer one of the data is kept, or deleted."""
        found = self._db.execute("SELECT pubtime FROM messages WHERE data_id = ?", (data_id,)).fetchone()
        return found is not None and found[0] >= _microseconds(pubtime)

    def keep(self, data_id: str, pubtime: datetime, data: bytes | None, first: datetime, last: datetime) -> None:
        """The data in place of older versions; None: it is deleted, and older versions that still come stay away.

        `first`, `last`: valid times, UTC.
        """
        row = (data_id, _microseconds(pubtime), _microseconds(first), _microseconds(last), data)
        self._db.execute("INSERT OR REPLACE INTO messages VALUES (?, ?, ?, ?, ?)", row)

    def away(self, absence: Absence) -> None:
        """Note an absence."""
        row = (_microseconds(absence.start), _microseconds(absence.end), int(absence.lost))
        self._db.execute("INSERT INTO absences VALUES (?, ?, ?)", row)

    def forget(self, before: datetime) -> None:
        """Remove what was valid before that, UTC."""
        self._db.execute("DELETE FROM messages WHERE last < ?", (_microseconds(before),))
        self._db.execute("DELETE FROM absences WHERE end < ?", (_microseconds(before),))

    def commit(self) -> None:
        """Make all since the last one last."""
        self._db.commit()

    def messages(self, first: datetime, last: datetime) -> list[bytes]:
        """Data valid from first to last, UTC, in the order of publication, so that a correction comes last."""
        query = "SELECT data FROM messages WHERE last >= ? AND first <= ? AND data IS NOT NULL ORDER BY pubtime, rowid"
        return [row[0] for row in self._db.execute(query, (_microseconds(first), _microseconds(last)))]

    def absences(self, first: datetime, last: datetime) -> list[Absence]:
        """Absences between first and last, UTC, in their order."""
        query = "SELECT start, end, lost FROM absences WHERE end >= ? AND start <= ? ORDER BY start"
        rows = self._db.execute(query, (_microseconds(first), _microseconds(last)))
        return [Absence(_time(start), _time(end), bool(lost)) for start, end, lost in rows]

    def _about(self, key: str) -> str | None:
        found = self._db.execute("SELECT value FROM about WHERE key = ?", (key,)).fetchone()
        return None if found is None else found[0]
