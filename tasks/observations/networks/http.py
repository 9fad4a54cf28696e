"""Fetching from the services of observations: kept copies, few requests at once, patience with an end.

Copies are asked after by ETag or Last-Modified. Tries are counted here instead of in urllib3: its Retry knows neither
an end in time nor bodies that are cut.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter

from tasks.errors import ObservationsMissing, ObservationsUnavailable, RequestRefused
from tasks.version import VERSION
from tasks.web.answers import TooSlow, is_busy, read_body, retry_after
from tasks.web.failures import NO_ADDRESS, asking
from tasks.web.patience import Deadline, NotYet, Patience, PatienceEnded

if TYPE_CHECKING:
    from requests_cache.backends.filesystem import FileCache

log = logging.getLogger(__name__)

TRIES = 4
LONGEST_WAIT = 60.0  # s, between two tries
KEPT = 30 * 86400  # s: older copies are of no use to anybody
FRESH = 60  # s that an answer without ETag or date is good for: the quickest source reports every half hour


class _Bounded(HTTPAdapter):
    """Reads bodies itself, so that one that drips ends with the fetch, and one that is cut is an error."""

    def __init__(self, deadline: Deadline, at_once: int) -> None:
        super().__init__(pool_maxsize=at_once)
        self.deadline = deadline

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        answer = super().send(request, *args, **options | {"stream": True})
        try:
            answer._content = read_body(answer.raw, self.deadline, decode_content=True)
        except TooSlow:
            answer.close()
            raise
        answer._content_consumed = True
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
        self.deadline, self.at_once, self.pause_s, self.timeout_s = Deadline(deadline_s), at_once, pause_s, timeout_s
        self.patience = Patience(first=wait_s, longest=LONGEST_WAIT, jitter=0.2)
        self._down = False
        Path(cache_folder).mkdir(parents=True, exist_ok=True)
        self.folder = Path(cache_folder).absolute()
        _forget_old(Path(cache_folder))
        from requests_cache import CachedSession  # half a second, for which who asks nobody does not wait

        self._session = CachedSession(backend=self._cache(), expire_after=FRESH, always_revalidate=True)
        self._session.headers["User-Agent"] = f"finescale/{VERSION}"
        adapter = _Bounded(self.deadline, at_once)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, adapter)

    def get(self, url: str, params: Mapping[str, Any] | None = None) -> bytes:
        """An answer's body; empty where the service says that there is nothing (204).

        ObservationsMissing for what is not there (404), RequestRefused for a request that the service does not take,
        ObservationsUnavailable if it is silent, fails or is too slow and no older copy is at hand.
        """
        try:
            question = partial(self._once, url, params)
            return self.patience.ask(question, self.deadline, tries=1 if self._down else TRIES)
        except PatienceEnded as ended:
            return self._older_copy(url, params, ended.last.why)

    def _once(self, url: str, params: Mapping[str, Any] | None) -> bytes:
        left = self.deadline.left
        if not left:
            raise NotYet("no time left")
        try:
            with asking():
                answer = self._session.get(url, params=params, timeout=min(self.timeout_s, left))
        except NO_ADDRESS as error:
            raise RequestRefused(f"{url}: no address of a service ({error})") from None
        if not getattr(answer, "from_cache", False):
            time.sleep(self.pause_s)
        if answer.status_code in (200, 204):
            return bytes(answer.content or b"")
        if answer.status_code in (404, 410):
            raise ObservationsMissing(f"{url}: not there ({answer.status_code})")
        if is_busy(answer.status_code):
            raise NotYet(f"HTTP {answer.status_code}", retry_after(answer.headers))
        reason = bytes(answer.content[:200]).decode(errors="replace").strip()
        raise RequestRefused(f"{answer.url}: refused (HTTP {answer.status_code}): {reason or 'no reason given'}")

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
        from requests_cache.backends import filesystem

        return filesystem.FileCache(str(self.folder), decode_content=False)

    def _older_copy(self, url: str, params: Mapping[str, Any] | None, why: str) -> bytes:
        self._down = True  # the others of this fetch are tried once
        from requests_cache import CachedSession

        kept = CachedSession(backend=self._cache(), stale_if_error=True)
        copy = kept.get(url, params=params, only_if_cached=True)  # 504 if there is none
        if copy.status_code == 200:
            log.warning("observations: %s: %s; using the copy of %s", url, why, copy.created_at)
            return bytes(copy.content or b"")
        raise ObservationsUnavailable(
            f"{url}: {why} (tried for up to {self.deadline.seconds:.0f} s); what has come is kept, run again later"
        )


def _forget_old(folder: Path) -> None:
    """Remove copies a month old: answers to queries lie under a new name each time."""
    for file in folder.glob("*"):
        with suppress(OSError):  # somebody else may be cleaning up
            if file.is_file() and time.time() - file.stat().st_mtime > KEPT:
                file.unlink()
