"""Whole runs of large domains stay within memory; the figures of full runs: docs/performance.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.runs.cycles import write_cycle, write_region
from benchmarks.runs.whole import run_ours


@pytest.mark.slow
@pytest.mark.parametrize(
    ("domain", "lead_hours", "gigabytes"),
    # of China two depths of shards, which is as many as there are in memory at once; 49 lead times take no more
    [("china", list(range(3, 52, 3)), 3.0), ("globe", [6], 4.0)],
)
def test_a_large_domain_takes_no_more_memory_than_it_is_given(
    tmp_path: Path, domain: str, lead_hours: list[int], gigabytes: float
) -> None:
    files = write_cycle(tmp_path / "cycle", lead_hours)
    run = tmp_path / "run"
    run.mkdir()
    found = run_ours(write_region(tmp_path / "regions", domain), files, run)
    assert found["usage"]["job"] < gigabytes * 1e9
    assert found["usage"]["largest_rss"] < gigabytes * 1e9
