"""Fetching from the services of observations: kept copies, few requests at once, patience with an end.

Copies are asked after by ETag or Last-Modified. Tries are counted here instead of in urllib3: its Retry knows neither
an end in time nor bodies that are cut.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests_cache import CachedSession
from requests_cache.backends.filesystem import FileCache
from urllib3.exceptions import HTTPError as TransportError

from tasks.errors import ObservationsMissing, ObservationsUnavailable, RequestRefused
from tasks.version import VERSION

log = logging.getLogger(__name__)

BLOCK = 1 << 16
TRIES = 4
LONGEST_WAIT = 60.0  # s, between two tries
KEPT = 30 * 86400  # s: older copies are of no use to anybody
FRESH = 60  # s that an answer without ETag or date is good for: the quickest source reports every half hour
BUSY = {408, 425, 429, 500, 502, 503, 504}


class _Ended(requests.RequestException):
    """The time for the whole fetch is over."""


class _Bounded(HTTPAdapter):
    """Reads bodies itself, so that one that drips ends with the fetch, and one that is cut is an error."""

    until = 0.0  # of time.monotonic

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        answer = super().send(request, *args, **options | {"stream": True})
        body = bytearray()
        while block := answer.raw.read1(BLOCK, decode_content=True):
            body += block
            if time.monotonic() > self.until:
                answer.close()
                raise _Ended(f"{len(body)} bytes so far")
        if answer.raw.length_remaining:
            raise requests.ConnectionError(f"connection ended {answer.raw.length_remaining} bytes early")
        answer._content, answer._content_consumed = bytes(body), True
        return answer


class Http:
    """One fetch: all its requests together end with the deadline; copies outlive it, so that the next goes on."""

    def __init__(
        self,
        cache_folder: str | Path,
        deadline_s: float = 300.0,
        *,
        at_once: int = 2,
        pause_s: float = 0.2,
        timeout_s: float = 30.0,
        wait_s: float = 1.0,
    ) -> None:
        self.until = time.monotonic() + deadline_s
        self.deadline_s, self.at_once, self.pause_s = deadline_s, at_once, pause_s
        self.timeout_s, self.wait_s = timeout_s, wait_s
        self._down = False
        Path(cache_folder).mkdir(parents=True, exist_ok=True)
        self._folder = str(Path(cache_folder).absolute())
        _forget_old(Path(cache_folder))
        self._session = CachedSession(backend=self._cache(), expire_after=FRESH, always_revalidate=True)
        self._session.headers["User-Agent"] = f"finescale/{VERSION}"
        adapter = _Bounded(pool_maxsize=at_once)
        adapter.until = self.until
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, adapter)

    def get(self, url: str, params: Mapping[str, Any] | None = None) -> bytes:
        """An answer's body; empty where the service says that there is nothing (204).

        ObservationsMissing for what is not there (404), RequestRefused for a request that the service does not take,
        ObservationsUnavailable if it is silent, fails or is too slow and no older copy is at hand.
        """
        wait, why = self.wait_s, ""
        for _ in range(1 if self._down else TRIES):
            left = self.until - time.monotonic()
            if left <= 0:
                why = why or "no time left"
                break
            try:
                answer = self._session.get(url, params=params, timeout=min(self.timeout_s, left))
            except (requests.RequestException, TransportError, OSError) as error:
                why, asked = _short(error), None
            else:
                if not getattr(answer, "from_cache", False):
                    time.sleep(self.pause_s)
                if answer.status_code in (200, 204):
                    return bytes(answer.content or b"")
                if answer.status_code in (404, 410):
                    raise ObservationsMissing(f"{url}: not there ({answer.status_code})")
                if answer.status_code not in BUSY:
                    said = bytes(answer.content[:200]).decode(errors="replace").strip()
                    raise RequestRefused(
                        f"{answer.url}: refused (HTTP {answer.status_code}): {said or 'no reason given'}"
                    )
                why, asked = f"HTTP {answer.status_code}", _retry_after(answer)
            pause = asked if asked is not None else wait * random.uniform(1.0, 1.2)  # noqa: S311
            if time.monotonic() + pause > self.until:
                break
            time.sleep(pause)
            wait = min(2 * wait, LONGEST_WAIT)
        return self._older_copy(url, params, why)

    def get_all(self, urls: Iterable[str]) -> dict[str, bytes]:
        """Bodies by URL, as `get`; what is not there is left out and logged. ObservationsMissing if nothing is."""
        wanted = list(dict.fromkeys(urls))
        with ThreadPoolExecutor(self.at_once) as pool:
            try:
                answers = list(pool.map(self._if_there, wanted))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        found = {url: body for url, body in zip(wanted, answers, strict=True) if body is not None}
        if wanted and not found:
            raise ObservationsMissing(
                f"{wanted[0]} and {len(wanted) - 1} more: none is there; look at stations and times"
            )
        return found

    def _if_there(self, url: str) -> bytes | None:
        try:
            return self.get(url)
        except ObservationsMissing as error:
            log.info("observations: %s", error)
            return None

    def _cache(self) -> FileCache:
        return FileCache(self._folder, decode_content=False)

    def _older_copy(self, url: str, params: Mapping[str, Any] | None, why: str) -> bytes:
        self._down = True  # the others of this fetch are tried once
        kept = CachedSession(backend=self._cache(), stale_if_error=True)
        copy = kept.get(url, params=params, only_if_cached=True)  # 504 if there is none
        if copy.status_code == 200:
            log.warning("observations: %s: %s; using the copy of %s", url, why, copy.created_at)
            return bytes(copy.content or b"")
        raise ObservationsUnavailable(
            f"{url}: {why} (tried for up to {self.deadline_s:.0f} s); what has come is kept, run again later"
        )


def _forget_old(folder: Path) -> None:
    """Remove copies a month old: answers to queries lie under a new name each time."""
    for file in folder.glob("*"):
        with suppress(OSError):  # somebody else may be cleaning up
            if file.is_file() and time.time() - file.stat().st_mtime > KEPT:
                file.unlink()


def _retry_after(answer: requests.Response) -> float | None:
    """Seconds that a busy server asks for."""
    said = answer.headers.get("Retry-After", "")
    return float(said) if said.isdigit() else None


def _short(error: Exception) -> str:
    """What a network error comes down to, without the library's layers."""
    text = str(error)
    for sign, meaning in (
        ("timed out", "no answer in time"),
        ("Connection refused", "connection refused"),
        ("NameResolution", "name does not resolve"),
        ("Remote end closed", "connection closed"),
        ("IncompleteRead", "connection cut"),
        ("bytes early", "connection cut"),
        ("Connection reset", "connection reset"),
    ):
        if sign in text:
            return meaning
    return f"too slow, {text}" if isinstance(error, _Ended) else f"{type(error).__name__}: {text[:120]}"
