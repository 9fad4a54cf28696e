"""Fields of one's own, from files to a package: packed, split, trained on, released; and what is refused, in a line."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from models.package import ModelPackage
from models.training import release
from models.training.data import Box, Mismatch, Split, load
from models.training.experiment import Experiment
from models.training.train import Trainer
from models.training.validation import MOST_TIMES
from tasks.datasets import own
from tasks.errors import BadInput, CorruptField, StoreNotWritable
from tasks.packages import SHIPPED
from tests.conftest import ROOT

ROWS, COLS, SPACING, NORTH, WEST = 48, 60, 0.1, 33.0, 109.0  # a province's size, inside Hubei's terrain or nearly
TIMES = np.datetime64("2026-01-01T00", "ns") + np.arange(10) * np.timedelta64(6, "h")


def relief() -> np.ndarray:
    """Mountains in m, on the fields' points."""
    rng = np.random.default_rng(5)
    waves = np.add.outer(np.sin(np.arange(ROWS) / 4), np.cos(np.arange(COLS) / 3))
    return np.asarray(700 * np.abs(waves) + rng.normal(0, 20, waves.shape), dtype=np.float32)


def write_fields(path: Path, times: np.ndarray = TIMES, **more: np.ndarray) -> Path:
    """Temperature that falls with height, in a NetCDF file as others write it: rising latitudes, K."""
    rng = np.random.default_rng(7)
    there = (len(times), ROWS, COLS)
    t2m = 285 - 6.5e-3 * relief() + rng.normal(0, 3, (len(times), 1, 1)) + rng.normal(0, 0.05, there)
    ds = xr.Dataset(
        {"t2m": (("time", "latitude", "longitude"), t2m.astype(np.float32), {"units": "K"})},
        coords={
            "time": times,
            "latitude": NORTH - SPACING * np.arange(ROWS),
            "longitude": WEST + SPACING * np.arange(COLS),
        },
    )
    for name, values in more.items():
        ds[name] = (("time", "latitude", "longitude"), values.astype(np.float32), {"units": "K"})
    ds.isel(latitude=slice(None, None, -1)).to_netcdf(path)
    return path


@pytest.fixture
def terrain(tmp_path: Path) -> Path:
    """Heights of the very points."""
    ds = xr.Dataset(
        {"z": (("latitude", "longitude"), relief(), {"units": "m"})},
        coords={"latitude": NORTH - SPACING * np.arange(ROWS), "longitude": WEST + SPACING * np.arange(COLS)},
    )
    path = tmp_path / "heights.nc"
    ds.to_netcdf(path)
    return path


def settings(folder: Path, data: Path, more: str = "", batch: str = "") -> Path:
    """`models/experiments/own.toml` in a folder of its own, for a few steps."""
    text = (ROOT / "models/experiments/own.toml").read_text()
    for old, new in (
        ('"own.npz"', f'"{data}"'), ('"runs/own"', f'"{folder}/run"'), ('"models/', f'"{ROOT}/models/'),
        ("steps = 100000", f"steps = 4\n{more}"), ("report_every = 50", "report_every = 2"),
        ("size = 16", f"size = 2\n{batch}"),
    ):  # fmt: skip
        assert old in text
        text = text.replace(old, new)
    path = folder / "own.toml"
    path.write_text(text)
    return path


def test_files_of_ones_own_become_a_pack_with_its_last_times_held_out(tmp_path: Path, terrain: Path) -> None:
    files = [write_fields(tmp_path / f"{n}.nc", TIMES[part]) for n, part in (("b", slice(5, 10)), ("a", slice(0, 5)))]
    line = own.pack_own(tmp_path / "own.npz", files, terrain)
    assert line.startswith(f"{tmp_path}/own.npz: t2m at 10 times, the first 8 trained on; 48 x 60 points of 0.1 degree")
    (dataset,) = load(tmp_path / "own.npz").values()
    assert (dataset.north, dataset.west, dataset.spacing) == (NORTH, WEST, SPACING)
    assert dataset.footprint == pytest.approx(11.12, abs=0.01)
    for i, part in enumerate((slice(0, 5), slice(5, 10))):  # by time, whatever the order of files
        with xr.open_dataset(files[1 - i]) as ds:
            want = ds.t2m.sortby("latitude", ascending=False).values[2]
        got = dataset.window("t2m", part.start + 2, 0, 0, ROWS, COLS)
        np.testing.assert_allclose(got, want, atol=1e-3)
    np.testing.assert_allclose(dataset.window("z", 0, 0, 0, ROWS, COLS), relief(), atol=0.1)
    assert (dataset.window("land", 0, 0, 0, ROWS, COLS) == (relief() > 0)).all()
    assert Split.of(tmp_path / "own.npz") == Split(last=0.2)


