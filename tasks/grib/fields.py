"""The fields of a GRIB2 message: sections 2 to 7 can be there more than once (NCEP writes u and v so)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

INDICATOR = 16  # bytes of section 0, whose last eight are the length of the message
BITMAP, VALUES = 6, 7
OWN_BITMAP, SAME_BITMAP = 0, 254  # in this section; the one defined before in this message
END = b"7777"


def _sections(file: BinaryIO, message: int, length: int) -> Iterator[tuple[int, int, int]]:
    """(number, place in the file, bytes) of each section after the indicator; ends where the bytes are none."""
    at, stop = message + INDICATOR, message + length - len(END)
    while at + 5 <= stop:
        file.seek(at)
        head = file.read(5)
        size = int.from_bytes(head[:4], "big")
        if size < 5 or at + size > stop:
            return
        yield head[4], at, size
        at += size


def count_fields(file: BinaryIO, offset: int, length: int) -> int:
    """How many fields the message at a place of a file has; 1 of GRIB 1."""
    file.seek(offset)
    if file.read(8)[7] != 2:
        return 1
    return max(1, sum(number == VALUES for number, _, _ in _sections(file, offset, length)))


def read_field(file: BinaryIO, offset: int, length: int, which: int) -> bytes:
    """One field of a GRIB2 message of several, as a message of its own."""
    file.seek(offset)
    head = file.read(8)
    sections: dict[int, bytes] = {}
    defined = b""  # the last bitmap that is one: fields between may have none
    for number, at, size in _sections(file, offset, length):
        file.seek(at)
        section = file.read(size)
        if number == BITMAP and section[5] == SAME_BITMAP:
            section = defined or section
        elif number == BITMAP and section[5] == OWN_BITMAP:
            defined = section
        sections = {n: s for n, s in sections.items() if n < number} | {number: section}
        if number == VALUES:
            if which == 0:
                break
            which -= 1
    body = b"".join(sections[n] for n in sorted(sections)) + END
    return head + (INDICATOR + len(body)).to_bytes(8, "big") + body
