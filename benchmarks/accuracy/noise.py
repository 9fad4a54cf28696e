"""Noise as an input of a network, trained by CRPS, against dressing: which knows better how far the truth lies.

    python -m benchmarks.accuracy.noise training.npz evaluation.npz PACKAGE --minutes 50 --smoother 0.5

A small convolutional network beside the frozen downscaler sees the field, the terrain, the scale of the package's
dressing and noise, and changes what dressing draws: its size, and by something of any shape. It begins as dressing and
is trained on two members a time with the almost fair CRPS (Lang et al. 2024, doi:10.48550/arXiv.2412.15832), of points
and of means over 2 x 2 and 4 x 4 of them. Boxes that score, and the validation box, are not among its windows.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.accuracy.dressing import SCALES, fine_power
from benchmarks.accuracy.operators import FINE, ROOT, within_limits
from models.downscaler import Downscaler
from models.dressing import AMOUNT, LENGTH, Dressing, logistic, noise
from models.geometry import mean_scale
from models.operator import Operator, Sampling
from models.package import ModelPackage
from models.statics import FINE_MARGIN, HEIGHT
from models.training.batches import Batch, Batches, BatchSettings
from models.training.data import EVERYWHERE, load
from models.training.scenes import box_scene
from tasks.combine.dressed import DRY

log = logging.getLogger(__name__)

RESULTS = ROOT / "benchmarks" / "results" / "noise.json"
WHITE = 4  # channels of noise beside each variable's own
HIDDEN = 48
FAIR = 0.95  # of 1, at which members that all but one agree in cost nothing
MEANS = (1, 2, 4)  # points a side
MEMBERS = 20
WINDOWS = BatchSettings(
    size=8, parts=1, queries=60, scale_low=2.0, scale_high=4.0, anisotropic=0.0, means=0.0, strides=(), sharp=0.0,
    steepened=0.0, drop_variable=0.0, alone=0.0, drop_static=0.0, clean=1.0,
)  # fmt: skip


@dataclass(frozen=True)
class Known:
    """What is known before noise is drawn: fields and scales (B, V, Qy, Qx), channels (B, C, Qy, Qx)."""

    field: Tensor
    scale: Tensor
    channels: Tensor
    magnification: float


class NoiseNetwork(nn.Module):
    """Known channels and noise -> an error of each variable in its scale; untrained, dressing's."""

    def __init__(self, variables: int) -> None:
        super().__init__()
        self.hidden = nn.Sequential(
            nn.Conv2d(channels(variables) + variables + WHITE, HIDDEN, 3, padding=1), nn.GELU(),
            nn.Conv2d(HIDDEN, HIDDEN, 3, padding=1), nn.GELU(), nn.Conv2d(HIDDEN, HIDDEN, 3, padding=1), nn.GELU(),
        )  # fmt: skip
        self.last = nn.Conv2d(HIDDEN, 2 * variables, 1)
        with torch.no_grad():
            for p in self.last.parameters():
                p.zero_()

    def forward(self, known: Tensor, drawn: Tensor, white: Tensor) -> Tensor:
        """Drawn (B, V, ...) logistic errors, white (B, WHITE, ...) unit normal."""
        size, shape = self.last(self.hidden(torch.cat([known, drawn, white], dim=1))).chunk(2, dim=1)
        found: Tensor = size.clamp(-3, 3).exp() * drawn + shape
        return found


def channels(variables: int) -> int:
    """Of what is known: each variable's scale and detail; rain's amount, height, land, place in the cell, octaves."""
    return 2 * variables + 5


@torch.no_grad()
def known_of(model: Downscaler, dressing: Dressing, s: Batch, limited: bool = False) -> Known:
    """The downscaled fields of windows or of a scene, and what noise is to be added to them with."""
    fine = (within_limits(model, s) if limited else model(s.x, s.present, s.statics, s.rows, s.cols, s.seen)).float()
    magnification, m = mean_scale(s.rows, s.cols), FINE_MARGIN
    statics = s.statics.fine[:, :, m:-m, m:-m].expand(len(fine), -1, -1, -1)
    scales, wet = torch.empty_like(fine), torch.zeros_like(fine[:, :1])
    parts: list[Tensor] = []
    for i, (name, its) in enumerate(model.statistics.variables.items()):
        if its.amount:
            fine[:, i].clamp_(min=0)
            wet = ((fine[:, i : i + 1] + AMOUNT).log() - math.log(AMOUNT)) / 4
        sigma = its.sigma(s.seen, magnification)
        for b, field in enumerate(fine[:, i]):
            height = statics[b, HEIGHT].numpy()
            size = dressing.scale(name, field.numpy(), height, s.rows, s.cols, sigma, its.amount)
            scales[b, i] = torch.from_numpy(size)
        there = s.present[:, i].view(-1, 1, 1, 1)
        parts += [
            (scales[:, i : i + 1] / sigma).log() * there,
            _detail(fine[:, i : i + 1], magnification) / sigma * there,
        ]
    away = [torch.from_numpy(np.sin(np.pi * (a.centres - np.round(a.centres))) ** 2).float() for a in (s.rows, s.cols)]
    place = (away[0][:, None] + away[1]).expand_as(wet)
    octaves = torch.full_like(wet, math.log2(magnification))
    high = _detail(statics[:, HEIGHT : HEIGHT + 1], magnification) / 200
    return Known(fine, scales, torch.cat([*parts, wet, high, statics[:, 1:2], place, octaves], dim=1), magnification)


