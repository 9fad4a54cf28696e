"""The partition of a product into shards, and of shards into slabs: derived here, once, from its shape.

A product is written in blocks: some lead times of a rectangle of points, one shard (one object) a variable. A block is
what one process holds in memory, and the unit of parallel writing; a slab is some of them.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

DIMENSIONS = ("step", "latitude", "longitude")  # of a field
SIDE = 128  # points a side of a chunk: a point's series costs few bytes, a map of China at 0.05 degree 62 requests
ALONE = 256  # the same where there is one lead time, and with it no series
MAP = 2**21  # values that a map may cost: lead times in a chunk x points, 8 MB or 2 MB packed, half a second at 5 MB/s
SHARD_STEPS = 8  # lead times in a shard, and at most in a chunk: the unit of parallel writing
SHARD_SIDE = 1024  # points a side of a shard at most: a shard of each of seven variables is 235 MB


@dataclass(frozen=True)
class Block:
    """A rectangle of a product's points."""

    rows: slice
    cols: slice


def blocks(rows: int, cols: int, side_rows: int, side_cols: int) -> list[Block]:
    """The rectangles of a domain whose shards have these sides, row by row."""
    edges = lambda n, side: pairwise([*range(0, n, side), n])  # noqa: E731
    return [Block(slice(*r), slice(*c)) for r in edges(rows, side_rows) for c in edges(cols, side_cols)]


def spans(count: int, most: int) -> Iterator[tuple[int, int]]:
    """(start, stop) of the slabs of so many lead times: whole shards, of about equal length, `most` at most."""
    for start, stop in shares(math.ceil(count / SHARD_STEPS), max(most // SHARD_STEPS, 1)):
        yield start * SHARD_STEPS, min(stop * SHARD_STEPS, count)


def shares(count: int, most: int) -> Iterator[tuple[int, int]]:
    """(start, stop) of as few parts of `count` things as `most` allows, of about equal length."""
    parts, start = math.ceil(count / most), 0
    for i in range(parts):
        stop = start + count // parts + (i < count % parts)
        yield start, stop
        start = stop


def digest(field: np.ndarray) -> str:
    """sha-256 of a field's values as float32, little-endian, row by row: what is written is what must be read."""
    return hashlib.sha256(np.ascontiguousarray(field, dtype="<f4").data).hexdigest()


def joined(digests: list[str]) -> str:
    """Of a field's blocks -> of the field; of a single one its own."""
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def field_digest(field: np.ndarray, side_rows: int, side_cols: int) -> str:
    """Of a whole field (rows, cols) whose shards have these sides."""
    return joined([digest(field[b.rows, b.cols]) for b in blocks(len(field), len(field[0]), side_rows, side_cols)])


def shapes(
    steps: int, rows: int, cols: int, most: int = SHARD_SIDE
) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """(chunks, shards) of an array (step, latitude, longitude), for reading maps and the series of a point.

    A chunk holds as many lead times, 2 to 8, as let a map stay below MAP values: fewer requests for a series. A shard
    is whole chunks, 8 lead times and at most `most` points a side, of about equal sizes over the domain.
    """
    fit = MAP // (rows * cols)
    together = min(8 if fit >= 8 else 4 if fit >= 4 else 2, steps)
    side = SIDE if steps > 1 else ALONE
    chunks = (together, min(rows, side), min(cols, side))
    deep = min(SHARD_STEPS, math.ceil(steps / together) * together)
    return chunks, (deep, _shard_side(rows, chunks[1], most), _shard_side(cols, chunks[2], most))


def _shard_side(size: int, chunk: int, most: int) -> int:
    """Points along one axis of a shard: whole chunks, and as few and as equal shards as `most` allows."""
    shards = math.ceil(size / most)
    return math.ceil(size / shards / chunk) * chunk
