"""The model of scaling out, against arithmetic by hand; and what writes and watches for the benchmarks."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.runs import scaling
from benchmarks.runs.memory import run_measured
from benchmarks.runs.scaling import Work, archive, product
from benchmarks.shared.sections import put
from benchmarks.stages.infer import exponent

WORK = Work("china", own=30.0, computing=80.0, pieces=8, size=1e9)


def test_one_worker_computes_slabs_one_after_another() -> None:
    found = product(WORK, 1, startup=5.0, s3=math.inf)
    assert found.seconds == 30 + 8 * (5 + 10)
    assert found.limit == "computing"


def test_more_workers_than_slabs_bring_nothing() -> None:
    eight, many = (product(WORK, n, startup=5.0, s3=math.inf) for n in (8, 64))
    assert eight.seconds == many.seconds == 30 + 5 + 10
    assert many.limit == "the run's own process"


def test_slabs_do_not_go_faster_than_the_store() -> None:
    found = product(WORK, 8, startup=5.0, s3=1e7)
    assert found.seconds == 30 + 100
    assert found.limit == "S3"


def test_an_archive_goes_at_the_pace_of_its_slowest_part() -> None:
    one = archive(WORK, 100, 1, startup=5.0, s3=math.inf)
    assert one.seconds == 100 * 120 + product(WORK, 1, 5.0, math.inf).seconds
    assert one.limit == "computing"
    many = archive(WORK, 100, 64, startup=5.0, s3=1e8)
    assert many.limit == "S3"
    assert many.seconds == 100 * 10 + product(WORK, 64, 5.0, 1e8).seconds


def test_two_workers_are_predicted_from_one() -> None:
    measured = {"records": [{"workers": 1, "slabs": 4, "downscale": 60.0, "computing": 40.0}]}
    assert scaling.startup_of(measured) == 5.0
    assert scaling.predicted(measured, 1) == 60.0
    assert scaling.predicted(measured, 2) == 30.0


def test_more_lead_times_cost_in_proportion_but_for_what_is_fixed() -> None:
    longer = WORK.times(16, 8, fixed=10.0)
    assert (longer.own, longer.computing, longer.size) == (10 + 2 * 20, 160.0, 2e9)


def test_exponent_of_a_power_law() -> None:
    pixels = [10_000, 100_000, 1_000_000]
    assert exponent(pixels, [3 * p**1.1 for p in pixels]) == pytest.approx(1.1)


def test_sections_replace_only_what_is_between_their_markers(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Title\n\n<!-- a -->\nold\n<!-- /a -->\n\nwords of a person\n")
    put(page, "a", "new | table")
    put(page, "a", "newer | table")
    assert page.read_text() == "# Title\n\n<!-- a -->\n\nnewer | table\n\n<!-- /a -->\n\nwords of a person\n"
    with pytest.raises(ValueError, match="<!-- b -->"):
        put(page, "b", "lost")


def test_memory_of_all_processes_is_seen(tmp_path: Path) -> None:
    hold = "import time; b = bytearray(120_000_000); time.sleep(1)"
    both = f"import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', {hold!r}]); {hold}; p.wait()"
    usage = run_measured([sys.executable, "-c", both], tmp_path / "log")
    assert usage.processes == 2
    assert 240e6 < usage.uss <= usage.pss < 400e6
    assert 120e6 < usage.largest_rss < 200e6
    assert usage.seconds > 1


def test_a_program_that_fails_is_not_measured(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="no such region"):
        run_measured([sys.executable, "-c", "raise SystemExit('no such region')"], tmp_path / "log")


def test_labels_are_moved_apart_in_their_order() -> None:
    from benchmarks.runs.cost import _spread

    moved = _spread([0.5, 0.52, 0.9, 0.51], 0.1)
    assert np.argsort(moved).tolist() == [0, 3, 1, 2]
    assert np.diff(np.sort(moved)).min() > 0.0999
