"""Logs of the stack are kept small while they are written, and lose nothing where one file ends and the next begins."""

from __future__ import annotations

from pathlib import Path

from deployments.logs import KEPT, LARGEST, rotate


def test_logs_are_kept_small_while_they_are_written(tmp_path: Path) -> None:
    log = tmp_path / "part.log"
    with log.open("ab", buffering=0) as writer:
        for turn in range(40):
            for line in range(100):
                writer.write(f"{turn:02}{line:02}\n".encode())
            rotate(tmp_path, largest=1000, kept=5)
    files = [log, *sorted(tmp_path.glob("part.log.*"))]
    assert [f.name for f in files[1:]] == [f"part.log.{n}" for n in range(1, 6)]
    assert sum(f.stat().st_size for f in files) <= 6 * 1000
    newest = "".join(f.read_text() for f in reversed(files)).split()
    assert newest == [f"{turn:02}{line:02}" for turn in range(30, 40) for line in range(100)][-len(newest) :]
    assert len(newest) >= 900


def test_a_part_that_writes_on_and_on_keeps_five_files_of_ten_megabytes_without_a_gap(tmp_path: Path) -> None:
    log, width, batch = tmp_path / "part.log", 1000, 2500
    log.touch(0o600)
    with log.open("ab", buffering=0) as writer:  # as a part has it open: for all of its life, to append
        for first in range(0, 80_000, batch):
            writer.write(b"".join(b"%0*d\n" % (width - 1, n) for n in range(first, first + batch)))
            rotate(tmp_path)
    files = [tmp_path / f"part.log.{n}" for n in range(KEPT, 0, -1)]
    assert [f.stat().st_size for f in files] == [LARGEST] * 5
    assert {f.stat().st_mode & 0o777 for f in files} == {0o600}
    found = [int(line) for f in [*files, log] for line in f.read_bytes().split()]
    assert found == list(range(80_000 - len(found), 80_000))
