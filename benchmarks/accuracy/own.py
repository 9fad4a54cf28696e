"""What ten minutes of training on fields of one's own give: docs/train.md's first run, scored where it did not look.

    python -m benchmarks.accuracy.own FOLDER     # real fields; a table, and benchmarks/results/own.json; 25 min

Two regions that the shipped packages were not trained on. *Italy*: ERA5's temperature every three hours of two months,
0.25 degree; trained on and chosen by the first four fifths, scored on the last. *Iran to Kashmir*: one HRES forecast of
0.1 degree and seven variables; scored in a box amid the area that is trained on.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import xarray as xr

from benchmarks.runs.checkout import HERE
from benchmarks.shared.rounds import about, keep, say
from benchmarks.stages.inference import RESULTS
from models.downscaler import Downscaler
from models.package import ModelPackage
from models.training.batches import Batch
from models.training.data import EVERYWHERE, Box, Dataset, Split, load
from models.training.experiment import Experiment
from models.training.scenes import box_scene
from models.training.train import Trainer
from models.training.validation import validate
from tasks.datasets import own
from tasks.datasets.training import of_model, pack
from tasks.packages import SHIPPED

FILE = RESULTS / "own.json"
CONFIG = HERE / "models/experiments/own.toml"
SHARE = 0.8  # of Italy's times that are the user's; the rest scores
EVERY = 8  # of these, a day
AREA = {"latitude": slice(45, 25), "longitude": slice(55, 80)}
VALIDATION, TEST = Box(38, 30, 71, 79), Box(38, 30, 60, 70)


@dataclass(frozen=True)
class Place:
    """A pack of one's own, and scenes of it that score."""

    data: Path
    scenes: list[Batch]


def italy(folder: Path, scratch: Path, names: list[str]) -> Place:
    """Temperature at 43 x 48 points."""
    with xr.open_dataset(folder / "train/era5_0p25_italy_t2m_202205-06.nc") as ds:
        time = "valid_time" if "valid_time" in ds.dims else "time"
        count = round(SHARE * ds.sizes[time])
        for name, part in (("mine", slice(count)), ("later", slice(count, None))):
            ds.isel({time: part}).to_netcdf(scratch / f"{name}.nc")
    terrain = folder / "static/era5_0p25_geopotential.nc"
    say(own.pack_own(scratch / "mine.npz", [scratch / "mine.nc"], terrain))
    own.pack_own(scratch / "later.npz", [scratch / "later.nc"], terrain)
    later = load(scratch / "later.npz", ())["own"]
    return Place(scratch / "mine.npz", [_scene(later, EVERYWHERE, t, names, 2.0) for t in range(0, later.times, EVERY)])


def mountains(folder: Path, scratch: Path, names: list[str]) -> Place:
    """Seven variables at 201 x 251 points, one time."""
    with xr.open_dataset(folder / "train/hres_0p1_nh_20211210T20.nc") as ds:
        ds[names].sel(AREA).to_netcdf(scratch / "fields.nc")
    fields, grid = own.together([scratch / "fields.nc"])
    whole = of_model(own.with_terrain(fields, grid, folder / "static/hres_0p1_orography.nc"), 9.0)
    pack({own.NAME: whole}, scratch / "area.npz", Split(VALIDATION, (TEST,)))
    dataset = load(scratch / "area.npz", ())[own.NAME]
    return Place(scratch / "area.npz", [_scene(dataset, TEST, 0, names, s) for s in (2.0, 2.5)])


def _scene(dataset: Dataset, box: Box, time: int, names: list[str], scale: float) -> Batch:
    return box_scene(dataset, box, time, names, scale, scale)


def trained(place: Place, scratch: Path) -> Downscaler:
    """By models/experiments/own.toml, as it stands there."""
    text = CONFIG.read_text().replace('"own.npz"', f'"{place.data}"').replace('"runs/own"', f'"{scratch}/run"')
    config = scratch / "own.toml"
    config.write_text(text.replace('"models/', f'"{HERE}/models/'))
    trainer = Trainer(Experiment.read(config))
    trainer.run()
    assert isinstance(trainer.average, Downscaler)
    return trainer.average.eval()


def errors(model: Downscaler, scenes: list[Batch]) -> Iterator[np.ndarray]:
    """RMSE (V,) of interpolation and of a model, over all scenes."""
    for found in zip(*(validate(model, s) for s in scenes), strict=True):
        yield torch.stack(found).double().square().mean(dim=0).sqrt().numpy()


REGIONS = {"Italy": italy, "Iran to Kashmir": mountains}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", choices=list(REGIONS), nargs="+", default=list(REGIONS))
    args = parser.parse_args()
    shipped = ModelPackage.open(SHIPPED / "inr-hres").load()
    names, result = shipped.statistics.names, {}
    print("| region | variable | interpolation | inr-hres | trained on it | over interpolation | over inr-hres |")
    print("|---|---|---:|---:|---:|---:|---:|")
    for title, make in ((t, REGIONS[t]) for t in args.only):
        with tempfile.TemporaryDirectory() as scratch:
            place = make(args.folder, Path(scratch), names)
            interpolation, before = errors(shipped, place.scenes)
            _, after = errors(trained(place, Path(scratch)), place.scenes)
        for i, name in enumerate(names):
            if interpolation[i] > 0:
                row = [float(e[i]) for e in (interpolation, before, after)]
                result[f"{title}, {name}"] = row
                ratios = f"{row[2] / row[0]:.3f} | {row[2] / row[1]:.3f}"
                print(f"| {title} | {name} | {' | '.join(f'{v:.4g}' for v in row)} | {ratios} |", flush=True)
    keep(FILE, {"rmse": result} | about())


if __name__ == "__main__":
    main()