@pytest.mark.slow
def test_a_run_on_ones_own_fields_begins_with_the_shipped_package_and_becomes_one(
    tmp_path: Path, terrain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own.pack_own(tmp_path / "own.npz", [write_fields(tmp_path / "fields.nc")], terrain)
    config = settings(tmp_path, tmp_path / "own.npz")
    trainer = Trainer(Experiment.read(config))
    shipped = ModelPackage.open(SHIPPED / "inr-hres").load().state_dict()
    assert all((trainer.model.state_dict()[k] == v).all() for k, v in shipped.items())
    assert trainer.main.times == 8, "the last fifth of the times is not trained on"
    assert trainer.validation.scales(trainer.validation.main) == [2.5], "x4 was not trained on"
    scenes = list(trainer.validation.scenes())
    assert {s.seen.sampling for s in scenes} == {"samples", "means"}
    assert len(scenes) == 2 * min(MOST_TIMES, 2) * len(trainer.validation.scales(trainer.validation.main))
    trainer.run()
    assert [h["step"] for h in trainer.history] == [0, 2, 4], "what it began with can be the best"
    assert min(h["score"] for h in trainer.history) < 0.9, "better than interpolation"
    names = trainer.statistics.names
    kept = trainer.average.shrinkage
    assert float(kept[:, [i for i, n in enumerate(names) if n != "t2m"]].abs().max()) == 0
    monkeypatch.setattr(sys, "argv", ["release", str(config), str(tmp_path / "mine")])
    release.main()
    package = ModelPackage.open(tmp_path / "mine")
    assert package.halo == ModelPackage.open(SHIPPED / "inr-hres").halo
    assert package.metadata["operators"]["samples"]["footprint"] == [7.0, 45.0]
    card = (tmp_path / "mine/CARD.md").read_text()
    assert "own: t2m at 8 times, 28.3 to 33 degrees north, 109 to 114.9 east, every 0.1 degree" in card
    assert "began with inr-hres" in card
    assert "Of d2m, u10, v10, sp, msl, tp" in card


def test_a_box_can_be_held_out_instead_of_times(tmp_path: Path, terrain: Path) -> None:
    fields = write_fields(tmp_path / "fields.nc", TIMES[:1])
    with pytest.raises(BadInput, match=r"1 times are too few .* --validation"):
        own.pack_own(tmp_path / "own.npz", [fields], terrain)
    own.pack_own(tmp_path / "own.npz", [fields], terrain, own.parse_box("33,109,31.5,115"))
    dataset = load(tmp_path / "own.npz")["own"]
    assert not dataset.usable[:16].any()
    assert dataset.usable[16:].all()
    assert Split.of(tmp_path / "own.npz").validation == Box(33, 31.5, 109, 115)


@pytest.mark.parametrize("text", ["33,109,31", "31,109,33,115", "33,115,31,109", "a,b,c,d", "95,109,31,115"])
def test_a_box_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="--validation"):
        own.parse_box(text)


