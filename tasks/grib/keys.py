"""Keys of a message, each by its type and with one call of ecCodes.

`message[key]` of ecCodes makes four (is it missing, how many, of which type, its value); for all headers of a cycle
that was two seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import eccodes
from eccodes.highlevel.message import GRIBMessage

T = TypeVar("T")
_NOT_THERE = (eccodes.KeyValueNotFoundError, eccodes.FunctionNotImplementedError)


def integer(message: GRIBMessage, key: str, default: int | None = None) -> int:
    """KeyError without a default where the key is not there, or says that it has no value."""
    value = _read(eccodes.codes_get_long, message, key)
    if value is not None and value != eccodes.CODES_MISSING_LONG:
        return int(value)
    return _instead(key, default)


def number(message: GRIBMessage, key: str) -> float:
    """KeyError where the key is not there."""
    value = _read(eccodes.codes_get_double, message, key)
    return float(value) if value is not None else _instead(key, None)


def text(message: GRIBMessage, key: str, default: str | None = None) -> str:
    """KeyError without a default where the key is not there."""
    value = _read(eccodes.codes_get_string, message, key)
    return str(value) if value is not None else _instead(key, default)


def _read(function: Callable[[int, str], T], message: GRIBMessage, key: str) -> T | None:
    try:
        return function(message._handle, key)
    except _NOT_THERE:
        return None


def _instead(key: str, default: T | None) -> T:
    if default is None:
        raise KeyError(key)
    return default
