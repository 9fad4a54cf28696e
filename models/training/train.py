"""Training: `python -m models.training.train CONFIG.toml`. Resumes from its own checkpoint after a kill.

float32 or bf16 autocast, channels_last, Adam with cosine, EMA; one TOML file an experiment.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.downscaler import Downscaler
from models.package import PackageError
from models.training.batches import Batch, Batches
from models.training.beginning import assert_of_this_data, begin_with, open_teacher, statistics_of
from models.training.data import Mismatch, Split, digest, load
from models.training.experiment import Experiment
from models.training.fitting import fit_regression, fit_shrinkage
from models.training.loss import loss_of
from models.training.methods import build
from models.training.ranks import Ranks
from models.training.validation import LEAST_SCALE, Validation

# of the gradient's norm, about its median: a batch of mountains has fifty times the gradient of one of sea, and without
# it sets the step size of all
CLIP = 0.05


class Trainer:
    """State of a run: network, its running average, optimiser and random generator, saved together."""

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = e = experiment
        torch.manual_seed(e.seed)
        self.device = e.device if e.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
        self.ranks = Ranks()
        self.rng = np.random.default_rng([e.seed, self.ranks.own] if self.ranks.count > 1 else e.seed)
        split, whole = Split.of(e.data), load(e.data)
        datasets = {n: d.first(split.first(d.times)) for n, d in whole.items()}
        if e.main_set not in whole:
            raise Mismatch(f"{e.data} has no data set {e.main_set!r}; `main_set` has to be one of {', '.join(whole)}")
        self.main = datasets[e.main_set]
        self._assert_large_enough()
        if self.ranks.first:
            e.out.mkdir(parents=True, exist_ok=True)
            self._claim()
            statistics_of(e, self.main, self.device)
        self.ranks.wait()
        self.statistics = statistics_of(e, self.main, self.device)
        assert_of_this_data(self.statistics, self.main, e)
        names = self.statistics.names
        batches = {n: Batches(d, names, e.batch, self.rng, self.device) for n, d in datasets.items()}
        self.batches = {n: b for n, b in batches.items() if b.scale_high >= max(e.batch.ratio, LEAST_SCALE)}
        some = {n: whole[n] for n in self.batches}
        small = {n: b.scale_high for n, b in self.batches.items() if b.scale_high < e.batch.scale_high}
        highest = {n: small.get(n, math.inf) for n in self.batches}
        self.validation = Validation(some, whole[e.main_set], split, names, highest, float(e.batch.ratio))
        self.validation.assert_some()
        self.model = build(e.method, self.statistics, e.network, e.published)
        self.teacher = open_teacher(e.teacher, names, self.device) if e.teacher is not None else None
        if e.start is not None and not self.checkpoint.exists():
            begin_with(self.model, e.start, regression=not e.regression_windows)
        if isinstance(self.model, Downscaler) and e.statics and e.regression_windows and not self.checkpoint.exists():
            # solved, so it need not depend on the seed; of few windows it would, by several per cent of wind's error
            every = replace(e.batch, clean=1.0, drop_variable=0.0, drop_static=0.0)
            rng = np.random.default_rng(0)
            sets = {n: Batches(datasets[n], names, every, rng, self.device) for n in self.batches}
            self.model.to(self.device)
            count = e.regression_windows // sets[e.main_set].at_once
            fit_regression(self.model, (sets[e.drawn(list(sets), rng)].draw() for _ in range(count)))
        self.model = self.model.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.ranks.same(self.model.state_dict().values())
        self.average = build(e.method, self.statistics, e.network, e.published).to(self.device)
        self.average.load_state_dict(self.model.state_dict())
        # the regression stays as it was solved: its predictors, and so its gradients, are largest in mountains, and
        # clipping them would hold back the network just where there is something to learn
        self.trained = list(self.model.network.parameters())
        self.optimiser = torch.optim.Adam(self.trained, lr=e.learning_rate, fused=self.device == "cuda")
        self.step, self.seconds, self._since = 0, 0.0, time.monotonic()  # done so far
        self.history: list[dict[str, Any]] = []
        self.best: dict[str, Tensor] = self.average.state_dict()
        if self.checkpoint.exists():
            self.resume()
            if self.ranks.count > 1:  # the checkpoint has the first one's generator alone
                self.rng.bit_generator.state = np.random.default_rng(
                    [e.seed, self.ranks.own, self.step]
                ).bit_generator.state

    def _assert_large_enough(self) -> None:
        """Mismatch for data in which no window has room."""
        e, (rows, cols) = self.experiment, self.main.shape
        windows = Batches(self.main, self.main.variables, e.batch, np.random.default_rng(0))
        least = max(e.batch.ratio, LEAST_SCALE)
        if windows.scale_high < least:
            usable = f", {self.main.usable.mean():.0%} of them known and not held out" * (not self.main.usable.all())
            raise Mismatch(
                f"{e.data}: {self.main.name} has {rows} x {cols} points{usable}; windows of {e.batch.patch} input "
                f"cells at x{least:g} need {windows.extent(least)} a side; pack a larger area, or take a smaller "
                "`patch` in [batch]"
            )

    @property
    def checkpoint(self) -> Path:
        """Where the run's state is kept."""
        return self.experiment.out / "checkpoint.pt"

    def _claim(self) -> None:
        """Refuse to go on in the folder of another run."""
        path = self.experiment.out / "run.json"
        mine = {"experiment": self.experiment.identity(), "data": digest(self.experiment.data)}
        mine = json.loads(json.dumps(mine))
        if not path.exists():
            path.write_text(json.dumps(mine, indent=2) + "\n")
            return
        theirs = json.loads(path.read_text())
        if theirs["data"] != mine["data"]:
            raise Mismatch(
                f"{self.experiment.out} was trained on another data file than {self.experiment.data}; "
                "give back the old file, or start in an empty `out`"
            )
        a, b = theirs["experiment"], mine["experiment"]
        changed = [k for k in b if a.get(k) != b[k]]
        if changed:
            raise Mismatch(
                f"{self.experiment.out} holds a run with other settings ({', '.join(changed)}); "
                "set them back, or start in an empty `out`"
            )

    @property
    def progress(self) -> float:
        """Share of the training that is done, 1 at its end."""
        e = self.experiment
        return min(max(self.step / e.steps, self.seconds / e.seconds if e.seconds else 0.0), 1.0)

    def save(self) -> None:
        """Write the checkpoint atomically, and the history beside it."""
        state = {
            "step": self.step,
            "seconds": self.seconds,
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "best": self.best,
            "optimiser": self.optimiser.state_dict(),
            "rng": json.dumps(self.rng.bit_generator.state),
            "history": self.history,
        }
        partial = self.checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self.checkpoint)
        (self.experiment.out / "history.json").write_text(json.dumps(self.history, indent=1) + "\n")

    def resume(self) -> None:
        """Go on from the checkpoint."""
        state = torch.load(self.checkpoint, weights_only=True, map_location=self.device)
        self.step, self.seconds, self.history = state["step"], state["seconds"], state["history"]
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.best = state["best"]
        self.optimiser.load_state_dict(state["optimiser"])
        self.rng.bit_generator.state = json.loads(state["rng"])

    def draw(self) -> Batch:
        """The next part of a step: of the main data set, or now and then of one of the others."""
        e = self.experiment
        batch = self.batches[e.drawn(list(self.batches), self.rng)].draw()
        if not e.statics:
            nothing = torch.zeros_like(batch.statics.known)
            batch = replace(batch, statics=batch.statics.without(nothing))
        return batch

    def train_step(self) -> Tensor:
        """One optimiser step; returns the loss, which stays on the device: to read it is to wait for it."""
        e = self.experiment
        rate = e.learning_rate * min(1.0, (self.step + 1) / e.warmup) * 0.5 * (1 + math.cos(math.pi * self.progress))
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        reduced = e.precision == "bfloat16"
        self.optimiser.zero_grad(set_to_none=True)
        total = torch.zeros((), device=self.device)
        for _ in range(e.batch.parts):
            batch = self.draw()
            with torch.autocast(batch.x.device.type, dtype=torch.bfloat16, enabled=reduced):
                loss = loss_of(self.model, batch, self.teacher) / e.batch.parts
            loss.backward()
            total += loss.detach()
        now = time.monotonic()
        gradients = [p.grad for p in self.trained if p.grad is not None]
        self.seconds, self._since = self.ranks.average(gradients, self.seconds + now - self._since), now
        torch.nn.utils.clip_grad_norm_(self.trained, CLIP)
        self.optimiser.step()
        self.step += 1
        decay = min(e.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for a, p in zip(self.average.parameters(), self.model.parameters(), strict=True):
                a.lerp_(p, 1 - decay)
        return total

    def score(self) -> float:
        """Of the average, by `validation`."""
        return self.validation.score(self.average)

    def run(self) -> None:
        """Train to the last step, with a line and a checkpoint every `report_every` steps.

        The average ends as it was at the report whose `score` was lowest, shrunk to what holds in `validation`.
        """
        e, losses = self.experiment, []
        if self.step == 0 and e.start is not None and self.ranks.first:
            self.report(math.nan)  # what it began with is what it ends as, if nothing better comes
        began = self._since = time.monotonic()
        first, from_ = self.step, self.progress
        while self.progress < 1:
            losses.append(self.train_step())
            done = time.monotonic() - began
            per_step = done / (self.step - first)
            if sys.stderr.isatty():
                left = done * (1 - self.progress) / max(self.progress - from_, 1e-9) / 60
                bar = "#" * int(30 * self.progress)
                print(f"\r{bar:.<30} step {self.step}, {left:.0f} min left ", end="", file=sys.stderr, flush=True)
            if (self.step % e.report_every == 0 or self.progress >= 1) and self.ranks.first:
                self.report(float(torch.stack(losses).mean()), f" ({per_step:.2f} s a step)")
                losses = []

    def report(self, loss: float, pace: str = "") -> None:
        """A line and a checkpoint; at the end of the run the average as it was best."""
        scale, ratio = self.validation.scales(self.validation.main)[0], self.validation.ratios(self.average)
        score = self.score()
        self.history.append({"step": self.step, "loss": loss, "ratio": ratio, "score": score})
        if score <= min(h["score"] for h in self.history):
            self.best = {k: v.clone() for k, v in self.average.state_dict().items()}
        if self.progress >= 1:
            self.average.load_state_dict(self.best)
            if isinstance(self.average, Downscaler):
                fit_shrinkage(self.average, self.validation.scenes())
                absent = [i for i, n in enumerate(self.statistics.names) if n not in self.main.fields]
                self.average.shrinkage[:, absent] = 0.0  # of these the network has heard nothing for long
        self.save()
        named = zip(self.statistics.names, ratio, strict=True)
        figures = " ".join(f"{n} {r:.3f}" for n, r in named if not math.isnan(r))
        print(
            f"step {self.step} ({self.progress:.0%}) loss {loss:.4f} "
            f"RMSE/interpolation x{scale:g}: {figures}; everywhere {score:.4f}{pace}",
            flush=True,
        )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("--seed", type=int, help="instead of the experiment's, and in a folder of its own")
    args = parser.parse_args()
    try:
        Trainer(Experiment.read(args.config).seeded(args.seed)).run()
    except (Mismatch, PackageError, FileNotFoundError) as error:
        parser.exit(2, f"{error}\n")


if __name__ == "__main__":
    main()