def test_files_that_do_not_go_together_are_refused(tmp_path: Path, terrain: Path) -> None:
    fields = write_fields(tmp_path / "fields.nc")
    with xr.open_dataset(fields) as ds:
        ds.isel(latitude=slice(1, None)).to_netcdf(tmp_path / "smaller.nc")
        ds.isel(longitude=slice(None, None, 2)).to_netcdf(tmp_path / "wider.nc")
    with pytest.raises(BadInput, match=r"smaller.nc: is on .* give files on one grid"):
        own.pack_own(tmp_path / "own.npz", [fields, tmp_path / "smaller.nc"], terrain)
    with pytest.raises(BadInput, match="2026-01-01T00:00: 10 times are there twice"):
        own.pack_own(tmp_path / "own.npz", [fields, fields], terrain)
    with pytest.raises(BadInput, match=r"cells of 0\.1 x 0\.2 degree"):
        own.pack_own(tmp_path / "own.npz", [tmp_path / "wider.nc"], terrain)
    with xr.open_dataset(terrain) as ds:
        ds.isel(latitude=slice(0, 20)).to_netcdf(tmp_path / "part.nc")
    with pytest.raises(BadInput, match=r"terrain part\.nc covers"):
        own.pack_own(tmp_path / "own.npz", [fields], tmp_path / "part.nc")
    with pytest.raises(BadInput, match="is a file that is read here"):
        own.pack_own(fields, [tmp_path / "." / "fields.nc"], terrain)
    with pytest.raises(StoreNotWritable, match="is not a folder"):
        own.pack_own(tmp_path / "none/own.npz", [fields], terrain)
    assert not (tmp_path / "own.npz").exists()


def test_what_cannot_be_trained_on_is_refused_in_a_line(tmp_path: Path, terrain: Path) -> None:
    data = tmp_path / "own.npz"
    own.pack_own(data, [write_fields(tmp_path / "fields.nc")], terrain)
    cases = {
        "own.npz has no data set 'hres'; `main_set` has to be one of own": ('main_set = "own"', 'main_set = "hres"'),
        r"48 x 60 points; windows of 24 input cells at x2 need 66 a side": ("patch = 12", "patch = 24"),
        r"patch = 8 with margin = 3: has to be 10 or more": ("patch = 12", "patch = 8"),
        r"\[batch\] colour: no such setting": ("patch = 12", "patch = 12\ncolour = 1"),
        "is of another size; with": ("channels = 32", "channels = 24\nnarrow = 12\nhidden = 4"),
    }
    for message, (old, new) in cases.items():
        config = settings(tmp_path, data)
        text = config.read_text()
        assert old in text
        config.write_text(text.replace(old, new))
        with pytest.raises(Mismatch, match=message):
            Trainer(Experiment.read(config))
    fields = write_fields(tmp_path / "celsius.nc")
    with xr.open_dataset(fields) as ds:
        celsius = (ds.load() - 273.15).assign_attrs(ds.attrs)
    celsius.t2m.attrs["units"] = "degC"  # which is read as such
    celsius.to_netcdf(tmp_path / "read.nc")
    own.pack_own(tmp_path / "celsius.npz", [tmp_path / "read.nc"], terrain)
    shutil.rmtree(tmp_path / "run")
    Trainer(Experiment.read(settings(tmp_path, tmp_path / "celsius.npz")))
    shutil.rmtree(tmp_path / "run")
    config = settings(tmp_path, data)
    config.write_text(config.read_text().replace('statistics = "', '# "').replace('start = "', '# "'))
    with pytest.raises(Mismatch, match="48 x 60 points, too few to fit statistics"):
        Trainer(Experiment.read(config))
    config.write_text(settings(tmp_path, data).read_text().replace('"own"', "own"))
    with pytest.raises(Mismatch, match=r"own.toml: .*line 4"):
        Experiment.read(config)


def test_missing_values_are_refused(tmp_path: Path, terrain: Path) -> None:
    path = write_fields(tmp_path / "fields.nc")
    with xr.open_dataset(path) as ds:
        holes = ds.load()
    holes.t2m[:, 40:, 50:] = np.nan
    holes.to_netcdf(tmp_path / "holes.nc")
    with pytest.raises(CorruptField, match=r"holes\.nc t2m .* hand in a file without holes there"):
        own.pack_own(tmp_path / "own.npz", [tmp_path / "holes.nc"], terrain)


def test_the_command_line_says_what_is_wrong_in_a_line(tmp_path: Path, terrain: Path) -> None:
    command = [sys.executable, "-m", "tasks.datasets.own", str(tmp_path / "own.npz"), str(tmp_path / "none.nc")]
    done = subprocess.run([*command, "--terrain", str(terrain)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "none.nc" in done.stderr
    command = [sys.executable, "-m", "models.training.train", str(settings(tmp_path, tmp_path / "none.npz"))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "none.npz: is not there" in done.stderr
