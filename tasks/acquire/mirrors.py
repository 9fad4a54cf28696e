"""Mirrors of ECMWF open data: addresses and sessions from the `ecmwf-opendata` client, byte ranges with a deadline.

The client's own `retrieve` waits for ever where a server does not answer, gives back what it got where parameters are
missing, and knows one mirror at a time. So it says where files are and signs requests (Azure), and the bytes are read
here.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import requests
from ecmwf.opendata import Client
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError as TransportError

from tasks.acquire.layout import file_uri
from tasks.acquire.open_data import IndexEntry, read_index
from tasks.errors import BadInput
from tasks.handover.cycle import Cycle
from tasks.region.settings import AcquireSettings
from tasks.web.answers import read_body, retry_after
from tasks.web.failures import in_short
from tasks.web.patience import Deadline, spread

log = logging.getLogger(__name__)

SINGLE_RANGES = {"aws", "google", "azure"}  # ignore a second range, or answer 400
PATIENT_FAILURES = 3  # in a row, before a mirror is left alone
LONGEST_PAUSE = 600.0  # seconds
SPAN = re.compile(r"content-range:\s*bytes\s+(\d+)-(\d+)/", re.IGNORECASE)


class MirrorFailure(Exception):
    """A mirror did not deliver: why, and whether that says anything of its health."""

    def __init__(self, why: str, retry_after: float | None = None, sick: bool = True) -> None:
        super().__init__(why)
        self.why, self.retry_after, self.sick = why, retry_after, sick


class NotThere(MirrorFailure):
    """404: that file is not there, or not yet."""

    def __init__(self, why: str) -> None:
        super().__init__(why, sick=False)


class RangesIgnored(MirrorFailure):
    """Several ranges in one request are not served."""

    def __init__(self, why: str) -> None:
        super().__init__(why, sick=False)


@dataclass
class Breaker:
    """Leaves a mirror alone that failed several times in a row, or asked for it, longer each time."""

    pause: float  # seconds, the first
    failures: int = 0
    closed_until: float = 0.0  # of time.monotonic
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait(self) -> float:
        """Seconds until the mirror may be asked; 0 now."""
        return max(self.closed_until - time.monotonic(), 0.0)

    def worked(self) -> None:
        """The mirror answered."""
        with self._lock:
            self.failures = 0

    def failed(self, retry_after: float | None) -> bool:
        """The mirror failed; True if it is left alone from now on."""
        with self._lock:
            self.failures += 1
            if retry_after is None and self.failures < PATIENT_FAILURES:
                return False
            doubled = self.pause * 2 ** max(self.failures - PATIENT_FAILURES, 0)
            pause = min(doubled if retry_after is None else retry_after, LONGEST_PAUSE)
            already = self.wait() > 0
            self.closed_until = max(self.closed_until, time.monotonic() + spread(pause))
            return not already


class Mirror:
    """One mirror: reads indices and messages, and remembers how it behaves."""

    def __init__(self, name: str, settings: AcquireSettings) -> None:
        self.name, self.settings = name, settings
        self.breaker = Breaker(settings.pause_seconds)
        self.multiple_ranges = name not in SINGLE_RANGES
        self._client: Client | None = None
        self._lock = threading.Lock()

    def client(self) -> Client:
        """The client, made at first use: for Azure that asks for a token, which ends after a while."""
        with self._lock:
            if self._client is None:
                try:
                    self._client = Client(source=self.name, resol=self.settings.resol)
                except (requests.RequestException, KeyError) as error:  # KeyError: JSON without a token
                    raise MirrorFailure(f"no access token ({in_short(error)})") from None
                except ValueError as error:
                    raise BadInput(f"{self.name}: no mirror of that name under `acquire: mirrors:` ({error})") from None
                for scheme in ("http://", "https://"):
                    self._client.session.mount(scheme, HTTPAdapter(pool_maxsize=self.settings.in_flight))
            return self._client

    def file(self, cycle: Cycle, step: int) -> str:
        """URL of a lead time's file without the ending."""
        return file_uri(str(self.client().url), cycle.time, step, self.settings.resol, cycle.source)

    def failed(self, failure: MirrorFailure) -> None:
        """Remember a failure; several in a row, and the mirror is left alone for a while."""
        if failure.sick and self.breaker.failed(failure.retry_after):
            log.warning("acquire: mirror %s is left alone for %.0f s", self.name, self.breaker.wait())

    def index(self, base: str) -> list[IndexEntry]:
        """Entries of a lead time's index; MirrorFailure if there is none, or it is cut or no index."""
        text = self._read(f"{base}.index", None, 1 << 20)
        try:
            return read_index(text)
        except ValueError as error:
            raise MirrorFailure(f"{base.rsplit('/', 1)[-1]}.index is cut or no index ({error})", sick=False) from None

    def messages(self, base: str, entries: list[IndexEntry]) -> dict[str, bytes]:
        """Bytes by key, neighbours in one range, all ranges in one request where the mirror serves that."""
        spans = _joined(entries)
        pieces: dict[int, bytes] = {}
        if len(spans) > 1 and self.multiple_ranges:
            try:
                pieces = self._ranges(f"{base}.grib2", spans)
            except RangesIgnored as failure:
                log.info("mirror %s: %s; asking for one range at a time", self.name, failure.why)
                self.multiple_ranges = False
        for span in spans if not pieces else []:
            pieces |= self._ranges(f"{base}.grib2", [span])
        out = {}
        for entry in entries:
            for first, data in pieces.items():
                if first <= entry.offset and entry.offset + entry.length <= first + len(data):
                    out[entry.key] = data[entry.offset - first : entry.offset - first + entry.length]
        return out

    def _ranges(self, url: str, spans: list[tuple[int, int]]) -> dict[int, bytes]:
        """Bytes of (first, last) ranges by their first position."""
        header = "bytes=" + ",".join(f"{a}-{b}" for a, b in spans)
        body = self._read(url, header, sum(b - a + 1 for a, b in spans))
        return {spans[0][0]: body} if len(spans) == 1 else _parts(body)

    def _read(self, url: str, ranges: str | None, size: int) -> bytes:
        """A body, whole, within the time that `size` bytes may take; MirrorFailure otherwise."""
        limit = self.settings.timeout_seconds
        deadline = Deadline(limit + size / self.settings.slowest)
        name = url.rsplit("/", 1)[-1]
        headers = {"Accept-Encoding": "identity"} | ({"Range": ranges} if ranges else {})
        try:
            with self.client().session.get(url, headers=headers, stream=True, timeout=(limit, limit)) as answer:
                self._check_status(answer, name, ranges)
                body = read_body(answer.raw, deadline)
        except (requests.RequestException, TransportError, OSError) as error:
            raise MirrorFailure(f"{name}: {in_short(error)}") from None
        self.breaker.worked()
        return body

    def _check_status(self, answer: requests.Response, name: str, ranges: str | None) -> None:
        code, several = answer.status_code, ranges is not None and "," in ranges
        if code == (206 if ranges else 200):
            return
        if several and code in (200, 400, 501):
            raise RangesIgnored(f"{name}: {code} to a request for several ranges")
        if code == 200:
            raise MirrorFailure(f"{name}: sends the whole file instead of a range")
        if code in (404, 410):
            raise NotThere(f"{name}: not there ({code})")
        if code == 416:
            raise MirrorFailure(f"{name}: the index points beyond the file", sick=False)
        if code in (401, 403):
            self._client = None  # a token that has ended: a new one next time
        raise MirrorFailure(f"{name}: HTTP {code}", retry_after(answer.headers))


def _joined(entries: Iterable[IndexEntry]) -> list[tuple[int, int]]:
    """(first, last) byte of the entries, neighbours joined."""
    spans: list[tuple[int, int]] = []
    for entry in sorted(entries, key=lambda e: e.offset):
        last = entry.offset + entry.length - 1
        if spans and entry.offset <= spans[-1][1] + 1:
            spans[-1] = (spans[-1][0], max(last, spans[-1][1]))
        else:
            spans.append((entry.offset, last))
    return spans


def _parts(body: bytes) -> dict[int, bytes]:
    """Parts of a multipart/byteranges body by their first position, cut by what each says of itself (RFC 9110)."""
    out, at = {}, 0
    while (end := body.find(b"\r\n\r\n", at)) >= 0:
        span = SPAN.search(body[at:end].decode("latin-1"))
        if span is None:
            break
        first, last = int(span[1]), int(span[2])
        out[first] = body[end + 4 : end + 4 + last - first + 1]
        at = end + 4 + last - first + 1
    return out
