"""The numbers that turn fields into network inputs and network outputs into fields: stats.json of a package."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

VARIABLES = ("t2m", "d2m", "u10", "v10", "sp", "msl", "tp")  # what the shipped network is trained on, in its order
AMOUNTS = ("tp",)  # of them, sums that are >= 0 and mostly 0
HYDROSTATIC = ("sp",)  # pressures on the ground
AMOUNT_UNIT = 1e-4  # m: 0.1 mm, the smallest rain that a gauge reports; below it the input transform is linear


@dataclass(frozen=True)
class VariableStatistics:
    """One variable. `amount` marks a sum that is >= 0 and mostly 0 (precipitation).

    mean, std: of the transformed input. residual: (a, b) of sigma = a * scale ** b, the standard deviation of
    "truth - conservative bicubic" in the variable's unit, fitted over scales 1.5 to 8. low, high: smallest and
    largest value of the training set, the range that PSNR refers to. spread: standard deviation in the variable's unit.
    hydrostatic: a pressure on the ground, whose change with height is known.
    """

    mean: float
    std: float
    residual: tuple[float, float]
    amount: bool = False
    low: float = 0.0
    high: float = 1.0
    spread: float = 1.0
    hydrostatic: bool = False

    def normalise(self, x: Tensor) -> Tensor:
        """Physical units -> about N(0, 1)."""
        if self.amount:
            x = torch.log1p(x.clamp(min=0) / AMOUNT_UNIT)
        return (x - self.mean) / self.std

    def sigma(self, scale: float) -> float:
        """Standard deviation of the residual at a scale factor (geometric mean of both axes)."""
        a, b = self.residual
        return float(a * max(scale, 1.0) ** b)

    def disagreement(self, sample: Tensor) -> str | None:
        """What is wrong if values of this variable (any shape) cannot be from data like that of the statistics."""
        x = self.normalise(sample.double())
        mean, std = float(x.mean()), float(x.std())
        if abs(mean) > 2 or not 0.2 < std < 5:  # another continent or season passes, another unit or variable does not
            return f"normalised, its values have mean {mean:.3g} and standard deviation {std:.3g} instead of 0 and 1"
        return None


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
        return cls(
            {
                name: VariableStatistics(**{**s, "residual": (float(s["residual"][0]), float(s["residual"][1]))})
                for name, s in data.items()
            }
        )
