"""How a product's values are packed: bits kept, codec, chunk and shard shapes. Measured by benchmarks.packing."""

from __future__ import annotations

from typing import Any

import numpy as np
from zarr.abc.codec import BytesBytesCodec
from zarr.codecs import BloscCodec

from tasks.arrays import checked
from tasks.variables import VARIABLES
from tasks.version import VERSION

# Mantissa bits that are kept, of float32's 23. docs/packing.md has the measurements: at least the bits that hold 99 %
# of the information (mutual information of neighbours, doi:10.1038/s43588-021-00156-2: 10, 10, 3, 2, 10, 12, 1); an
# error below a tenth of that against stations; and cell means that stay within the gate's limit of 0.01 standard
# deviations in 99 of 100 areas of a province's size, calm seas included, which decides all but rain's.
# Temperature and dew point keep the same: rounding is monotone, so that dew point stays at or below temperature.
KEPT_BITS: dict[str, int] = {
    "t2m": 14, "d2m": 14, "u10": 8, "v10": 8, "sp": 15, "msl": 16, "tp": 8,
    # by the errors that they leave: 0.2 % of wind and cloud, of radiation less than it differs under a clear sky
    "u100": 8, "v100": 8, "fg10": 8, "skt": 14, "tcwv": 11, "tcc": 8, "ssrd": 12, "strd": 12,
    "mx2t": 14, "mn2t": 14, "sf": 8, "sd": 8,
}  # fmt: skip
MANTISSA = 23  # bits of a float32

CONTAINER = "quantization_info"  # name of the variable without data that says how values were rounded: CF-1.12, 8.4


def round_field(name: str, field: np.ndarray) -> np.ndarray:
    """Values of a variable rounded to its kept bits; see `round_to`."""
    return round_to(field, KEPT_BITS[name])


def round_to(field: np.ndarray, kept: int) -> np.ndarray:
    """Values rounded to so many mantissa bits, 1 to 22, half to even; returns them as float32, of the same shape.

    A writable float32 array is rounded in place and returned; anything else is copied first. What is not finite stays
    as it is to the bit, 0 stays 0, signs stay. Monotone (a <= b stays so under the same bits) and idempotent. Integer
    arithmetic alone: the same bits on every machine.
    """
    if field.dtype != np.float32 or not field.flags.writeable:
        field = field.astype(np.float32)
    for plane in field if field.ndim > 2 else (field,):  # one lead time at a time stays in the processor's cache
        _round(plane, kept)
    return field


def _round(plane: np.ndarray, kept: int) -> None:
    """BitRound in place: add just under half of the last kept bit, one more if that bit is set, and cut off."""
    odd_at = np.uint32(MANTISSA - kept)
    below_half = np.uint32((1 << (MANTISSA - kept - 1)) - 1)
    cut = np.uint32(0xFFFFFFFF << (MANTISSA - kept) & 0xFFFFFFFF)
    infinite = ~np.isfinite(plane)
    untouched = plane[infinite] if infinite.any() else None  # adding would turn some NaN into numbers
    values = plane.view(np.uint32)
    carry = values >> odd_at
    carry &= np.uint32(1)
    carry += below_half
    values += carry
    values &= cut
    if untouched is not None:
        plane[infinite] = untouched


def relative_error(name: str) -> float:
    """The largest error that rounding makes, over the value."""
    return float(2.0 ** -(KEPT_BITS[name] + 1))


def largest_error(name: str, value: float | None = None) -> float:
    """The largest error that rounding makes up to |value|, in its unit; default: up to its physical limit."""
    variable = VARIABLES[name]
    top = max(abs(variable.low), abs(variable.high)) if value is None else abs(value)
    return float(2.0 ** np.floor(np.log2(top))) * relative_error(name)


def attributes(name: str) -> dict[str, Any]:
    """Attributes of a variable that say how it was rounded: those of CF-1.12, section 8.4, and the largest errors."""
    return {
        "quantization": CONTAINER,
        "quantization_nsb": KEPT_BITS[name],
        "rounding_relative_error": relative_error(name),
        "rounding_largest_error": largest_error(name),
    }


def container_attributes() -> dict[str, Any]:
    """Attributes of the variable named CONTAINER."""
    return {"algorithm": "bitround", "implementation": f"finescale version {VERSION} (round half to even)"}


def compressors() -> tuple[BytesBytesCodec, ...]:
    """The codecs of chunks, a checksum last.

    Rounded values want bitshuffle: cut bits become runs of zeros, and zstd's lowest level does. Against zstd 5 with
    byte shuffle it writes four times as fast at 3 % more bytes; zarrita.js reads it.
    """
    return checked(BloscCodec(cname="zstd", clevel=1, shuffle="bitshuffle"))
