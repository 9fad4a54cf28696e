"""Evaluation from the command line on a small pack: what is scored, at which scales, and what is refused."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models.cell_means import CellMeans
from models.interpolation import Bicubic
from models.limits import SETTINGS
from models.observed import PointReadings
from models.operator import Sampling
from models.package import ModelPackage
from models.statistics import VARIABLES, Statistics
from models.training import evaluate, release
from models.training.data import Box, load
from models.training.evaluate import BLOCK, EVERYWHERE, SMALLEST, Method, Suite, forecast, scenes
from models.training.experiment import Experiment
from models.training.scenes import EDGE, box_scene
from models.training.train import Trainer
from tests.models.training.test_train import write_pack

HEIGHT, WIDTH = 2 * BLOCK + 8, 2 * BLOCK + 16  # pixels of the place: four blocks, and large enough for x8
SMALL = 5 * SMALLEST  # pixels of the small one: too small for x8
SCALES = [[2.0, 2.0], [3.0, 2.5], [8.0, 8.0]]
ALL = [tuple(s) for s in SCALES]


def write_places(path: Path, training: Path) -> Path:
    """`place` with every variable once, `small` with t2m alone at two times: corners of the training pack."""
    with np.load(training) as pack:
        meta = json.loads(str(pack["meta"]))[0]
        place = {f"place/{v}": pack[f"hres/{v}"][:, :HEIGHT, :WIDTH] for v in meta["scale"]}
        once = pack["hres/t2m"][0, :SMALL, :SMALL].clip(-30000, 30000)
        both = np.stack([once, once + np.random.default_rng(0).integers(-900, 900, once.shape, dtype=np.int16)])
        small = {f"small/{v}": pack[f"hres/{v}"][:, :SMALL, :SMALL] for v in ("z", "land")} | {"small/t2m": both}
    scale = {v: meta["scale"][v] for v in ("t2m", "z", "land")}
    metas = [meta | {"name": "place"}, meta | {"name": "small", "scale": scale}]
    np.savez(path, meta=np.array(json.dumps(metas)), **place, **small)
    return path


def write_run(folder: Path, name: str, steps: int, top: str = "", network: str = "", batch: str = "") -> Path:
    """The TOML of a run in `folder`."""
    path = folder / f"{name}.toml"
    path.write_text(f"""
data = "{folder}/training.npz"
out = "{folder}/{name}"
steps = {steps}
windows = 6
regression_windows = 16
report_every = 2
{top}
[network]
channels = 8
blocks = 1
{network}
[batch]
size = 2
patch = 16
margin = 4
queries = 16
scale_high = 3.0
drop_variable = 0.0
{batch}
""")
    return path


INR = "hidden = 8\nheads = 2\nterrain_channels = 4\naggregate_every = 2"


def write_suite(folder: Path, name: str, methods: str, out: str) -> Path:
    path = folder / f"{name}.toml"
    path.write_text(f"""
data = "{folder}/places.npz"
training = "{folder}/training.npz"
statistics = "{folder}/ours/stats.json"
out = "{folder}/{out}"
scales = [2, [3.0, 2.5], 8.0]
[maps]
set = "place"
scale = [2.0, 2.0]
rows = [4, 24]
cols = [10, 40]
variables = ["t2m"]
{methods}
""")
    return path


METHODS = """
[methods]
bicubic = { kind = "bicubic" }
back-projection = { kind = "back-projection" }
terrain = { kind = "terrain-regression" }
ours = { kind = "run", experiment = "FOLDER/ours.toml" }
edsr = { kind = "run", experiment = "FOLDER/edsr.toml" }
shipped = { kind = "package", folder = "FOLDER/shipped" }
"""


def call(*words: str | Path, command: Any = evaluate.main) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["evaluate", *map(str, words)])
        patch.setattr(evaluate, "FIT_BOXES", [Box(40, 15, 5, 40)])  # the real ones are those of another grid
        command()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Packs, two short runs, the package of one of them, and the results of a suite over all of it."""
    folder = tmp_path_factory.mktemp("evaluate")
    write_places(folder / "places.npz", write_pack(folder / "training.npz"))
    Trainer(Experiment.read(write_run(folder, "ours", 2, network=INR))).run()
    same = f'method = "edsr"\nstatistics = "{folder}/ours/stats.json"'
    Trainer(Experiment.read(write_run(folder, "edsr", 2, same, "ratio = 2", "ratio = 2"))).run()
    (folder / "CARD.md").write_text("# a card\n")
    call(folder / "ours.toml", folder / "shipped", "--halo", "9", "--card", folder / "CARD.md", command=release.main)
    call(write_suite(folder, "suite", METHODS.replace("FOLDER", str(folder)), "results"))
    return folder


