"""Files with wrong bytes are refused in one line or decoded; none ends a process, none takes long."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.runs.fuzz_decode import FILE, FORMATS, PAGE, mutate, outcome_of, page, run, seeds, table
from tasks.acquire.files import local_files
from tasks.errors import UnreadableFile


@pytest.mark.slow
def test_nine_files_of_each_format_are_refused_in_a_line_or_decoded() -> None:
    found = list(run(list(FORMATS), list(range(5000, 5009))))
    assert len(found) == 9 * len(FORMATS)
    assert [r for r in found if r.outcome in ("traceback", "crash", "hang")] == []
    assert {r.outcome for r in found} >= {"refused", "equal"}


def test_a_mutation_is_the_same_whenever_it_is_made(tmp_path: Path) -> None:
    for name, file in seeds(tmp_path).items():
        for number in (3, 4):
            made = []
            for again in ("a", "b"):
                target = tmp_path / f"{again}-{number}-{file.name}"
                kind = mutate(file, target, name, number)
                files = sorted(f for f in target.rglob("*") if f.is_file()) if target.is_dir() else [target]
                made.append((kind, [f.read_bytes() for f in files]))
            assert made[0] == made[1]


def test_beside_its_sha256_no_wrong_byte_passes(tmp_path: Path) -> None:
    for name, file in seeds(tmp_path).items():
        (whole,) = local_files([str(file)])
        for number in range(20):
            target = tmp_path / f"{number}-{file.name}"
            mutate(file, target, name, number)
            target.with_name(f"{target.name}.sha256").write_text(f"{whole.sha256}  {file.name}\n")
            with pytest.raises(UnreadableFile, match=r"is not the file that|empty file"):
                local_files([str(target)])


def test_outcomes_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = tmp_path / "nothing.nc"
    nothing.touch()
    assert outcome_of(nothing)[0] == "refused"

    def broken(path: Path) -> str:
        raise OverflowError("far too much")

    monkeypatch.setattr("benchmarks.runs.fuzz_decode.product_digest", broken)
    outcome, line = outcome_of(nothing)
    assert (outcome, line.split(" at ")[0]) == ("traceback", "OverflowError")


def test_the_table_counts() -> None:
    lines = table({"zarr": Counter(refused=2, equal=1)}).splitlines()
    assert lines[2] == "| zarr | 3 | 2 | 0 | 0 | 0 | 1 | 0 | 0% |"


def test_the_page_has_the_counts_that_were_kept() -> None:
    counts = json.loads(FILE.read_text())["counts"]
    assert PAGE.read_text() == page(PAGE.read_text(), counts)
    assert sum(by.get(fault, 0) for by in counts.values() for fault in ("traceback", "crash", "hang")) == 0
