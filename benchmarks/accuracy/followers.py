"""How much followers follow: gains fitted where the network was trained and chosen, scores on the test box; HRES.

    python -m benchmarks.accuracy.followers DATA    # prints Markdown, writes benchmarks/results/followers.json

DATA holds `train/`, `test/` and `static/`. Inputs are samples of the real 0.1 degree fields at 0.25 degree, as ECMWF
makes its own. A gain is the least-squares factor between what the network adds to its leader's interpolation and what
the follower's own interpolation lacks, over mountainous boxes of the training hour and the validation box.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import torch
import xarray as xr

from benchmarks.stages.inference import RESULTS
from models.followers import FOLLOWERS, Leader
from models.following import following
from models.interpolation import bicubic, bilinear
from models.package import ModelPackage
from models.training.batches import Batch
from models.training.data import EVERYWHERE, Box, Dataset, load
from models.training.scenes import box_scene
from tasks.datasets.evaluation import IFS_KM
from tasks.datasets.training import SPLIT, of_model, pack, read_fields, statics_0p1, with_statics
from tasks.packages import SHIPPED
from tasks.variables import VARIABLES

FILE = RESULTS / "followers.json"
SCALE = 2.5
TRUE = ("u100", "v100", "fg10", "tcwv")  # followers of which there is finer truth
IN_FILE = {"fg10": "i10fg"}  # the gust of the moment, as near as there is
SCORED = "test"
FITTED = {
    "alps": Box(52, 38, -5, 22), "norway": Box(72, 57, 4, 32), "caucasus": Box(45, 28, 34, 54),
    "japan": Box(46, 30, 128, 148), "alaska": Box(66, 52, -165, -130), "mexico": Box(27, 14, -108, -85),
    "atlas": Box(37, 28, -10, 12), "ethiopia": Box(16, 2, 33, 48), "indochina": Box(17.5, 8, 97, 110),
    "mongolia": Box(54, 43.5, 85, 120), "validation": SPLIT.validation,
}  # fmt: skip


def datasets(data: Path) -> dict[str, Dataset]:
    """Of each box what the network knows, and followers of which there is truth."""
    names = [*ModelPackage.open(SHIPPED / "inr-hres").variables, *(IN_FILE.get(n, n) for n in TRUE)]
    ours = {theirs: own for own, theirs in IN_FILE.items()}
    statics = statics_0p1(data / "static")
    hemisphere = read_fields(data / "train" / "hres_0p1_nh_20211210T20.nc", *names)
    boxes: dict[str, xr.Dataset] = {
        name: hemisphere.sel(latitude=slice(b.north, b.south), longitude=slice(b.west, b.east))
        for name, b in FITTED.items()
    } | {SCORED: read_fields(data / "test" / "hres_0p1_china_20211210T20.nc", *names)}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "boxes.npz"
        pack({name: of_model(with_statics(box.rename(ours), statics), IFS_KM) for name, box in boxes.items()}, out)
        return load(out)


@torch.inference_mode()
def measure(dataset: Dataset) -> dict[str, dict[str, float]]:
    """Of each follower RMSE of both interpolations and of what is made of it, and the sums of its gain."""
    method, names = following(ModelPackage.open(SHIPPED / "inr-hres").load(), list(TRUE))
    scene = box_scene(dataset, EVERYWHERE, 0, names, SCALE, SCALE)
    fine = method(scene.x, scene.present, scene.statics, scene.rows, scene.cols, scene.seen)
    cubic, linear = (f(scene.x, scene.rows, scene.cols) for f in (bicubic, bilinear))
    out = {}
    for name in TRUE:
        i, leader = names.index(name), FOLLOWERS[name]
        assert isinstance(leader, Leader)
        led = (fine[:, i] - cubic[:, i]) / leader.gain
        lacks = scene.target[:, i] - cubic[:, i]
        out[name] = {
            "with": float((led * lacks).double().sum()),
            "itself": float((led * led).double().sum()),
            **{w: rmse(f[:, i], scene, i) for w, f in (("bilinear", linear), ("cubic", cubic), ("ours", fine))},
        }
    return out


def rmse(fine: torch.Tensor, scene: Batch, i: int) -> float:
    """Over all points of a scene."""
    return float(((fine - scene.target[:, i]).double() ** 2).mean().sqrt())


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    args = parser.parse_args()
    found = {name: measure(dataset) for name, dataset in datasets(args.data).items()}
    gains = {n: sum(found[b][n]["with"] for b in FITTED) / sum(found[b][n]["itself"] for b in FITTED) for n in TRUE}
    FILE.write_text(json.dumps({"gains": gains, "boxes": found}, indent=2) + "\n")
    print("| variable | unit | follows | gain | fitted | bilinear | cubic | ours | ratio |")
    print("|---|---|---|---:|---:|---:|---:|---:|---:|")
    for name in TRUE:
        leader, row = FOLLOWERS[name], found[SCORED][name]
        assert isinstance(leader, Leader)
        ratio = row["ours"] / min(row["bilinear"], row["cubic"])
        figures = " | ".join(f"{row[w]:.4g}" for w in ("bilinear", "cubic", "ours"))
        gain = f"{leader.gain:g} | {gains[name]:.3f}"
        print(f"| {name} | {VARIABLES[name].units} | {', '.join(leader.names)} | {gain} | {figures} | {ratio:.3f} |")


if __name__ == "__main__":
    main()
