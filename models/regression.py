"""What a linear regression on terrain and coast says of the residual: the network learns what is not linear."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.operator import Sampling, Seen
from models.statics import STATICS

WIND_PREDICTORS = 4
POINT_TERMS, MEAN_TERMS = 5, 3
TERMS = POINT_TERMS + MEAN_TERMS


def predictor_count(variables: int) -> int:
    """Predictors of every variable: fine minus coarse statics, that times each variable's own rates, and the wind's."""
    return len(STATICS) * (1 + variables) + WIND_PREDICTORS


def offered(names: list[str], wind: tuple[str, str]) -> Tensor:
    """Which predictors each variable's regression may use, (V, P) bool: its own rates alone, and those of the wind.

    Another variable's rates are as good as its own where both are there, and leave a hole where that one is not.
    """
    v, s = len(names), len(STATICS)
    rates = torch.eye(v, dtype=torch.bool).repeat(1, s)  # statics outside, variables inside
    east, north = (torch.tensor([n == c for n in names])[:, None] for c in wind)
    slope = (east | north).expand(v, 2)
    return torch.cat([torch.ones(v, s, dtype=torch.bool), rates, slope, east, north], dim=1)


class StaticRegression(nn.Module):
    """Linear in fine minus coarse statics, that times the fields' own rates, and terrain's work on wind; from zero.

    The two-coefficient terrain regression, for height and land, with each variable's own rates; where every variable
    is there, with the rates of all of them.
    For wind: the slope that the coarse terrain lacks (air drains down it, or is led along it), and height above the
    coarse terrain times the wind (summits are windier than valleys). Fitted elsewhere, the slope alone takes 0.4 to
    9 % off the wind's error over Europe and Central Asia at x2.5 and x4. Every coefficient is a parabola of the octaves
    between input and target (a slope of 10 km does to wind at x2 what one of 40 km does not), one for samples, where it
    also depends on what the input's footprint hides, and one for cell means.
    """

    def __init__(self, variables: int) -> None:
        super().__init__()
        self.coefficients = nn.Parameter(torch.zeros(2, variables, TERMS, predictor_count(variables)))

    def forward(self, predictors: Tensor, whole: Tensor, seen: Seen, scale: float) -> Tensor:
        """Predictors (B, P, Qy, Qx) -> (B, V, Qy, Qx), both in residual sigmas of such an input at this scale.

        whole (B,): 1 where every variable is there, else 0.
        """
        terms = torch.tensor(operator_terms(seen, scale), device=predictors.device).view(1, 1, -1, 1)
        alone, together = (self.coefficients * terms).sum(dim=2)
        at_scale = torch.lerp(alone, together, whole[:, None, None].to(alone))
        return (at_scale @ predictors.flatten(2)).unflatten(2, predictors.shape[2:])


def operator_terms(seen: Seen, scale: float) -> list[float]:
    """What a coefficient's dependence on operator and scale is made of, (TERMS,): those of the other sampling are 0."""
    octaves, hidden = seen.detail(scale)
    middle = octaves / 1.5 - 1  # 0 amid scales 1 to 8
    if seen.sampling is Sampling.MEANS:
        return [*[0.0] * POINT_TERMS, 1.0, middle, middle**2]
    return [1.0, middle, middle**2, hidden, hidden * middle, *[0.0] * MEAN_TERMS]


class LeastSquares:
    """Sums of a regression's normal equations, batch by batch."""

    def __init__(self, predictors: int, variables: int) -> None:
        self.gram = torch.zeros(predictors, predictors, dtype=torch.float64)
        self.moment = torch.zeros(predictors, variables, dtype=torch.float64)
        self.square = torch.zeros(variables, dtype=torch.float64)

    def add(self, predictors: Tensor, target: Tensor, terms: list[float] | None = None) -> None:
        """Predictors (B, P, Qy, Qx), target (B, V, Qy, Qx); each predictor once for every one of `terms`, times it."""
        if self.gram.device != predictors.device:
            self.gram, self.moment, self.square = (
                t.to(predictors.device) for t in (self.gram, self.moment, self.square)
            )
        factors = torch.tensor(terms or [1.0], dtype=torch.float64, device=predictors.device)
        p = predictors.double().movedim(1, -1).flatten(0, 2)
        t = target.double().movedim(1, -1).flatten(0, 2)
        self.gram += torch.kron(torch.outer(factors, factors), p.T @ p)
        self.moment += torch.kron(factors[:, None], p.T @ t)
        self.square += (t * t).sum(dim=0)

    def solve(self, ridge: float = 1e-4, offered: Tensor | None = None) -> Tensor:
        """Coefficients (variables, predictors) float32; `ridge` in units of the mean square of each predictor.

        Those of predictors that are not `offered` (variables, predictors) to a variable are zero.
        """
        scale = self.gram.diagonal()
        scale = scale.clamp(min=max(1e-3 * float(scale.max()), 1e-12))  # a predictor that is always 0 gets 0
        gram = self.gram + ridge * scale.diag()
        if offered is None:
            return torch.linalg.solve(gram, self.moment).T.float().contiguous()
        out = torch.zeros_like(self.moment.T)
        for v, some in enumerate(offered.to(gram.device)):
            out[v, some] = torch.linalg.solve(gram[some][:, some], self.moment[some, v])
        return out.float()

    def left(self, coefficients: Tensor) -> Tensor:
        """Root of the share of each target's mean square that coefficients (V, P) leave, (V,) float32, at most 1."""
        c = coefficients.double()
        left = self.square - 2 * (c * self.moment.T).sum(dim=1) + ((c @ self.gram) * c).sum(dim=1)
        return (left / self.square).clamp(1e-4, 1).sqrt().float()
