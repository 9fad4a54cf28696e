"""The messages of a file, one after the other: every byte of it belongs to a message or to an archive's padding."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import eccodes
from eccodes.highlevel.message import GRIBMessage

from tasks.errors import FinescaleError
from tasks.grib.fields import count_fields, read_field

# text around a message in a bulletin of the Global Telecommunication System, and what NDFD writes before it
BULLETIN = re.compile(
    rb"\s*\x03?\s*(\*{4}\d{10}\*{4}\s*)?(\x01\s*\d{0,5}\s*)?[A-Z]{4}\d\d [A-Z]{4} \d{6}( [A-Z]{3})?\s*|\s*\x03"
)
ARCHIVE_BLOCK = 120  # bytes: ECMWF's archive fills each GRIB 1 message with zeros to a multiple of this
BEGIN, END = b"GRIB", b"7777"

# ecCodes writes to standard error what it raises as well; kept open for as long as ecCodes may write to it
_NOWHERE = open(os.devnull, "w")  # noqa: SIM115
eccodes.codes_context_set_logging(_NOWHERE)


@dataclass(frozen=True)
class Placed:
    """A message and where it lies: `number` counts from 1, `offset` and `length` are bytes of the file.

    Of a GRIB2 message with several fields each is a message here; `field` counts them from 0, None where there is one.
    """

    number: int
    offset: int
    length: int
    field: int | None
    message: GRIBMessage


def is_grib(path: Path) -> bool:
    """True if the file starts as a GRIB message does, or as a bulletin that holds one."""
    with path.open("rb") as file:
        head = file.read(ARCHIVE_BLOCK)
    return head.startswith(BEGIN) or (BEGIN in head and BULLETIN.fullmatch(head[: head.index(BEGIN)]) is not None)


def walk(path: Path, fault: type[FinescaleError], what: str = "") -> Iterator[Placed]:
    """Every field of a file; `fault`, naming it `what` (default: its name), on bytes of none and on a cut message."""
    size, expected, number, what = path.stat().st_size, 0, 0, what or path.name
    with eccodes.FileReader(path) as reader, path.open("rb") as file:
        while expected < size:
            number += 1
            try:
                message = next(reader, None)
                if message is None:
                    _assert_padding(path, expected, size, fault, what)
                    return
                offset, length = int(message["offset"]), int(message["totalLength"])
            except (eccodes.CodesInternalError, KeyError) as error:
                raise fault(
                    f"{what}: message {number} at byte {expected} of {size} is truncated or broken ({error}); "
                    "fetch the file again"
                ) from None
            _assert_padding(path, expected, offset, fault, what)
            expected = offset + length
            count = count_fields(file, offset, length)
            if count == 1:
                yield Placed(number, offset, length, None, message)
                continue
            for field in range(count):
                yield Placed(number, offset, length, field, _message(read_field(file, offset, length, field)))


def _assert_padding(path: Path, start: int, stop: int, fault: type[FinescaleError], what: str) -> None:
    """Bytes between messages are zeros and fewer than the archive's block, or a bulletin's text.

    More zeros are what a download leaves that reserved its space and stopped.
    """
    if start == stop:
        return
    with path.open("rb") as file:
        file.seek(start)
        between = file.read(min(stop - start, ARCHIVE_BLOCK))
        if stop - start >= ARCHIVE_BLOCK or (any(between) and not BULLETIN.fullmatch(between)):
            raise fault(f"{what}: bytes {start}..{stop} are not GRIB; fetch the file again")


def message_at(path: Path, offset: int, length: int, field: int | None) -> GRIBMessage:
    """The message at a place that `walk` found."""
    with path.open("rb") as file:
        if field is not None:
            return _message(read_field(file, offset, length, field))
        file.seek(offset)
        return _message(file.read(length))


def _message(data: bytes) -> GRIBMessage:
    return GRIBMessage(eccodes.codes_new_from_message(data))


def message_of(data: bytes, length: int, fault: type[FinescaleError], label: str, remedy: str) -> GRIBMessage:
    """The message that bytes are; `fault` if they are not one whole message of this length."""
    if len(data) != length or not data.startswith(BEGIN) or not data.endswith(END):
        raise fault(f"{label}: {len(data)} of {length} bytes, or not a whole GRIB message; {remedy}")
    try:
        message = GRIBMessage(eccodes.codes_new_from_message(data))
        stated = int(message["totalLength"])
    except (eccodes.CodesInternalError, KeyError) as error:
        raise fault(f"{label}: does not decode ({error}); {remedy}") from None
    if stated != length:
        raise fault(f"{label}: the message says {stated} bytes, not {length}; {remedy}")
    return message
