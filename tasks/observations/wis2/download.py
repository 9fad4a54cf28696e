"""Data that a notification links to: by HTTP alone, of a bounded size, with patience that ends soon."""

from __future__ import annotations

from functools import partial
from urllib.parse import urlsplit

import requests

from tasks.observations.wis2.notification import LARGEST, Link, Outcome, Refused
from tasks.version import VERSION
from tasks.web.answers import TooLarge, is_busy, read_body, retry_after
from tasks.web.failures import NO_ADDRESS, asking
from tasks.web.patience import Deadline, NotYet, Patience, PatienceEnded

SECONDS = 30.0  # for one download with all its tries: other caches announce the same, and many wait behind it
TRIES = 3
PATIENCE = Patience(first=1.0, longest=10.0, jitter=0.2)


def download(link: Link, seconds: float = SECONDS) -> bytes:
    """The data; Refused if it is too large, is not there, or does not come in time."""
    # FTP and SFTP are allowed too; no cache has them
    if urlsplit(link.href).scheme.lower() not in ("http", "https"):
        raise Refused(Outcome.UNAVAILABLE, f"{link.href[:200]}: neither http:// nor https://")
    if link.length is not None and link.length > LARGEST:
        raise Refused(Outcome.TOO_LARGE, f"{link.length} bytes")
    deadline = Deadline(seconds)
    try:
        return PATIENCE.ask(partial(_once, link.href, deadline), deadline, tries=TRIES)
    except PatienceEnded as ended:
        raise Refused(Outcome.UNAVAILABLE, f"{link.href[:200]}: {ended.last.why}") from None
    except TooLarge:
        raise Refused(Outcome.TOO_LARGE, f"{link.href[:200]}: more than {LARGEST} bytes") from None
    except (*NO_ADDRESS, ValueError) as error:
        raise Refused(Outcome.UNAVAILABLE, f"{link.href[:200]}: no address ({error})") from None


def _once(url: str, deadline: Deadline) -> bytes:
    if not deadline.left:
        raise NotYet("no answer in time")
    headers = {"User-Agent": f"finescale/{VERSION}"}
    with asking(), requests.get(url, headers=headers, stream=True, timeout=max(deadline.left, 0.1)) as answer:
        if is_busy(answer.status_code):
            raise NotYet(f"HTTP {answer.status_code}", retry_after(answer.headers))
        if answer.status_code != 200:
            raise Refused(Outcome.UNAVAILABLE, f"{url[:200]}: HTTP {answer.status_code}")
        return read_body(answer.raw, deadline, decode_content=True, most=LARGEST)
