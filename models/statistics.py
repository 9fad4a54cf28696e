"""The numbers that turn fields into network inputs and network outputs into fields: stats.json of a package."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from models.operator import Sampling, Seen

if TYPE_CHECKING:
    from torch import Tensor

VARIABLES = ("t2m", "d2m", "u10", "v10", "sp", "msl", "tp")  # what the shipped network is trained on, in its order
AMOUNTS = ("tp",)  # of them, sums that are >= 0 and mostly 0
HYDROSTATIC = ("sp",)  # pressures on the ground
FOUR = Seen(Sampling.SAMPLES, 0.25, 0.25)
OCTAVES, HIDDEN = (-0.75, 3.75), 2.5  # range of `Seen.detail` that residuals are fitted to
AMOUNT_UNIT = 1e-4  # m: 0.1 mm, the smallest rain that a gauge reports; below it the input transform is linear


@dataclass(frozen=True)
class VariableStatistics:
    """One variable. `amount` marks a sum that is >= 0 and mostly 0 (precipitation).

    mean, std: of the transformed input. residual: by sampling, coefficients of the logarithm of sigma, the standard
    deviation of "truth - interpolation" in the variable's unit, over `residual_terms`. low, high: smallest and
    largest value of the training set, the range that PSNR refers to. spread: standard deviation in the variable's unit.
    hydrostatic: a pressure on the ground, whose change with height is known.
    """

    mean: float
    std: float
    residual: dict[str, list[float]]
    amount: bool = False
    low: float = 0.0
    high: float = 1.0
    spread: float = 1.0
    hydrostatic: bool = False

    def normalise(self, x: Tensor) -> Tensor:
        """Physical units -> about N(0, 1)."""
        if self.amount:
            x = (x.clamp(min=0) / AMOUNT_UNIT).log1p()
        return (x - self.mean) / self.std

    def sigma(self, seen: Seen, scale: float) -> float:
        """Standard deviation of the residual at a scale factor (geometric mean of both axes), for such an input."""
        terms = residual_terms(*seen.detail(scale))
        return math.exp(sum(c * t for c, t in zip(self.residual[seen.sampling], terms, strict=True)))

    @property
    def typical(self) -> float:
        """Sigma for samples of a field four times as fine."""
        return self.sigma(FOUR, 4.0)

    def disagreement(self, sample: Tensor, part: bool = False) -> str | None:
        """What is wrong if values of this variable (any shape) cannot be from data like that of the statistics.

        `part`: of a province on a day, whose values may be all alike, and far from the mean of the world.
        """
        x = self.normalise(sample.double())
        mean, std = float(x.mean()), float(x.std())
        most, least = (4.0, 0.0) if part else (2.0, 0.2)
        # another continent or season passes, another unit or variable does not
        if abs(mean) > most or not least <= std < 5:
            return f"normalised, its values have mean {mean:.3g} and standard deviation {std:.3g} instead of 0 and 1"
        return None


def residual_terms(octaves: float, hidden: float) -> list[float]:
    """What the logarithm of a residual's sigma is linear in; arguments are kept to what was fitted."""
    a, b = min(max(octaves, OCTAVES[0]), OCTAVES[1]), min(hidden, HIDDEN)
    return [1.0, a, a * a, b, b * b, a * b]


@dataclass(frozen=True)
class Statistics:
    """Statistics of every variable, in the network's order."""

    variables: dict[str, VariableStatistics]

    @property
    def names(self) -> list[str]:
        """Variables in the network's order."""
        return list(self.variables)

    def save(self, path: Path) -> None:
        """Write stats.json."""
        path.write_text(json.dumps({name: asdict(s) for name, s in self.variables.items()}, indent=2) + "\n")

    @classmethod
    def load(cls, path: Path) -> Statistics:
        """Read stats.json; KeyError, TypeError or ValueError if it is not one."""
        data = json.loads(path.read_text())
        return cls({name: VariableStatistics(**s) for name, s in data.items()})
