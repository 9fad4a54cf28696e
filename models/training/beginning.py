"""What a run begins with: weights of another one, a teacher, statistics that fit its data."""

from __future__ import annotations

from pathlib import Path

import torch

from models.baselines.published import Published
from models.downscaler import Downscaler
from models.package import ModelPackage
from models.statistics import VARIABLES, Statistics
from models.training.data import Dataset, Mismatch
from models.training.experiment import Experiment
from models.training.fitting import SCALES, fit_statistics, largest_scale


def begin_with(model: Downscaler | Published, start: Path, regression: bool) -> None:
    """Take over a package's or a checkpoint's weights, those that have the same name and shape here.

    `regression`: that too, and how far its network's word is kept.
    """
    if start.is_dir():
        state = ModelPackage.open(start).load().state_dict()
    elif start.is_file():
        state = torch.load(start, weights_only=True, map_location="cpu")["average"]
    else:
        raise Mismatch(f"{start}: neither a package's folder nor a checkpoint; give `start` another, or none")
    found = {k: v for k, v in state.items() if regression or k.startswith("network.")}
    own = model.state_dict()
    fits = {k: v for k, v in found.items() if k in own and v.shape == own[k].shape}
    if not any(k.startswith("network.") for k in fits):
        raise Mismatch(f"{start}: no weight of it fits this network")
    if regression and len(fits) < len(own):  # which is that network's
        raise Mismatch(
            f"{start}: is of another size; with `regression_windows = 0` [network] is as its model.json has it"
        )
    model.load_state_dict({**own, **fits})
    print(f"began with {len(fits)} of {len(own)} weights of {start}", flush=True)


def open_teacher(folder: Path, names: list[str], device: str) -> Downscaler:
    """The model whose word is half of the truth, on this run's device."""
    teacher = ModelPackage.open(folder).load(device)
    if teacher.statistics.names != names:
        raise Mismatch(f"{folder} has {teacher.statistics.names}, this run {names}")
    return teacher


def statistics_of(e: Experiment, main: Dataset, device: str) -> Statistics:
    """The run's own statistics, those it was told to use, or new ones of the variables that there are."""
    own = e.out / "stats.json"
    if not own.exists():
        if e.statistics is not None:
            Statistics.load(e.statistics).save(own)
        else:
            if (largest := largest_scale(main)) < SCALES[1]:
                rows, cols = main.shape
                raise Mismatch(
                    f"{e.data}: {main.name} has {rows} x {cols} points, too few to fit statistics at more than "
                    f"x{largest:g}; begin with a package (`start`, and its stats.json as `statistics`), or pack a "
                    "larger area"
                )
            fit_statistics(main, [n for n in VARIABLES if n in main.fields], e.windows, device).save(own)
    return Statistics.load(own)


def assert_of_this_data(statistics: Statistics, main: Dataset, e: Experiment) -> None:
    """Refuse statistics that cannot be of this data, or have nothing of it."""
    if not any(n in main.fields for n in statistics.names):
        raise Mismatch(f"{e.data}: {main.name} has {', '.join(main.variables)}, none of {', '.join(statistics.names)}")
    for name, known in statistics.variables.items():
        if name not in main.fields:
            if e.statistics is None:
                raise Mismatch(f"{e.data}: {main.name} has no {name}, which the statistics list")
            continue
        height, width = main.shape
        stride = max(height // 100, 1)
        sample = main.window(name, 0, 0, 0, height, width)[::stride, ::stride]
        usable = torch.from_numpy(sample[main.usable[::stride, ::stride]])
        wrong = known.disagreement(usable, part=e.statistics is not None)
        if wrong:
            raise Mismatch(
                f"{e.data}: {name} does not match the statistics in {e.out}: {wrong}; "
                "use the statistics of this data, or delete stats.json and let it be fitted"
            )
