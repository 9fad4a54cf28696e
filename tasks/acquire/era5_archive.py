"""A day of ERA5 from ECMWF's Zarr archive instead of the CDS's queue, kept as GRIB with the archive's own values.

{workspace}/raw/era5-archive/{hash of address}/{as in the archive}        chunks around the area, as they came
{workspace}/raw/era5-archive/{hash of address}/months/{...}.npy           the area's hours of a month, cut from them

A chunk holds years of a few points, so that the first day of a region costs as much as all the others together: meant
for backfills. The archive does not say which hours are preliminary (ERA5T): only days that are final are taken from it.
"""

from __future__ import annotations

import calendar
import hashlib
import io
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import xarray as xr
from filelock import FileLock, Timeout

from tasks.acquire.arco import AXES, METADATA, QUEUE, Archive, Remote
from tasks.acquire.era5_request import HOURS, SPACING, Asked
from tasks.acquire.raw import KEEP_DAYS
from tasks.errors import AnswerNotUnderstood, CycleNotReady, IncompleteDownload
from tasks.grib.write import ERA5, grib_message
from tasks.grids.grid import Grid, lattice
from tasks.storage import write_bytes
from tasks.units import conversion
from tasks.variables import Variable

log = logging.getLogger(__name__)

# Of our variables those that the archive has, under the same names: its user guide's table 1. `geopotential`, which
# never changes, and the others come from the queue.
ARCHIVED = frozenset(
    {"t2m", "d2m", "u10", "v10", "sp", "msl", "tp", "u100", "v100", "fg10", "skt", "tcc", "ssrd", "strd"}
)
FOLDER = "era5-archive"
NEAR = 1e-3  # degree: between a point asked for and the archive's
HOUR = np.timedelta64(1, "h")


