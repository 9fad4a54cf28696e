"""The messages of GRIB files, cut by what each says of its length: tests and benchmarks read bytes, not through us."""

from __future__ import annotations

from pathlib import Path


def messages(grib: Path | bytes) -> list[bytes]:
    """The GRIB messages, of either edition, of a file in which they follow each other without padding."""
    data = grib if isinstance(grib, bytes) else grib.read_bytes()
    out, at = [], 0
    while at < len(data):
        assert data[at : at + 4] == b"GRIB", f"no message at byte {at}"
        length = int.from_bytes(data[at + 8 : at + 16] if data[at + 7] == 2 else data[at + 4 : at + 7], "big")
        out.append(data[at : at + length])
        at += length
    return out
