"""The numbers that turn fields into network inputs and network outputs into fields: stats.json of a package."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

AMOUNT_UNIT = 1e-4  # m: 0.1 mm, the smallest rain that a gauge reports; below it the input transform is linear


@dataclass(frozen=True)
class VariableStatistics:
    """One variable. `amount` marks a sum that is >= 0 and mostly 0 (precipitation).

    mean, std: of the transformed input. residual: (a, b) of sigma = a * scale ** b, the standard deviation of
    "truth - conservative bicubic" in the variable's unit, fitted over scales 1.5 to 8.
    """

    mean: float
    std: float
    residual: tuple[float, float]
    amount: bool = False

    def normalise(self, x: Tensor) -> Tensor:
        """Physical units -> about N(0, 1)."""
        if self.amount:
            x = torch.log1p(x.clamp(min=0) / AMOUNT_UNIT)
        return (x - self.mean) / self.std

    def sigma(self, scale: float) -> float:
        """Standard deviation of the residual at a scale factor (geometric mean of both axes)."""
        a, b = self.residual
        return float(a * max(scale, 1.0) ** b)


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
        data = {
            name: {"mean": s.mean, "std": s.std, "residual": list(s.residual), "amount": s.amount}
            for name, s in self.variables.items()
        }
        path.write_text(json.dumps(data, indent=2) + "\n")

    @classmethod
    def load(cls, path: Path) -> Statistics:
        """Read stats.json; KeyError or ValueError if it is not one."""
        data = json.loads(path.read_text())
        return cls(
            {
                name: VariableStatistics(
                    float(s["mean"]), float(s["std"]), (float(s["residual"][0]), float(s["residual"][1])), s["amount"]
                )
                for name, s in data.items()
            }
        )
