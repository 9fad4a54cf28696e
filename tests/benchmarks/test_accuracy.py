"""docs/accuracy/networks.md from three tiny results files, against figures computed by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from benchmarks.accuracy import page as accuracy
from benchmarks.accuracy import tables
from benchmarks.accuracy.results import Case, Results, label

SUITE = """
[maps]
rows = [0, 4]
cols = [0, 4]
[methods]
back-projection = {}
inr-equal = {}
edsr-x2-equal = {}
lte-equal = {}
ablation-no-fusion = {}
"""
OURS, EDSR, PLAIN = [1.0, 2.0, 3.0], [2.0, 2.0, 4.0], [3.0, 3.0, 3.0]  # squared errors summed over blocks of 4 points


def record(sums: list[float], variable: str = "t2m", scale: float = 2, **more: Any) -> dict[str, Any]:
    rmse = math.sqrt(sum(sums) / (4 * len(sums)))
    return {
        "set": "hres-test", "variable": variable, "scale": [scale, scale], "degraded": False, "rmse": rmse,
        "rmse_over_std": rmse / 5, "psnr": 40 - 20 * math.log10(rmse), "bias": 1e-9, "ssim": 0.9,
        "log_spectral_distance": 2.0, "quantile_error_0.1": 0.1, "quantile_error_99.9": -0.1, "recoarsening": 0.01,
        "block_sums": sums, "block_counts": [4] * len(sums), **more,
    }  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    methods = {
        "inr-equal": [record(OURS), record([12.0] * 3, scale=4), record([4e-6] * 3, "tp")],
        "edsr-x2-equal": [record(EDSR), record([16e-6] * 3, "tp")],
        "back-projection": [record(PLAIN), record([3.0] * 3, scale=4), record([16e-6] * 3, "tp")],
    }
    (tmp_path / "results").mkdir()
    (tmp_path / "suite.toml").write_text(SUITE)
    for name, records in methods.items():
        (tmp_path / "results" / f"{name}.json").write_text(json.dumps({"method": name, "records": records}))
    return tmp_path


@pytest.fixture
def results(folder: Path) -> Results:
    return Results.read(folder / "results", folder / "suite.toml")


def row(table: str, *starts: str) -> list[str]:
    """Cells of the first row that begins so."""
    rows = [[c.strip() for c in line.strip("|").split("|")] for line in table.splitlines() if line.startswith("|")]
    return next(cells for cells in rows if cells[: len(starts)] == list(starts))


def test_gain_is_the_difference_of_psnr_within_its_interval(results: Results) -> None:
    gain, low, high = results.gain("inr-equal", "edsr-x2-equal", Case("hres-test", "t2m", (2, 2)))
    assert gain == pytest.approx(10 * math.log10(8 / 6))
    assert low >= -1e-9  # in no block is EDSR better
    assert low <= gain <= high <= 10 * math.log10(2) + 1e-9


def test_headline_names_the_peer_and_marks_the_goal(results: Results) -> None:
    table = tables.headline(results, degraded=False)
    cells = row(table, "hres-test", "t2m")
    assert cells[2].startswith(f"**{10 * math.log10(8 / 6):+.2f}** ✓ EDSR-x2<br>")  # 1.25 dB, goal 0.7
    assert cells[3:] == [tables.NONE] * 3  # nobody of arbitrary ratio, nobody as published
    assert row(table, "hres-test", "tp")[2] == "**+6.02** ✓ EDSR-x2<br>+6.02 to +6.02"
    assert "fixed-ratio method, equal: reached in 2 of 2, with the whole interval in 1" in table


def test_headline_marks_a_goal_that_is_not_reached(folder: Path) -> None:
    worse = {"method": "lte-equal", "records": [record([1.1, 2.1, 3.1])]}
    (folder / "results" / "lte-equal.json").write_text(json.dumps(worse))
    table = tables.headline(Results.read(folder / "results", folder / "suite.toml"), degraded=False)
    assert row(table, "hres-test", "t2m")[3].startswith(f"**{10 * math.log10(6.3 / 6):+.2f}** ✗ LTE<br>")


def test_the_best_peer_is_the_one_of_lowest_rmse(folder: Path) -> None:
    (folder / "results" / "swinir-x2-equal.json").write_text(json.dumps({"records": [record([2.0, 2.0, 3.0])]}))
    results = Results.read(folder / "results", folder / "suite.toml")
    assert results.best(results.peers("equal", fixed=True), Case("hres-test", "t2m", (2, 2))) == "swinir-x2-equal"
    assert results.best(results.peers("equal", fixed=True), Case("hres-test", "tp", (2, 2))) == "edsr-x2-equal"


def test_ours_is_bold_and_listed_where_another_is_lower(results: Results) -> None:
    table = tables.all_scales(results, "hres-test", degraded=False)
    assert row(table, "t2m, K", "finescale, equal")[2:] == [f"{math.sqrt(0.5):.4f}", "**1.732**"]
    assert row(tables.ratios(results, degraded=False), "hres-test", "t2m")[2:] == ["0.816", "**2.000**"]
    assert "- hres-test, clean, t2m: x4 (back-projection, 2.000)\n" in tables.not_lowest(results)


def test_rain_is_in_millimetres(results: Results) -> None:
    assert row(tables.all_scales(results, "hres-test", degraded=False), "tp, mm")[2] == "1.000"


def test_ablations_are_averaged_over_seeds(folder: Path) -> None:
    runs = {
        "ablation-no-fusion": [1.1**2 * s for s in OURS],
        "ablation-no-fusion-seed1": [1.3**2 * 4 * s for s in OURS],
        "ablation-full": OURS,
        "ablation-full-seed1": [4 * s for s in OURS],
    }
    for name, sums in runs.items():
        (folder / "results" / f"{name}.json").write_text(json.dumps({"records": [record(sums)]}))
    results = Results.read(folder / "results", folder / "suite.toml")
    table = tables.ablation(results, tables.X2, degraded=False)
    assert row(table, "fusion")[:3] == ["fusion", "2", "1.200"]
    assert row(table, "(nothing, seed 1 over seed 0)")[2] == "2.000"
    assert not set(runs) & set(results.compared)


def test_results_of_different_data_are_refused(folder: Path) -> None:
    other = {"records": [record([1.0, 2.0])]}
    (folder / "results" / "lte-equal.json").write_text(json.dumps(other))
    with pytest.raises(SystemExit, match=r"lte-equal\.json and .* different data"):
        Results.read(folder / "results", folder / "suite.toml")


def sentence(folder: Path) -> str:
    """What the page says of limits."""
    return " ".join(accuracy.limits_words(Results.read(folder / "results", folder / "suite.toml")).split())


def test_page_says_who_was_scored_within_the_limits_of_products_and_who_earlier(folder: Path) -> None:
    assert sentence(folder).endswith(
        "temperature. *back-projection*, *finescale, equal* and *EDSR-x2, equal* were scored earlier, within an older "
        "form of it: cell means restored once, then rain cut at zero, dew points left alone."
    )
    settings = {"tolerance": 1e-4}
    for name, limits in (("back-projection", settings), ("inr-equal", settings), ("bicubic", None)):
        result = {"method": name, "limits": limits, "records": [record(OURS)]}
        (folder / "results" / f"{name}.json").write_text(json.dumps(result))
    for name in ("lte-published", "ablation-no-fusion", "ablation-no-fusion-seed1"):
        (folder / "results" / f"{name}.json").write_text(json.dumps({"records": [record(OURS)]}))
    now, before = sentence(folder).split("at most the temperature. ")[1].split("`models/limits.py`. ")
    assert now.startswith("*back-projection* and *finescale, equal* were held by the code that products go through")
    assert before.startswith("*EDSR-x2, equal* and *ablations* were scored earlier")
    for name in ("edsr-x2-equal", "ablation-no-fusion", "ablation-no-fusion-seed1"):
        result = json.loads((folder / "results" / f"{name}.json").read_text()) | {"limits": settings}
        (folder / "results" / f"{name}.json").write_text(json.dumps(result))
    assert sentence(folder).endswith("`models/limits.py`."), "nothing is left of the older ones"


def test_a_picture_whose_fields_are_not_here_stays_as_it_was_drawn(folder: Path, results: Results) -> None:
    drawn = folder / "docs" / "maps-t2m.png"
    drawn.parent.mkdir(parents=True)
    drawn.write_bytes(b"a picture")
    page = accuracy.write(results, folder / "results", folder / "docs", folder / "suite.toml")
    assert "one colour scale a row. Drawn from an earlier evaluation" in page.read_text()
    assert drawn.read_bytes() == b"a picture"


def test_page_names_what_is_missing_and_leaves_its_pictures_out(folder: Path, results: Results) -> None:
    path = accuracy.write(results, folder / "results", folder / "docs", folder / "suite.toml")
    text = path.read_text()
    assert "Not yet scored: lte-equal.\n" in text
    assert "## Ablation\n\nNot yet scored: ablation-no-fusion.\n" in text
    assert "[results](../results)" in text
    assert "maps-t2m.png" not in text  # there are no maps, and no spectra
    assert (folder / "docs" / "scales.png").stat().st_size > 0


def test_labels_say_architecture_and_framing() -> None:
    names = ["edsr-x2-published", "metasr-equal", "inr-hres", "neighbourhood-regression", "something"]
    assert [label(n) for n in names] == [
        "EDSR-x2, published", "MetaSR, equal", "finescale", "5x5 regression", "something",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "text"), [(0.47051, "0.4705"), (1142.3, "1142"), (11423.0, "11423"), (0.0, "0"), (None, tables.NONE)]
)
def test_numbers_have_four_digits_and_no_exponent(value: float | None, text: str) -> None:
    assert tables.digits(value) == text
