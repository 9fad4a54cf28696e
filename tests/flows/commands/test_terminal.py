"""Tables at the terminal: aligned, whole however wide, nothing around them that would be copied too."""

from __future__ import annotations

import pytest

from flows.commands.terminal import show_table
from tasks.version import VERSION
from tests.flows.conftest import CommandLine


def shown(capsys: pytest.CaptureFixture[str], header: list[str], rows: list[list[str]]) -> list[str]:
    show_table(header, rows)
    return capsys.readouterr().out.splitlines()


def test_numbers_go_to_the_right_and_words_to_the_left(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [["t2m", "-0.31", "1.2e-05", "", "K"], ["wind_speed", "12", "3", "8", "m/s"]]
    assert shown(capsys, ["variable", "bias", "RMSE", "other", "unit"], rows) == [
        "  variable     bias     RMSE  other  unit",
        "  t2m         -0.31  1.2e-05         K",
        "  wind_speed     12        3      8  m/s",
    ]


def test_a_wide_table_is_neither_cut_nor_folded(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    uri = "s3://finescale/products/" + "a long name/" * 40
    assert shown(capsys, ["cycle", "product"], [["ifs/2026-11-22T00", uri]]) == [
        "  cycle              product", f"  ifs/2026-11-22T00  {uri}",
    ]  # fmt: skip


def test_a_cell_is_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [["[bold]x[/bold]", ":smile:"], ["湖北", "y"]]
    assert shown(capsys, ["a", "b"], rows) == [
        "  a               b",
        "  [bold]x[/bold]  :smile:",
        "  湖北            y",
    ]


def test_a_table_without_rows_is_its_header(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys, ["region", "title"], []) == ["  region  title"]


def test_its_version_and_what_to_do_first(finescale: CommandLine) -> None:
    assert finescale("--version").stdout == f"finescale {VERSION}\n"
    shown = finescale()
    assert "finescale run hubei --source demo" in " ".join((shown.stdout + shown.stderr).split())
