"""ECMWF's archive of ERA5 as one Zarr, by HTTP with the CDS's key: only the chunks that are needed, kept as they came.

They lie in a folder that is laid out as the archive is, which zarr and xarray then read as any other store.
Shapes of chunks, names, units and times are read from the archive's own metadata, never assumed. What is known of it:

- addresses, names, `Authorization: Bearer` with the CDS's key, grid -90..90 and -180..180: ECMWF's user guides,
  https://confluence.ecmwf.int/spaces/CKB/pages/505390919 (ERA5) and https://confluence.ecmwf.int/x/dpUjJw (ARCO, beta)
- chunks of 67584 hours x 4 x 4 points: https://github.com/eWaterCycle/ewatercycle/issues/498
- Zarr v2 with `.zmetadata`, float32 unpacked, missing as NaN, whole hours since 1970, appended in place: as others have
  read the archive of ERA5-Land beside it
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import requests
import xarray as xr
import zarr
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError as TransportError
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import LocalStore, MemoryStore

from tasks.acquire.cds_credentials import PROFILE, Credentials
from tasks.acquire.cds_errors import one_line
from tasks.errors import AnswerNotUnderstood, CycleNotReady, IncompleteDownload, RequestRefused, WorkspaceFull
from tasks.handover.cycle import Cycle
from tasks.region.settings import AcquireSettings
from tasks.storage import NO_ROOM, write_bytes
from tasks.web.answers import is_busy, read_body, retry_after
from tasks.web.failures import in_short
from tasks.web.patience import Deadline, NotYet, Patience, PatienceEnded

log = logging.getLogger(__name__)

METADATA = ".zmetadata"
GROUP = ".zgroup", b'{"zarr_format": 2}'  # without which zarr takes no metadata for a group's
AXES = ("time", "latitude", "longitude")
LICENCE = "https://cds.climate.copernicus.eu/datasets/reanalysis-era5-single-levels?tab=download#manage-licences"
QUEUE = "or set `era5_from: queue` under acquire: in the region's YAML"


class NoSuchFile(Exception):
    """404 of a name below the archive's address."""


class Remote:
    """The archive's files; safe from several threads. Counts its requests and the bytes that came."""

    def __init__(
        self,
        cycle: Cycle,
        credentials: Credentials,
        settings: AcquireSettings,
        pace: Patience,
        deadline: Deadline,
        tries: int | None = None,
    ) -> None:
        self.cycle, self.settings, self.root = cycle, settings, settings.archive.rstrip("/")
        self.requests = self.bytes = 0
        self._credentials, self._pace, self._deadline, self._tries = credentials, pace, deadline, tries
        self._lock = Lock()
        self._session = requests.Session()
        self._session.verify = credentials.verify
        self._session.auth = self._sign  # not a header of the session: a ~/.netrc would take its place
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=settings.in_flight))

    def get(self, name: str) -> bytes:
        """A whole file, asked for until it comes. NoSuchFile; RequestRefused; CycleNotReady if none comes in time."""
        try:
            return self._pace.ask(
                lambda: self._once(name),
                self._deadline.within(self.settings.wait_minutes * 60),
                tries=self._tries,
                tell=lambda not_yet, pause: log.warning(
                    "%s: the archive does not answer (%s); asking again in %.3g s", self.cycle, not_yet.why, pause
                ),
            )
        except PatienceEnded as ended:
            raise CycleNotReady(
                f"{self.cycle}: the archive does not give {name}, {ended.tries} times in {ended.seconds / 60:.0f} min "
                f"({ended.last.why}); run again later: what came is kept; {QUEUE}"
            ) from None

    def _sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._credentials.key}"
        return request

    def _once(self, name: str) -> bytes:
        limit, url = self.settings.timeout_seconds, f"{self.root}/{name}"
        with self._lock:
            self.requests += 1
        try:
            with self._session.get(
                url, headers={"Accept-Encoding": "identity"}, stream=True, timeout=(limit, limit)
            ) as answer:
                if answer.status_code != 200:
                    self._refuse(name, answer)
                length = answer.headers.get("Content-Length", "")
                size = int(length) if length.isdigit() else 0
                body = read_body(answer.raw, Deadline(limit + size / self.settings.slowest))
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema) as error:
            raise RequestRefused(
                f"{self.cycle}: {self.root} is no http address ({type(error).__name__}); mend `archive` under acquire: "
                "in the region's YAML"
            ) from None
        except (requests.RequestException, TransportError, OSError) as error:
            raise NotYet(f"{name}: {in_short(error)}") from None
        with self._lock:
            self.bytes += len(body)
        return body

    def _refuse(self, name: str, answer: requests.Response) -> None:
        """Raise what another answer than the file means."""
        status, who = answer.status_code, self._credentials
        if is_busy(status):
            raise NotYet(f"{name}: HTTP {status}", retry_after(answer.headers))
        if status in (404, 410):
            raise NoSuchFile(name)
        reason = one_line(requests.HTTPError(response=answer), who)
        if status == 401:
            raise RequestRefused(
                f"{self.cycle}: the archive does not know the key from {who.place}; copy the one shown at {PROFILE} "
                f"there ({reason})"
            )
        if status == 403:
            raise RequestRefused(
                f"{self.cycle}: the archive does not let the user of the key from {who.place} in; accept the dataset's "
                f"licence at {LICENCE} and run again ({reason})"
            )
        raise RequestRefused(f"{self.cycle}: the archive refuses {name} (HTTP {status}): {reason}; {QUEUE}")


