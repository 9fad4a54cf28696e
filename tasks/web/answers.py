"""What HTTP's answers say to everybody: come again, when, and a body that must be whole by a deadline."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests
from urllib3 import HTTPResponse

from tasks.web.patience import Deadline

BLOCK = 1 << 16
BUSY = {408, 425, 429}  # of the 4xx, those that are no refusal
NEVER = {501, 505}  # of the 5xx, those that no waiting mends


class TooSlow(requests.Timeout):
    """A body of which too little came in the time that it had."""


class TooLarge(ValueError):
    """A body of more bytes than are wanted."""


def is_busy(status: int) -> bool:
    """Whether the same request may be answered later."""
    return status in BUSY or (status >= 500 and status not in NEVER)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a server wants to be left alone for; None if it does not say, or nothing that can be read.

    RFC 9110, 10.2.3: a number of seconds, or a date, which is held against the server's own clock where it shows it.
    """
    stated = headers.get("Retry-After", "").strip()
    if stated.isascii() and stated.isdigit():
        return float(stated)
    then = _date(stated)
    if then is None:
        return None
    now = _date(headers.get("Date", "")) or datetime.now(UTC)
    return max((then - now).total_seconds(), 0.0)


def _date(text: str) -> datetime | None:
    """Any of the three forms of an HTTP date (RFC 9110, 5.6.7)."""
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def read_body(raw: HTTPResponse, deadline: Deadline, *, decode_content: bool = False, most: int | None = None) -> bytes:
    """A body to its end, of which urllib3 makes sure; TooSlow at the deadline, TooLarge beyond `most` bytes.

    In blocks of what is there, so that a server that sends a byte now and then does not escape the deadline.
    """
    body = bytearray()
    while block := raw.read1(BLOCK, decode_content=decode_content):
        body += block
        if most is not None and len(body) > most:
            raise TooLarge(f"more than {most} bytes")
        if not deadline.left:
            raise TooSlow(f"too slow: {len(body)} bytes in {deadline.seconds:.0f} s")
    return bytes(body)