class ArchivedDay:
    """The fields of one day around an area. `final`: when ERA5 of that day became final."""

    def __init__(self, remote: Remote, asked: Asked, root: str, final: datetime) -> None:
        self.remote, self.asked, self.cycle, self.since = remote, asked, remote.cycle, final.timestamp()
        name = hashlib.sha256(remote.root.encode()).hexdigest()[:12]
        self.folder = Path(root) / FOLDER / name
        self.archive = Archive(remote, self.folder)
        box = asked.area
        self.grid = lattice(box.north, box.south, box.west, box.east, SPACING)
        self._ds: xr.Dataset | None = None

    def messages(self, variables: list[Variable], patience: float) -> bytes:
        """GRIB of all hours, in order of time, float32 as the archive has them; proved to be finite."""
        with self._locked(patience):
            fields = [(v, self._day(v)) for v in variables]
        if self.remote.requests:
            log.info(
                "%s: %d requests, %.1f MB from the archive",
                self.cycle, self.remote.requests, self.remote.bytes / 1e6,
            )  # fmt: skip
        return b"".join(
            _message(v, self.asked.day + timedelta(hours=hour), self.grid, field[hour])
            for hour in HOURS
            for v, field in fields
        )

    def _day(self, variable: Variable) -> np.ndarray:
        """(24, rows, cols) float32 in the table's unit."""
        first = self.asked.day.day * 24 - 24
        month = self._kept(variable)
        if month is None or not np.isfinite(month[first : first + 24]).all():
            part = self._place(self._dataset())
            month = self._cut(variable, part)
            if not np.isfinite(month[first : first + 24]).all():  # perhaps written to just then
                self.archive.forget(self.archive.chunks_of(variable.name, part))
                month = self._cut(variable, part)
        day = month[first : first + 24]
        if holes := np.flatnonzero(~np.isfinite(day).all(axis=(1, 2))).tolist():
            raise IncompleteDownload(
                f"{self.cycle}: {variable.name} of the archive has missing values at {', '.join(map(str, holes))} UTC; "
                f"run again later, {QUEUE}"
            )
        return day

    def _month_file(self, variable: Variable) -> Path:
        digest = hashlib.sha256(str(self.grid).encode()).hexdigest()[:12]
        return self.folder / "months" / f"{digest}-{variable.name}-{self.asked.day:%Y-%m}.npy"

    def _kept(self, variable: Variable) -> np.ndarray | None:
        """The month's hours, where they were cut when this day was final."""
        path = self._month_file(variable)
        try:
            if path.stat().st_mtime < self.since:
                return None
            month: np.ndarray = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
        except (OSError, ValueError):
            return None
        return month if month.shape == (_hours(self.asked.day), self.grid.rows, self.grid.cols) else None

    def _dataset(self) -> xr.Dataset:
        if self._ds is None:
            self._ds = self.archive.opened(self.since)
        return self._ds

    def _place(self, ds: xr.Dataset) -> tuple[slice, slice, np.ndarray]:
        """The month's hours that are there, and the area's rows and columns; proves that the whole day is there."""
        times, day = ds["time"].values, np.datetime64(self.asked.day.replace(tzinfo=None), "ns")
        there = np.isin(day + np.arange(24) * HOUR, times)
        if not there.all():
            begin, end = (f"{t.astype('datetime64[m]')}" for t in (times[0], times[-1]))
            text = f"{self.cycle}: the archive has {begin} to {end} UTC, of that day {int(there.sum())} hours"
            if day + 23 * HOUR > times[-1]:
                self.archive.forget([METADATA])  # the next run looks again
                raise CycleNotReady(f"{text}; run again later, {QUEUE}")
            raise IncompleteDownload(f"{text}; take another day, {QUEUE}")
        start = np.datetime64(f"{self.asked.day:%Y-%m}", "ns")
        first, last = np.searchsorted(times, [start, start + _hours(self.asked.day) * HOUR])
        rows = self._indices(ds["latitude"].values, self.grid.latitude)
        columns = self._indices(ds["longitude"].values % 360.0, self.grid.longitude % 360.0)
        low, high = int(rows.min()), int(rows.max()) + 1
        if high - low != self.grid.rows:
            raise AnswerNotUnderstood(f"{self.cycle}: the archive's latitudes are not in order; {QUEUE}")
        return slice(int(first), int(last)), slice(low, high), columns

    def _indices(self, coordinate: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        """Where the archive has these points."""
        order = np.argsort(coordinate)
        at = np.clip(np.searchsorted(coordinate[order], wanted - NEAR), 0, len(order) - 1)
        found = order[at]
        if np.abs(coordinate[found] - wanted).max() > NEAR:
            raise AnswerNotUnderstood(
                f"{self.cycle}: the archive's points are not those of the {SPACING:g} degree grid; {QUEUE}"
            )
        return np.asarray(found)

    def _cut(self, variable: Variable, part: tuple[slice, slice, np.ndarray]) -> np.ndarray:
        """The month's hours (hours, rows, cols) in the table's unit, missing as NaN; kept."""
        ds = self._dataset()
        if variable.name not in ds or ds[variable.name].dims != AXES:
            raise AnswerNotUnderstood(f"{self.cycle}: the archive has no {variable.name} by {', '.join(AXES)}; {QUEUE}")
        written = str(ds[variable.name].attrs.get("units", variable.units))  # the guide's are SI
        convert = conversion(written, variable.units, variable.amount)
        if convert is None or convert.rate:
            raise AnswerNotUnderstood(
                f"{self.cycle}: {variable.name} of the archive is in {written!r}, not in {variable.units}; {QUEUE}"
            )
        began = time.monotonic()
        values = convert(self.archive.read(ds, variable.name, part, self.since))
        if ds["latitude"].values[0] < ds["latitude"].values[-1]:
            values = values[:, ::-1]
        start = np.datetime64(f"{self.asked.day:%Y-%m}", "ns")
        month = np.full((_hours(self.asked.day), self.grid.rows, self.grid.cols), np.nan, dtype=np.float32)
        month[((ds["time"].values[part[0]] - start) / HOUR).astype(int)] = values
        buffer = io.BytesIO()
        np.save(buffer, month)
        path = self._month_file(variable)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(str(path), buffer.getvalue())
        log.info(
            "%s: %s of %s from the archive in %.0f s",
            self.cycle, variable.name, f"{self.asked.day:%Y-%m}", time.monotonic() - began,
        )  # fmt: skip
        return month

    @contextmanager
    def _locked(self, patience: float) -> Iterator[None]:
        """By one run at a time: days of one backfill need the same chunks."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder / "lock")
        try:
            lock.acquire(timeout=patience)
        except Timeout:
            raise CycleNotReady(
                f"{self.cycle}: another run has been reading the archive for {patience / 60:.0f} min; wait for it, or "
                "end it"
            ) from None
        try:
            self._drop_old()
            yield
        finally:
            lock.release()

    def _drop_old(self) -> None:
        for file in self.folder.rglob("*"):
            if file.is_file() and file.name != "lock" and file.stat().st_mtime < time.time() - KEEP_DAYS * 86400:
                file.unlink(missing_ok=True)


def _hours(day: datetime) -> int:
    """Of the month that a day is in."""
    return 24 * calendar.monthrange(day.year, day.month)[1]


def _message(variable: Variable, valid: datetime, grid: Grid, field: np.ndarray) -> bytes:
    """A moment as an analysis of it; an amount or an extreme of the hour before as a forecast from its begin."""
    if variable.amount or variable.extreme:
        return grib_message(
            variable, valid - timedelta(hours=1), (0, 1), grid, field, of=ERA5 | {"type": "fc"}, exact=True
        )
    return grib_message(variable, valid, (0, 0), grid, field, of=ERA5, exact=True)