Records = dict[tuple[str, str, tuple[float, ...], bool], dict[str, Any]]


def records(folder: Path, method: str) -> Records:
    """By data set, variable, scale and degradation."""
    result = json.loads((folder / "results" / f"{method}.json").read_text())
    assert result["method"] == method
    assert result["edge"] == EDGE
    found = {(r["set"], r["variable"], tuple(r["scale"]), r["degraded"]): r for r in result["records"]}
    assert len(found) == len(result["records"])
    return found


def scored(scales: list[tuple[float, ...]]) -> set[tuple[str, str, tuple[float, ...], bool]]:
    """What has to be among the records."""
    place = {("place", v, s, d) for v in VARIABLES for s in scales for d in (False, True)}
    return place | {("small", "t2m", s, d) for s in scales for d in (False, True) if s[0] <= SMALL / SMALLEST}


def test_every_method_is_scored_on_everything_that_is_there(folder: Path) -> None:
    assert SMALL / 8 < SMALLEST <= HEIGHT / 8
    any_scale = ("bicubic", "back-projection", "terrain", "ours", "shipped")
    for method in any_scale:
        assert set(records(folder, method)) == scored(ALL), method
    files = {p.name for p in (folder / "results").iterdir()}
    assert files == {f"{m}.json" for m in (*any_scale, "edsr")} | {"maps"}


def test_a_network_of_one_ratio_is_scored_at_that_ratio_alone(folder: Path) -> None:
    assert set(records(folder, "edsr")) == scored([(2.0, 2.0)])


def test_bicubic_gives_samples_back_and_back_projection_takes_them_for_means(folder: Path) -> None:
    plain, projected = records(folder, "bicubic"), records(folder, "back-projection")
    for key in scored(ALL):
        name, variable, scale, degraded = key
        if not degraded:
            assert plain[key]["rmse"] < projected[key]["rmse"], key
        if scale != (3.0, 2.5):  # else not every point is a query
            assert plain[key]["recoarsening"] < 1e-4, key
        assert projected[key]["recoarsening"] > max(1e-2, 2 * plain[key]["recoarsening"]), key
        assert plain[key]["rmse"] != plain[(name, variable, scale, not degraded)]["rmse"], "degraded is not clean"


def test_terrain_regression_is_fitted_anew_at_every_scale_and_finds_the_lapse_rate(folder: Path) -> None:
    terrain, plain = records(folder, "terrain"), records(folder, "bicubic")
    for scale in ALL:
        for place in ("place", "small"):
            key = (place, "t2m", scale, False)
            if key in terrain:
                assert terrain[key]["rmse"] < 0.95 * plain[key]["rmse"], key


def test_a_package_scores_as_the_run_it_was_released_from(folder: Path) -> None:
    ours, shipped = records(folder, "ours"), records(folder, "shipped")
    errors = [{k: r["rmse"] for k, r in found.items()} for found in (ours, shipped)]
    assert errors[0] == pytest.approx(errors[1], rel=1e-4)
    trainer, package = Trainer(Experiment.read(folder / "ours.toml")), ModelPackage.open(folder / "shipped")
    weights, last = trainer.average.state_dict(), trainer.model.state_dict()
    released = package.load().state_dict()
    assert all(torch.equal(released[k], weights[k]) for k in weights)
    assert any(not torch.equal(last[k], weights[k]) for k in weights), "the running average, not the last step"
    assert (package.halo, package.scale_range) == (9, (1.0, 3.0))
    assert package.metadata["operators"] == {"samples": {"footprint": [31.0, 45.0]}, "means": {}}
    assert (folder / "shipped/CARD.md").read_text() == "# a card\n"
    results = [json.loads((folder / "results" / f"{m}.json").read_text()) for m in ("ours", "shipped", "bicubic")]
    assert [r["limits"] for r in results] == [SETTINGS, SETTINGS, None]
    assert results[0]["parameters"] == results[1]["parameters"] > results[2]["parameters"] == 0