def _detail(field: Tensor, magnification: float) -> Tensor:
    side = 2 * round(magnification)
    mean = field.mean(dim=(-2, -1), keepdim=True)  # of pascals float32 would lose what varies
    wide = F.pad(field - mean, (side,) * 4, mode="replicate")
    return field - mean - F.avg_pool2d(wide, 2 * side + 1, stride=1)


def drawn_for(known: Known, seeds: list[int]) -> tuple[Tensor, Tensor]:
    """Logistic errors (B, V, ...) as dressing draws them, and white noise; one seed a window."""
    _, variables, rows, cols = known.field.shape
    length = LENGTH * known.magnification
    own = [[logistic(noise(7919 * seed + v, 0, 0, rows, cols, length)) for v in range(variables)] for seed in seeds]
    white = [[noise(104729 * seed + w, 1 << 20, 0, rows, cols, 0.0) for w in range(WHITE)] for seed in seeds]
    return torch.from_numpy(np.array(own)), torch.from_numpy(np.array(white))


def member(known: Known, error: Tensor, amounts: list[int]) -> Tensor:
    """A field that is so many scales off; where there is no rain none is drawn."""
    found = known.field + known.scale * error
    wet = torch.zeros(found.shape[1], 1, 1, dtype=torch.bool)
    wet[amounts] = True
    return torch.where(wet, found.clamp(min=0) * (known.field >= DRY), found)


def almost_fair(first: Tensor, second: Tensor, truth: Tensor) -> Tensor:
    """CRPS of two members, each value's."""
    apart = ((first - truth).abs() + (second - truth).abs()) / 2
    return apart - (1 - (1 - FAIR) / 2) * (first - second).abs() / 2


def loss_of(
    network: NoiseNetwork, known: Known, s: Batch, sigmas: Tensor, amounts: list[int], seeds: list[int]
) -> Tensor:
    """Of windows, in residuals' standard deviations; a rim whose surroundings are not known is left out."""
    half = len(seeds) // 2
    both = [
        member(known, network(known.channels, *drawn_for(known, part)), amounts)
        for part in (seeds[:half], seeds[half:])
    ]
    rim, total = 6, torch.zeros(())
    weight = s.present[:, :, None, None] / sigmas
    for side in MEANS:
        fields = [F.avg_pool2d((f - known.field)[..., rim:-rim, rim:-rim], side) for f in (*both, s.target)]
        total = total + (almost_fair(*fields) * weight).mean()
    return total / len(MEANS)


def smoother_or_not(batches: Batches) -> Batch:
    """Windows of the data, or of a model that is smoother than it is said to be, as others are."""
    recipe, own = batches.recipe(), batches.dataset
    cell = own.cell * float(np.sqrt(np.prod(recipe.scales)))
    return replace(batches.draw(recipe), seen=Operator(Sampling.SAMPLES, own.footprint).on(cell))


