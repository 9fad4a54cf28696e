"""What a run is chosen by: scenes that it is not trained on, and the error on them beside interpolation's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.baselines.published import Published
from models.downscaler import Downscaler
from models.interpolation import interpolant
from models.operator import Sampling
from models.training.batches import Batch
from models.training.data import EVERYWHERE, Box, Dataset, Mismatch, Split
from models.training.metrics import rmse
from models.training.scenes import box_scene

SMALLEST = 10  # input cells a side, that a scene must have more of
MOST_TIMES = 6  # of a data set, evenly spaced
MAIN_SCALES, OTHER_SCALES, LEAST_SCALE = (2.5, 4.0), (2.0, 4.0), 2.0


@torch.no_grad()
def validate(model: Downscaler | Published, scene: Batch) -> tuple[Tensor, Tensor]:
    """RMSE (V,) of interpolation and of the model over a scene; 0 for variables that are absent."""
    s = scene.to(next(model.parameters()).device)
    forecast = model(s.x, s.present, s.statics, s.rows, s.cols, s.seen).cpu() * scene.present[:, :, None, None]
    return rmse(interpolant(scene.x, scene.seen)(scene.rows, scene.cols), scene.target), rmse(forecast, scene.target)


@dataclass(frozen=True)
class Validation:
    """The validation box of every data set that reaches there, or all of it at its last times.

    Of the main one as means too. `ratio`: the only scale of a network that knows one.
    """

    datasets: dict[str, Dataset]  # at all of their times
    main: Dataset
    split: Split
    names: list[str]
    highest: dict[str, float]  # scale that a small data set's windows reach: it was trained up to there
    ratio: float = 0.0

    @property
    def box(self) -> Box:
        """Where it is."""
        return self.split.validation or EVERYWHERE

    def times(self, dataset: Dataset) -> list[int]:
        """Of a data set: some of those that are not trained on; the first, where a box is held out instead."""
        first = self.split.first(dataset.times)
        if first == dataset.times:
            return [0]
        return sorted({int(t) for t in np.linspace(first, dataset.times - 1, MOST_TIMES).round()})

    def scales(self, dataset: Dataset) -> list[float]:
        """At which there are enough cells, and windows of a small data set."""
        some = [self.ratio] if self.ratio else list(MAIN_SCALES if dataset is self.main else OTHER_SCALES)
        some = [s for s in some if s <= self.highest[dataset.name]] or [LEAST_SCALE]
        return [s for s in some if min(dataset.box(self.box)[2:]) > SMALLEST * s]

    def scene(self, dataset: Dataset, scale: float, sampling: Sampling = Sampling.SAMPLES, time: int = 0) -> Batch:
        """Of one data set at one time."""
        centred = sampling is Sampling.SAMPLES and bool(self.ratio)
        return box_scene(dataset, self.box, time, self.names, scale, scale, sampling=sampling, centred=centred)

    def of(self, dataset: Dataset, scale: float) -> Iterator[Batch]:
        """Scenes of a data set at a scale, of all its times here."""
        for time in self.times(dataset):
            yield self.scene(dataset, scale, time=time)
            if dataset is self.main:
                yield self.scene(dataset, scale, Sampling.MEANS, time)

    def scenes(self) -> Iterator[Batch]:
        """All of them."""
        for dataset in self.datasets.values():
            for scale in self.scales(dataset):
                yield from self.of(dataset, scale)

    def assert_some(self) -> None:
        """Mismatch where nothing could be said of the main data set."""
        main, (_, _, height, width) = self.main, self.main.box(self.box)
        scored = "the validation box" if self.split.validation else "it"
        if not self.scales(main):
            least = SMALLEST * (self.ratio or LEAST_SCALE)
            raise Mismatch(
                f"{main.name}: {scored} has {height} x {width} points, and a run is chosen on more than {least:.0f} a "
                "side; pack a larger area, or give a larger --validation"
            )
        if self.split.validation is None and self.split.first(main.times) == main.times:
            raise Mismatch(f"{main.name}: neither a box nor a time is held out to choose by; pack it again with one")
        for time in self.times(main):
            for name in main.variables:
                if not np.isfinite(main.window(name, time, *main.box(self.box))).all():
                    raise Mismatch(
                        f"{main.name}: {name} has missing values in {scored}, by which the run is chosen; pack it with "
                        "another --validation, or cut the files to where they have values"
                    )

    def ratios(self, model: Downscaler | Published) -> list[float]:
        """RMSE over interpolation's of each variable, of the main set's samples at its first scale; NaN: absent."""
        scale = self.scales(self.main)[0]
        pairs = [validate(model, s) for s in self.of(self.main, scale) if s.seen.sampling is Sampling.SAMPLES]
        before, after = (torch.stack(p).square().mean(dim=0).sqrt() for p in zip(*pairs, strict=True))
        return [float(r) for r in after / before]

    def score(self, model: Downscaler | Published) -> float:
        """RMSE over that of interpolation, the geometric mean of all scenes and their variables.

        What is best on one winter's night is not on a summer's day.
        """
        logs = []
        for scene in self.scenes():
            before, after = validate(model, scene)
            logs.append((after / before)[before > 0].log())
        return float(torch.cat(logs).mean().exp())