class Archive:
    """The part of the archive that is here, and what is missing fetched; one process at a time holds the folder."""

    def __init__(self, remote: Remote, folder: Path) -> None:
        self.remote, self.folder, self.cycle = remote, folder, remote.cycle

    def opened(self, since: float) -> xr.Dataset:
        """Coordinates, and variables (time, latitude, longitude) of which nothing is read yet.

        `since`: POSIX time; what was fetched before is fetched anew.
        """
        if not self._is_here(METADATA, since):
            metadata, group = self._metadata()
            names = [n for axis in AXES for n in _chunks(group[axis], None)]
            self._fetch(names, float("inf"))
            self._keep(*GROUP)
            self._keep(METADATA, metadata)
        try:
            return xr.open_zarr(LocalStore(self.folder, read_only=True), consolidated=True, zarr_format=2, chunks=None)
        except Exception as error:
            self.forget([METADATA])
            raise self._not_understood(f"{type(error).__name__}: {str(error)[:120]}") from error

    def read(self, ds: xr.Dataset, name: str, part: tuple[slice, slice, np.ndarray], since: float) -> np.ndarray:
        """float32 (hours, rows, columns) of a variable, as the archive has them.

        A chunk that does not decode is fetched once more. IncompleteDownload if it still does not, or is not there.
        """
        array = self._group()[name]
        chunks = _chunks(array, part)
        damaged: list[str] = []
        for fetched_since in (since, float("inf")):
            self._fetch(damaged or list(chunks), fetched_since)
            try:
                there = ds[name].isel(dict(zip(AXES, part, strict=True)))
                return np.asarray(there.values, dtype=np.float32)
            except Exception as error:  # codecs raise anything of bytes that are not theirs
                why = f"{type(error).__name__}: {str(error)[:120]}"
                damaged = [file for file, key in chunks.items() if not _decodes(array, key)] or list(chunks)
                self.forget(damaged)
                log.warning("%s: %s of the archive does not decode (%s)", self.cycle, ", ".join(damaged[:3]), why)
        raise IncompleteDownload(
            f"{self.cycle}: {damaged[0]} of the archive does not decode, fetched twice ({why}); run again later, "
            f"{QUEUE}"
        )

    def forget(self, names: Iterable[str]) -> None:
        """So that they are fetched anew."""
        for name in names:
            (self.folder / name).unlink(missing_ok=True)

    def chunks_of(self, name: str, part: tuple[slice, slice, np.ndarray]) -> list[str]:
        """Names of the chunks that hold a part of a variable."""
        return list(_chunks(self._group()[name], part))

    def _group(self) -> zarr.Group:
        store = LocalStore(self.folder, read_only=True)
        return zarr.open_group(store, mode="r", zarr_format=2, use_consolidated=True)

    def _metadata(self) -> tuple[bytes, zarr.Group]:
        """The archive's metadata, and its arrays without their values."""
        try:
            data = self.remote.get(METADATA)
        except NoSuchFile:
            raise RequestRefused(
                f"{self.cycle}: no Zarr (v2, with {METADATA}) at {self.remote.root}; mend `archive` under acquire: in "
                f"the region's YAML, {QUEUE}"
            ) from None
        try:
            buffer = default_buffer_prototype().buffer
            store = MemoryStore({name: buffer.from_bytes(body) for name, body in ((METADATA, data), GROUP)})
            group = zarr.open_group(store, mode="r", zarr_format=2, use_consolidated=True)
            if lacking := [axis for axis in AXES if axis not in group]:
                raise ValueError(f"it has no {', '.join(lacking)}")
        except Exception as error:
            raise self._not_understood(f"{data[:40]!r}, {type(error).__name__}: {str(error)[:120]}") from error
        return data, group

    def _not_understood(self, why: str) -> AnswerNotUnderstood:
        return AnswerNotUnderstood(
            f"{self.cycle}: {self.remote.root} is not the archive that is known here ({why}); run again later, {QUEUE}"
        )

    def _is_here(self, name: str, since: float) -> bool:
        try:
            return (self.folder / name).stat().st_mtime >= since
        except FileNotFoundError:
            return False

    def _fetch(self, names: list[str], since: float) -> None:
        """Those that are not here, or were fetched before `since`; several at once."""
        wanted = [n for n in names if not self._is_here(n, since)]
        if not wanted:
            return
        with ThreadPoolExecutor(self.remote.settings.in_flight, thread_name_prefix="archive") as pool:
            futures = [pool.submit(partial(self._fetch_one, name)) for name in wanted]
            try:
                for future in futures:
                    future.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _fetch_one(self, name: str) -> None:
        try:
            self._keep(name, self.remote.get(name))
        except NoSuchFile:  # Zarr takes it for missing values; of ERA5 none are
            raise IncompleteDownload(
                f"{self.cycle}: chunk {name} is not in the archive; run again later, {QUEUE}"
            ) from None

    def _keep(self, name: str, data: bytes) -> None:
        target = self.folder / name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(str(target), data)
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            raise WorkspaceFull(
                f"{self.cycle}: no room for {len(data)} bytes in {self.folder} ({error.strerror}); free some, or set "
                "FINESCALE_WORKSPACE to a larger disk, and run again: what was fetched before is kept"
            ) from None


def _decodes(array: Any, key: tuple[int, ...]) -> bool:
    try:
        array.get_block_selection(key)
    except Exception:  # see above
        return False
    return True


def _chunks(array: Any, part: tuple[slice, slice, np.ndarray] | None) -> dict[str, tuple[int, ...]]:
    """Files of the chunks that hold a part of an array, or all of it -> their places."""
    if part is None:
        touched = [range(n) for n in array.cdata_shape]
    else:
        spans = [np.arange(w.start, w.stop) if isinstance(w, slice) else w for w in part]
        touched = [np.unique(s // size).tolist() for s, size in zip(spans, array.chunks, strict=True)]
    return {f"{array.path}/{array.metadata.encode_chunk_key(key)}": key for key in itertools.product(*touched)}
