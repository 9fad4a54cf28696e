"""Training: `python -m models.train CONFIG.toml`. Resumes from its own checkpoint after a kill.

float32 or bf16 autocast, channels_last, Adam with cosine, EMA; one TOML file an experiment.
"""

from __future__ import annotations

import argparse
import json
import math
import time
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.batches import Batch, Batches, BatchSettings, fine_axis
from models.data import Dataset, load
from models.downscaler import FINE_MARGIN, Downscaler
from models.inr import INR, INRConfig
from models.interpolation import area_mean, conservative_bicubic
from models.metrics import charbonnier, rmse
from models.statistics import Statistics, VariableStatistics

VARIABLES = ("t2m", "d2m", "u10", "v10", "sp", "msl", "tp")
AMOUNTS = ("tp",)
GRADIENT_WEIGHT = 0.1
VALIDATION_BOX = (45.0, 25.0, 55.0, 80.0)  # north, south, west, east: never trained on, used to choose


@dataclass(frozen=True)
class Experiment:
    """One training run."""

    data: Path
    out: Path
    steps: int = 10000
    learning_rate: float = 2e-4
    warmup: int = 200
    ema: float = 0.999
    seed: int = 0
    era5_share: float = 0.15
    precision: str = "float32"  # or bfloat16: several times faster with AMX or CUDA, several times slower without
    report_every: int = 250
    statistics_windows: int = 64
    network: INRConfig = field(default_factory=INRConfig)
    batch: BatchSettings = field(default_factory=BatchSettings)

    @classmethod
    def read(cls, path: Path) -> Experiment:
        """From TOML; unknown keys are a TypeError."""
        config = tomllib.loads(path.read_text())
        network, batch = INRConfig(**config.pop("network", {})), BatchSettings(**config.pop("batch", {}))
        data, out = Path(config.pop("data")), Path(config.pop("out"))
        return cls(data, out, network=network, batch=batch, **config)