def train(model: Downscaler, dressing: Dressing, args: argparse.Namespace) -> NoiseNetwork:
    """As long as there is time; keeps a moving average of the weights."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    names, its = model.statistics.names, list(model.statistics.variables.values())
    batches = Batches(load(args.training)["hres"], names, replace(WINDOWS, footprints=args.smoother), rng)
    amounts = [i for i, v in enumerate(its) if v.amount]
    network, average = NoiseNetwork(len(names)), NoiseNetwork(len(names))
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    began, step, total, plain = time.monotonic(), 0, 0.0, 0.0
    untrained = NoiseNetwork(len(names))
    while (share := (time.monotonic() - began) / (60 * args.minutes)) < 1:
        for group in optimiser.param_groups:
            group["lr"] = 1e-3 * min(1.0, (step + 1) / 100) * 0.5 * (1 + math.cos(math.pi * share))
        s = smoother_or_not(batches)
        known = known_of(model, dressing, s)
        sigmas = torch.tensor([v.sigma(s.seen, known.magnification) for v in its]).view(1, -1, 1, 1)
        seeds = [int(n) for n in rng.integers(1 << 40, size=2 * len(s.x))]
        loss = loss_of(network, known, s, sigmas, amounts, seeds)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        step += 1
        with torch.no_grad():
            for a, p in zip(average.parameters(), network.parameters(), strict=True):
                a.lerp_(p, 1 - min(0.998, (1 + step) / (10 + step)))
            total += float(loss)
            if step % 10 == 0:
                plain += float(loss_of(untrained, known, s, sigmas, amounts, seeds))
        if step % 250 == 0:
            log.info("step %d (%.0f %%): CRPS %.4f, of dressing %.4f", step, 100 * share, total / 250, plain / 25)
            total = plain = 0.0
            torch.save(average.state_dict(), args.weights)
    torch.save(average.state_dict(), args.weights)
    return average


@torch.no_grad()
def scores(model: Downscaler, network: NoiseNetwork, known: Known, s: Batch) -> dict[str, dict[str, Any]]:
    """By variable and way: fair CRPS over the field's absolute error, of points and means, spread over skill, power.

    And the rank histogram.
    """
    names, its = model.statistics.names, list(model.statistics.variables.values())
    amounts = [i for i, v in enumerate(its) if v.amount]
    ways: dict[str, list[Tensor]] = {"dressing": [], "noise": []}
    for seed in range(MEMBERS):
        own, white = drawn_for(known, [seed])
        ways["dressing"].append(member(known, own, amounts)[0])
        ways["noise"].append(member(known, network(known.channels, own, white), amounts)[0])
    out: dict[str, dict[str, Any]] = {}
    for i, name in enumerate(names):
        if not s.present[0, i]:
            continue
        truth, field = s.target[0, i].double(), known.field[0, i].double()
        line = out[name] = {"mae": float((truth - field).abs().mean())}
        for way, members in ways.items():
            some = torch.stack([m[i] for m in members]).double() - field
            for side in MEANS:
                found, exact = (F.avg_pool2d(f[None], side)[0] for f in (some, (truth - field)[None]))
                ordered = found.sort(dim=0).values
                rank = (2 * torch.arange(1, MEMBERS + 1) - MEMBERS - 1).view(-1, 1, 1)
                between = (rank * ordered).sum(dim=0) * 2 / (MEMBERS * (MEMBERS - 1))  # mean distance of two members
                crps = float(((found - exact).abs().mean(dim=0) - between / 2).mean())
                line[f"{way} x{side}"] = crps / float(exact.abs().mean())
            line[f"{way} ranks"] = ranks(some, truth - field)
            variance = some.var(dim=0).mean() * (1 + 1 / MEMBERS)
            error = ((some.mean(dim=0) - (truth - field)) ** 2).mean()
            line[f"{way} spread_skill"] = float((variance / error).sqrt())
            line[f"{way} power"] = fine_power((some[0] + field).numpy(), known.magnification) / fine_power(
                truth.numpy(), known.magnification
            )
    return out


def ranks(members: Tensor, truth: Tensor) -> list[float]:
    """Share of points at which so many members are below the truth, none to all; half of those that are equal count."""
    below = (members < truth).sum(dim=0) + (members == truth).sum(dim=0) // 2
    found: list[float] = (torch.bincount(below.flatten(), minlength=len(members) + 1) / below.numel()).tolist()
    return found


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("training", type=Path)
    parser.add_argument("evaluation", type=Path)
    parser.add_argument("package", type=Path)
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--smoother", type=float, default=0.5, help="share of windows of a smoother model")
    parser.add_argument("--weights", type=Path, default=Path("noise.pt"), help="kept, and used with --minutes 0")
    parser.add_argument("--results", type=Path, default=RESULTS)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    package = ModelPackage.open(args.package)
    model, dressing = package.load(), package.dressing
    if dressing is None:
        parser.error(f"{args.package} has no dressing: python -m models.training.dress")
    if args.minutes:
        network = train(model, dressing, args)
    else:
        network = NoiseNetwork(len(model.statistics.variables))
        network.load_state_dict(torch.load(args.weights, weights_only=True))
    out = {}
    for dataset in (s for s in load(args.evaluation, ()).values() if s.name in FINE):
        for scale in SCALES:
            found: dict[str, list[dict[str, Any]]] = {}
            for at in range(0, dataset.times, 6):
                s = box_scene(dataset, EVERYWHERE, at, model.statistics.names, scale, scale)
                for name, line in scores(model, network, known_of(model, dressing, s, True), s).items():
                    found.setdefault(name, []).append(line)
            for name, lines in found.items():
                mean = {k: np.mean([line[k] for line in lines], axis=0).tolist() for k in lines[0]}
                out[f"{dataset.name} x{scale:g} {name}"] = mean
                told = ", ".join(f"{k} {v:.3f}" for k, v in mean.items() if isinstance(v, float) and k != "mae")
                told += "".join(f", {k} {v[0]:.3f} .. {v[-1]:.3f}" for k, v in mean.items() if isinstance(v, list))
                print(f"{dataset.name} x{scale:g} {name}: {told}", flush=True)
    args.results.write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
