"""Fetching from services of observations, politely: one at a time, cached, asked only for what has changed.

What was fetched is kept with its ETag or time of change; a service that is down is answered for by what is kept.
"""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from requests_cache import CachedSession
from requests_cache.backends.filesystem import FileCache
from urllib3.util.retry import Retry

from tasks.errors import ObservationsMissing, ObservationsUnavailable
from tasks.version import VERSION

log = logging.getLogger(__name__)

AGENT = f"finescale/{VERSION} (verification of weather fields)"
FRESH = 600.0  # seconds in which nothing is asked again: no source here changes faster
QUIET = 20.0  # seconds without a byte, after which a request counts as failed
ATTEMPTS = 3
PAUSE = 0.2  # seconds between two requests: these are free services
BUSY = (429, 500, 502, 503, 504)


class Fetcher:
    """GET with cache, retries and a deadline for all that one source is asked; not for several threads at once."""

    def __init__(self, folder: Path, deadline_s: float, pause_s: float = PAUSE, fresh_s: float = FRESH) -> None:
        self._until = time.monotonic() + deadline_s
        self._deadline, self._pause, self._last = deadline_s, pause_s, 0.0
        self._session = CachedSession(
            backend=FileCache(folder, use_cache_dir=False), expire_after=fresh_s, allowable_codes=(200,),
            stale_if_error=True, headers={"User-Agent": AGENT},
        )  # fmt: skip
        # a service that says when to come back is believed, if that is before the deadline
        retry = Retry(
            ATTEMPTS, backoff_factor=0.5, status_forcelist=BUSY, respect_retry_after_header=True,
            retry_after_max=max(int(deadline_s), 1), raise_on_status=False,
        )  # fmt: skip
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=retry))

    def get(self, url: str, **parameters: str) -> bytes:
        """Content of an address.

        ObservationsMissing if there is none; ObservationsUnavailable if the service is silent, refuses or is cut off,
        and nothing is kept from before.
        """
        left = self._until - time.monotonic()
        if left <= 0:
            raise ObservationsUnavailable(
                f"{url}: not within {self._deadline:g} s; raise `observations: deadline_seconds`"
            )
        time.sleep(max(self._last + self._pause - time.monotonic(), 0.0))
        try:
            response = _within(left, lambda: self._session.get(url, params=parameters, timeout=min(QUIET, left)))
        except TimeoutError:
            raise ObservationsUnavailable(
                f"{url}: not within {self._deadline:g} s; raise `observations: deadline_seconds`"
            ) from None
        except requests.RequestException as error:
            raise ObservationsUnavailable(f"{url}: {_said(error)}; it is asked again next time") from None
        finally:
            self._last = time.monotonic()
        if response.status_code in (404, 410):
            raise ObservationsMissing(f"{url}: not there (HTTP {response.status_code})")
        if response.status_code != 200:
            raise ObservationsUnavailable(
                f"{url}: HTTP {response.status_code} {response.reason}; it is asked again next time"
            )
        if getattr(response, "is_expired", False) and not getattr(response, "revalidated", False):
            log.warning("%s: does not answer, what was fetched before is used", url)
        return bytes(response.content)


def _within(seconds: float, call: object) -> requests.Response:
    """What a call returns; TimeoutError if it takes longer: a server may send a byte a second for ever."""
    result: list[requests.Response | BaseException] = []

    def run() -> None:
        try:
            result.append(call())  # type: ignore[operator]
        except BaseException as error:
            result.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if not result:
        raise TimeoutError
    if isinstance(result[0], BaseException):
        raise result[0]
    return result[0]


def _said(error: Exception) -> str:
    """The last cause, which names the trouble."""
    cause: BaseException = error
    while (inner := cause.__cause__ or cause.__context__) is not None:
        cause = inner
    return f"{type(cause).__name__}: {cause}".splitlines()[0][:200]