def fit_statistics(dataset: Dataset, rng: np.random.Generator, windows: int) -> Statistics:
    """Mean, standard deviation and residual law of every variable, from random windows of the training data."""
    scales = (1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
    patch, margin = 24, 6
    batches = Batches(dataset, list(VARIABLES), BatchSettings(), rng)
    values: list[np.ndarray] = []
    residuals: dict[float, list[Tensor]] = {s: [] for s in scales}
    for _ in range(windows):
        count = int(np.ceil(patch * max(scales)))
        y = torch.from_numpy(batches._fields(count, count)[0].copy())[None]
        values.append(y[0, :, ::7, ::7].reshape(len(VARIABLES), -1).numpy())
        for s in scales:
            axis = fine_axis(int(np.ceil(patch * s)), s, 0.0)
            part = y[:, :, : len(axis), : len(axis)]
            coarse = area_mean(part, axis, axis, patch, patch)
            inside = slice(int(margin * s), int((patch - margin) * s))
            residual = (part - conservative_bicubic(coarse, axis, axis))[:, :, inside, inside]
            residuals[s].append((residual**2).mean(dim=(0, 2, 3)))
    sample = torch.from_numpy(np.concatenate(values, axis=1))
    sigma = np.stack([torch.stack(residuals[s]).mean(0).sqrt().numpy() for s in scales])
    out = {}
    for i, name in enumerate(VARIABLES):
        b, log_a = np.polyfit(np.log(scales), np.log(sigma[:, i]), 1)
        amount = name in AMOUNTS
        raw = VariableStatistics(0.0, 1.0, (1.0, 0.0), amount).normalise(sample[i])
        out[name] = VariableStatistics(
            round(float(raw.mean()), 6), round(float(raw.std()), 6), (float(np.exp(log_a)), float(b)), amount
        )
    return Statistics(out)


def loss_of(model: Downscaler, batch: Batch) -> Tensor:
    """Charbonnier on error over sigma, plus a small term on its gradient, over the variables that are present."""
    forecast = model(batch.x, batch.present, batch.z_coarse, batch.z_fine, batch.rows, batch.cols)
    scale = (batch.rows.scale * batch.cols.scale) ** 0.5
    sigma = torch.tensor([s.sigma(scale) for s in model.statistics.variables.values()], device=forecast.device)
    error = (forecast - batch.target) / sigma.view(1, -1, 1, 1)
    weight = batch.present / batch.present.sum().clamp(min=1)
    total = charbonnier(error).mean(dim=(2, 3))
    for dim in (2, 3):
        total = total + GRADIENT_WEIGHT * charbonnier(error.diff(dim=dim)).mean(dim=(2, 3))
    return (total * weight).sum()


@torch.no_grad()
def validate(model: Downscaler, dataset: Dataset, scale: float) -> tuple[Tensor, Tensor]:
    """RMSE (V,) of conservative bicubic and of the model over the validation box, clean area means."""
    top, left, height, width = dataset.box(*VALIDATION_BOX)
    rows, cols = fine_axis(height, scale, 0.0), fine_axis(width, scale, 0.0)
    h, w = int(height / scale), int(width / scale)
    window = lambda v: torch.from_numpy(dataset.window(v, top, left, height, width))  # noqa: E731
    y = torch.stack([window(v) for v in model.statistics.names])[None]
    z = window("z")[None, None]
    x, z_coarse = area_mean(y, rows, cols, h, w), area_mean(z, rows, cols, h, w)
    m = FINE_MARGIN
    last_row, last_col = int(h * scale) - m, int(w * scale) - m
    rows, cols = rows.part(m, last_row), cols.part(m, last_col)
    z_fine = z[:, :, : last_row + m, : last_col + m]
    y = y[:, :, m:last_row, m:last_col]
    forecast = model(x, torch.ones(1, x.shape[1]), z_coarse, z_fine, rows, cols)
    return rmse(conservative_bicubic(x, rows, cols), y), rmse(forecast, y)


class Trainer:
    """State of a run: network, its running average, optimiser and random generator, saved together."""

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        torch.manual_seed(experiment.seed)
        self.rng = np.random.default_rng(experiment.seed)
        datasets = {d.name: d for d in load(experiment.data, VALIDATION_BOX)}
        self.hres = datasets["hres"]
        statistics_path = experiment.out / "stats.json"
        if statistics_path.exists():
            self.statistics = Statistics.load(statistics_path)
        else:
            self.statistics = fit_statistics(self.hres, self.rng, experiment.statistics_windows)
            experiment.out.mkdir(parents=True, exist_ok=True)
            self.statistics.save(statistics_path)
        self.model = Downscaler(INR(experiment.network), self.statistics)
        self.model = self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = Downscaler(INR(experiment.network), self.statistics)
        self.average.load_state_dict(self.model.state_dict())
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=experiment.learning_rate)
        names = self.statistics.names
        self.batches = {n: Batches(d, names, experiment.batch, self.rng) for n, d in datasets.items()}
        self.step = 0
        self.history: list[dict[str, Any]] = []
        if self.checkpoint.exists():
            self.resume()

    @property
    def checkpoint(self) -> Path:
        """Where the run's state is kept."""
        return self.experiment.out / "checkpoint.pt"

    def save(self) -> None:
        """Write the checkpoint atomically."""
        state = {
            "step": self.step,
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "rng": json.dumps(self.rng.bit_generator.state),
            "history": self.history,
        }
        partial = self.checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self.checkpoint)

    def resume(self) -> None:
        """Go on from the checkpoint."""
        state = torch.load(self.checkpoint, weights_only=True)
        self.step, self.history = state["step"], state["history"]
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.rng.bit_generator.state = json.loads(state["rng"])

    def train_step(self) -> float:
        """One optimiser step; returns the loss."""
        e = self.experiment
        name = "era5" if self.rng.random() < e.era5_share else "hres"
        batch = self.batches[name].draw()
        progress = self.step / e.steps
        rate = e.learning_rate * min(1.0, (self.step + 1) / e.warmup) * 0.5 * (1 + math.cos(math.pi * progress))
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        reduced = e.precision == "bfloat16"
        with torch.autocast(batch.x.device.type, dtype=torch.bfloat16, enabled=reduced):
            loss = loss_of(self.model, batch)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        decay = min(e.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for a, p in zip(self.average.parameters(), self.model.parameters(), strict=True):
                a.lerp_(p, 1 - decay)
        return float(loss.detach())

    def run(self) -> None:
        """Train to the last step, with a line and a checkpoint every `report_every` steps."""
        e, began, losses = self.experiment, time.monotonic(), []
        first = self.step
        while self.step < e.steps:
            losses.append(self.train_step())
            if self.step % e.report_every == 0 or self.step == e.steps:
                before, after = validate(self.average, self.hres, 2.5)
                ratio = (after / before).tolist()
                per_step = (time.monotonic() - began) / (self.step - first)
                self.history.append({"step": self.step, "loss": float(np.mean(losses)), "ratio": ratio})
                losses = []
                self.save()
                figures = " ".join(f"{n} {r:.3f}" for n, r in zip(self.statistics.names, ratio, strict=True))
                print(
                    f"step {self.step}/{e.steps} loss {self.history[-1]['loss']:.4f} "
                    f"RMSE/interpolation x2.5: {figures} ({per_step:.2f} s a step)",
                    flush=True,
                )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    Trainer(Experiment.read(parser.parse_args().config)).run()


if __name__ == "__main__":
    main()
