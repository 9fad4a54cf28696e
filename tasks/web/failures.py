"""Which errors can pass, so that asking again helps, and what they come down to in a line.

An error that can pass is one that a server, a disk or the way there may have caused; a slip of ours never is.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import requests
import urllib3

from tasks.web.answers import TooSlow, is_busy, retry_after
from tasks.web.patience import NotYet

# OSError: of disks, most errors of `requests`, and what tasks/objects.py makes of obstore's.
TRANSIENT = (OSError, httpx.TransportError, urllib3.exceptions.HTTPError)
# Of packages that not everybody has loaded, by the module that holds them: zarr passes obstore's on as they are, fsspec
# those of aiohttp.
TRANSIENT_IF_LOADED = (
    ("obstore.exceptions", "BaseError"),
    ("aiohttp.client_exceptions", "ClientError"),
)
# Among the families above: addresses, headers and documents that are wrong and stay so.
PERMANENT = (
    ValueError, requests.exceptions.InvalidJSONError, httpx.UnsupportedProtocol, httpx.LocalProtocolError,
)  # fmt: skip
OS_ERROR = "(os error "  # what zarrs writes into a RuntimeError where Python would raise OSError
NO_ADDRESS = (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema)
LONGEST = 120  # characters of a library's own words

WORDS = (
    ("timed out", "no answer in time"),
    ("Connection refused", "connection refused"),
    ("NameResolution", "name does not resolve"),
    ("Remote end closed", "connection closed"),
    ("IncompleteRead", "connection cut"),
    ("Connection reset", "connection reset"),
)


def status_of(error: BaseException) -> int | None:
    """The HTTP status that an error is about, of `requests`, httpx or aiohttp; None where there was no answer."""
    found = getattr(getattr(error, "response", None), "status_code", None) or getattr(error, "status", None)
    return found if isinstance(found, int) else None


def is_transient(error: BaseException) -> bool:
    """Whether a server, a disk or the way there may have caused it."""
    status = status_of(error)
    if status is not None:
        return is_busy(status)
    if isinstance(error, PERMANENT):
        return False
    if isinstance(error, RuntimeError) and OS_ERROR in str(error):
        return True
    return isinstance(error, (*TRANSIENT, *_loaded()))


def _loaded() -> list[type[Exception]]:
    """Of packages that are loaded; who has not loaded one has no error of it."""
    modules = ((sys.modules.get(module), name) for module, name in TRANSIENT_IF_LOADED)
    return [getattr(module, name) for module, name in modules if module is not None]


def in_short(error: BaseException) -> str:
    """What an error of the network comes down to, without the libraries' layers."""
    if isinstance(error, TooSlow):
        return str(error)
    if (status := status_of(error)) is not None:
        return f"HTTP {status}"
    if isinstance(error, (TimeoutError, httpx.TimeoutException)):
        return "no answer in time"
    text = str(error)
    for sign, meaning in WORDS:
        if sign in text:
            return meaning
    return f"{type(error).__name__}: {text[:LONGEST]}"


@contextmanager
def asking() -> Iterator[None]:
    """An error that can pass becomes NotYet, with what its server wants; any other goes up as it is."""
    try:
        yield
    except Exception as error:
        if not is_transient(error):
            raise
        headers = getattr(getattr(error, "response", None), "headers", {})
        raise NotYet(in_short(error), retry_after(headers)) from error