def test_errors_are_those_of_all_points_of_all_times(folder: Path) -> None:
    dataset = load(folder / "places.npz", ())["small"]
    errors = []
    for time in (0, 1):
        s = box_scene(dataset, EVERYWHERE, time, list(VARIABLES), 3.0, 2.5)
        errors.append((Bicubic()(s.x, s.present, s.statics, s.rows, s.cols, s.seen) - s.target)[0, 0].double().numpy())
    assert not np.array_equal(*errors)
    record = records(folder, "bicubic")["small", "t2m", (3.0, 2.5), False]
    assert record["rmse"] == pytest.approx(np.sqrt(np.mean(np.square(errors))), rel=1e-5)
    assert record["bias"] == pytest.approx(np.mean(errors), abs=1e-5)
    for r in records(folder, "bicubic").values():
        assert r["rmse"] == pytest.approx(np.sqrt(sum(r["block_sums"]) / sum(r["block_counts"])), rel=1e-5)
        assert ("fss" in r) == (r["variable"] == "tp")
    blocks = records(folder, "bicubic")["place", "t2m", (2.0, 2.0), False]["block_counts"]
    high, wide = BLOCK + 7, BLOCK + 15  # points end where the last sample lies
    assert blocks == [BLOCK**2, BLOCK * wide, high * BLOCK, high * wide]


def test_spectra_and_a_map_are_kept_of_the_set_that_is_drawn(folder: Path) -> None:
    for key, r in records(folder, "bicubic").items():
        assert ("spectrum" in r) == ("truth_spectrum" in r) == (key[0] == "place" and not key[3])
    truth = np.load(folder / "results/maps/truth.npz")["t2m"]
    dataset = load(folder / "places.npz", ())["place"]
    np.testing.assert_allclose(truth, dataset.window("t2m", 0, 4, 10, 20, 30), rtol=1e-6)
    drawn = [np.load(folder / "results/maps" / f"{m}.npz")["t2m"] for m in ("bicubic", "back-projection", "ours")]
    assert all(d.shape == (20, 30) and 0 < np.abs(d - truth).max() < 10 for d in drawn)


