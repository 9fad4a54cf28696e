"""Slabs: whole shards, all lead times once."""

from __future__ import annotations

import pytest

from tasks.handover.shards import SHARD_STEPS, spans


@pytest.mark.parametrize("most", [8, 16, 24, 56])
@pytest.mark.parametrize("count", [1, 7, 8, 9, 16, 49, 128, 384])
def test_slabs_are_whole_shards_of_about_equal_length(count: int, most: int) -> None:
    found = list(spans(count, most))
    assert [i for start, stop in found for i in range(start, stop)] == list(range(count))
    assert all(start % SHARD_STEPS == 0 and (stop % SHARD_STEPS == 0 or stop == count) for start, stop in found)
    lengths = [stop - start for start, stop in found]
    assert max(lengths) <= most
    assert max(lengths) - min(lengths) < 2 * SHARD_STEPS
