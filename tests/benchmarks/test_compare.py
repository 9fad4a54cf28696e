"""What `make bench-compare` calls slower, on results made by hand."""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.shared import compare


def result(seconds: list[float], stick: list[float], name: str = "decode") -> dict[str, Any]:
    return {"yardsticks": {"decode": stick}, "timings": {name: {"seconds": seconds, "yardstick": "decode"}}}


OLD = result([1.00, 1.02, 1.04], [0.100, 0.101, 0.102])


def test_what_takes_longer_beyond_noise_is_slower() -> None:
    (verdict,) = compare.judge(OLD, result([1.50, 1.52, 1.55], [0.100, 0.101, 0.102]))
    assert verdict.slower
    assert verdict.ratio == pytest.approx(1.5)


def test_what_takes_less_is_faster() -> None:
    (verdict,) = compare.judge(result([1.50, 1.52, 1.55], [0.1, 0.1, 0.1]), OLD)
    assert not verdict.slower
    assert verdict.word == "faster"


def test_a_slower_machine_is_no_slower_program() -> None:
    (verdict,) = compare.judge(OLD, result([2.0, 2.04, 2.08], [0.200, 0.202, 0.204]))
    assert verdict.ratio == pytest.approx(1.0)
    assert verdict.word == "same"


def test_a_faster_machine_does_not_hide_a_slower_program() -> None:
    (verdict,) = compare.judge(OLD, result([1.0, 1.02, 1.04], [0.050, 0.0505, 0.051]))
    assert verdict.slower


def test_on_one_machine_a_yardstick_alone_proves_nothing() -> None:
    machine = {"about": {"device": "one", "cores": 2}}
    quiet = result([1.0, 1.02, 1.04], [0.050, 0.0505, 0.051]) | machine
    assert not compare.judge(OLD | machine, quiet)[0].slower
    assert compare.judge(OLD | machine, result([1.6, 1.61, 1.62], [0.100, 0.101, 0.102]) | machine)[0].slower
    assert compare.judge(OLD | machine, quiet | {"about": {"device": "two", "cores": 2}})[0].slower


def test_rounds_that_differ_much_allow_more() -> None:
    noisy = result([1.3, 1.9, 2.0], [0.100, 0.101, 0.102])
    assert not compare.judge(OLD, noisy)[0].slower
    assert compare.judge(OLD, result([1.3, 1.31, 1.32], [0.100, 0.101, 0.102]))[0].slower


def test_milliseconds_do_not_count() -> None:
    old = result([0.010, 0.010], [0.1, 0.1])
    assert not compare.judge(old, result([0.030, 0.030], [0.1, 0.1]))[0].slower


def test_what_only_one_result_has_is_not_judged() -> None:
    assert compare.judge(OLD, result([9.0, 9.0], [0.1, 0.1], "new stage")) == []


@pytest.mark.parametrize(("factor", "code"), [(1.0, 0), (1.6, 1), (0.5, 0)])
def test_exit_code_and_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], factor: float, code: int
) -> None:
    new = copy.deepcopy(OLD)
    new["timings"]["decode"]["seconds"] = [factor * s for s in OLD["timings"]["decode"]["seconds"]]
    for name, content in (("old", OLD), ("new", new)):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    command = ["compare", "--with", str(tmp_path / "old.json"), "--new", str(tmp_path / "new.json")]
    monkeypatch.setattr(sys, "argv", command)
    assert compare.main() == code
    said = capsys.readouterr().out
    assert ("decode takes 60 % longer" in said) == (code == 1)


def test_without_a_kept_result_it_says_how_to_keep_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["compare", "--with", str(tmp_path / "none.json")])
    with pytest.raises(SystemExit) as end:
        compare.main()
    assert end.value.code == 2
    assert "--keep" in capsys.readouterr().err