def test_results_are_not_made_twice_unless_asked_for_and_then_the_same(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, suite = folder / "results/bicubic.json", folder / "suite.toml"
    made = path.read_text()
    path.write_text("kept")
    call(suite)
    assert path.read_text() == "kept"
    assert capsys.readouterr().out == ""
    call(suite, "bicubic")
    assert path.read_text() == made, "degradations are drawn anew, but alike"
    assert capsys.readouterr().out.split() == [str(path)]


def test_a_method_that_the_suite_does_not_have_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        call(folder / "suite.toml", "bicubic", "bicubik")
    assert stop.value.code == 2
    assert "knows no bicubik; it has bicubic, back-projection" in capsys.readouterr().err


def test_a_kind_of_method_that_is_not_known_is_refused(folder: Path) -> None:
    suite = write_suite(folder, "odd", '[methods]\nodd = { kind = "magic" }', "odd-results")
    with pytest.raises(SystemExit, match="unknown kind of method 'magic'"):
        call(suite)


def test_a_run_that_is_not_finished_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = Experiment.read(write_run(folder, "half", 3, network=INR))
    trainer = Trainer(run)
    trainer.train_step()
    trainer.save()
    method = f'half = {{ kind = "run", experiment = "{folder}/half.toml" }}'
    suite = write_suite(folder, "early", f"[methods]\n{method}", "early")
    with pytest.raises(SystemExit, match="at step 1; train it to its end first"):
        call(suite)
    assert not (folder / "early/half.json").exists()
    with pytest.raises(SystemExit):
        call(
            run.out.with_suffix(".toml"),
            folder / "no",
            "--halo",
            "9",
            "--card",
            folder / "CARD.md",
            command=release.main,
        )
    assert "step 1, 33%; train it to its end first" in capsys.readouterr().err
    assert not (folder / "no").exists()


def test_a_peer_is_not_released(folder: Path) -> None:
    with pytest.raises(SystemExit):
        call(folder / "edsr.toml", folder / "no", "--halo", "9", "--card", folder / "CARD.md", command=release.main)
    assert not (folder / "no").exists()


def test_a_suite_with_a_word_too_many_is_refused(folder: Path) -> None:
    path = folder / "wrong.toml"
    path.write_text((folder / "suite.toml").read_text().replace("scales", "colour = 1\nscales"))
    with pytest.raises(TypeError, match="colour"):
        Suite.read(path)


class Nothing(nn.Module):
    """Says -1 everywhere."""

    def forward(self, x: Tensor, present: Tensor, statics: Any, rows: Any, cols: Any, seen: Any) -> Tensor:
        return x.new_full((*x.shape[:2], len(rows), len(cols)), -1.0)


@pytest.mark.parametrize("sampling", Sampling)
def test_what_is_scored_is_what_a_user_would_get(sampling: Sampling, folder: Path) -> None:
    """Held to the limits that products are held to; what is not a product has no rain below zero."""
    dataset, names = load(folder / "places.npz", ())["place"], ["t2m", "d2m", "tp"]
    scene = box_scene(dataset, EVERYWHERE, 0, names, 4.0, 2.5, sampling=sampling)
    known = scene.x[..., EDGE:-EDGE, EDGE:-EDGE]
    observed = CellMeans if sampling is Sampling.MEANS else PointReadings
    seen = observed(scene.rows.shifted(EDGE), scene.cols.shifted(EDGE), *known.shape[-2:])
    product, gaps = forecast(Method(Nothing()), scene, names, {"tp"})
    for i, name in enumerate(names):
        coarse = known[:, i].numpy()
        np.testing.assert_allclose(gaps[name], seen.select(coarse) + 1, rtol=1e-6)
        if sampling is Sampling.MEANS:
            assert seen.error(product[name], coarse) < (1e-3 if name == "t2m" else 0.05), name
    assert product["tp"].min() >= 0
    assert (product["d2m"] <= product["t2m"]).all()
    if sampling is Sampling.SAMPLES:
        assert (np.unique(product["t2m"]), np.unique(product["tp"])) == ([-1.0], [0.0]), "signs alone"
    raw, _ = forecast(Method(Nothing(), product=False), scene, names, {"tp"})
    assert (np.unique(raw["t2m"]), np.unique(raw["tp"])) == ([-1.0], [0.0])


def test_variables_that_a_set_lacks_are_not_scored(folder: Path) -> None:
    scene = next(scenes(load(folder / "places.npz", ())["small"], ["t2m", "tp"], 2.0, 2.0, False))
    fine, gaps = forecast(Method(Nothing()), scene, ["t2m", "tp"], {"tp"})
    assert list(fine) == list(gaps) == ["t2m"]


def test_degradations_are_the_same_for_every_method_and_differ_between_times(folder: Path) -> None:
    dataset = load(folder / "places.npz", ())["small"]
    dataset.fields["t2m"][1] = dataset.fields["t2m"][0]
    once, again = (list(scenes(dataset, ["t2m"], 2.0, 2.0, True)) for _ in range(2))
    clean = list(scenes(dataset, ["t2m"], 2.0, 2.0, False))
    assert len(once) == 2
    noise = [a.x - c.x for a, c in zip(once, clean, strict=True)]
    assert all(torch.equal(a.x, b.x) for a, b in zip(once, again, strict=True))
    assert all(float(n.std()) > 1e-3 for n in noise)
    assert not torch.allclose(*noise)


def test_what_is_fitted_is_fitted_at_every_scale_on_places_that_are_not_held_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite, asked = Suite.read(folder / "suite.toml"), []
    method = Method(Bicubic(), fit=lambda sy, sx: asked.append((sy, sx)))
    evaluate.evaluate(
        "bicubic", method, replace(suite, scales=[(8.0, 8.0), (6.0, 7.0)]), Statistics.load(suite.statistics)
    )
    assert asked == [(8.0, 8.0), (6.0, 7.0)]
    inside, across = Box(40, 30, 10, 20), Box(40, 30, 50, 60)  # the second meets the validation box
    monkeypatch.setattr(evaluate, "FIT_BOXES", [across, inside])
    dataset = load(suite.training)["hres"]
    (scene,) = evaluate.training_scenes(dataset, ["t2m"], 2.0, 4.0)
    top, left, *_ = dataset.box(inside)
    assert scene.target[0, 0].tolist() == dataset.window("t2m", 0, top, left, 41, 41).tolist()
    assert (scene.rows.scale, scene.cols.scale) == pytest.approx((2, 4))
    assert scene.target.shape == (1, 1, 41, 41)
    (means,) = evaluate.training_scenes(dataset, ["t2m"], 2.0, 4.0, Sampling.MEANS)
    assert means.target.shape == (1, 1, 40, 40)
