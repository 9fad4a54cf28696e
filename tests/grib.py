"""The messages of GRIB files, cut by what each says of its length: tests and benchmarks read bytes, not through us."""

from __future__ import annotations

from pathlib import Path

import eccodes

ROOT = Path(__file__).resolve().parents[1]
DEMO_GRIB = ROOT / "tasks/acquire/demo_cycle/20211210/12z/ifs/0p25/oper/20211210120000-8h-oper-fc.grib2"


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


def message(name: str, factor: float = 1.0, **keys: int | str) -> bytes:
    """One of the demo's messages with other keys, its values times a factor."""
    for data in messages(DEMO_GRIB):
        handle = eccodes.codes_new_from_message(data)
        if eccodes.codes_get(handle, "shortName") == name:
            for key, value in keys.items():
                eccodes.codes_set(handle, key, value)
            if factor != 1.0:
                eccodes.codes_set_values(handle, eccodes.codes_get_values(handle) * factor)
            return bytes(eccodes.codes_get_message(handle))
    raise AssertionError(name)
