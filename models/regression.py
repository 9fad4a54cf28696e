"""What a linear regression on terrain and coast makes of the residual: the network learns what is not linear."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.operator import Sampling, Seen

POINT_TERMS, MEAN_TERMS = 5, 3
TERMS = POINT_TERMS + MEAN_TERMS
# what a lead time brings, a variable: its own rates of change with height and from sea to land, what cubic
# interpolation adds to bilinear, its detail, itself
FIELDS = ("with height", "with land", "sharper", "detail", "itself")
SHARPER, DETAIL, ITSELF = 2, 3, 4
CONSTANT = len(FIELDS)
# of every variable: its own rate with height times fine minus coarse height, the same from sea to land; what cubic
# interpolation adds to bilinear, of the field and of the coarse height times its rate; what smoothing takes off, of the
# field and of coarse height and land times its rates. Of wind also the slope that the coarse terrain lacks, east and
# north, and its height times the wind. A predictor is one of the fields (or 1) times what terrain says of the place
FIELD_OF = (0, 1, SHARPER, 0, DETAIL, 0, 1, CONSTANT, CONSTANT, ITSELF)
PREDICTORS = len(FIELD_OF)


class StaticRegression(nn.Module):
    """Linear in what the input itself says of terrain and coast, and in terrain's work on wind; starts at zero.

    Rates of change are each field's own: those of one winter's night, fitted elsewhere, make another day worse, and
    another variable's rates leave a hole where that one is not there. How sharp an interpolation is best differs
    between a field's terrain part and the rest, which the rates tell apart. For wind: the slope that the coarse terrain
    lacks (air drains down it, or is led along it), and height above the coarse terrain times the wind (summits are
    windier than valleys). Every coefficient is a parabola of the octaves between input and target (a slope of 10 km
    does to wind at x2 what one of 40 km does not), one for samples, where it also depends on what the input's footprint
    hides, and one for cell means.
    """

    def __init__(self, variables: int) -> None:
        super().__init__()
        self.coefficients = nn.Parameter(torch.zeros(variables, TERMS, PREDICTORS))

    def at_scale(self, seen: Seen, scale: float) -> Tensor:
        """Each predictor's coefficient, (V, P), for such an input at this scale."""
        terms = torch.tensor(operator_terms(seen, scale), device=self.coefficients.device)[:, None]
        return (self.coefficients * terms).sum(dim=1)

    def weights(self, places: Tensor, seen: Seen, scale: float) -> Tensor:
        """What each of FIELDS, and 1, counts for at the queries: (B or 1, V, P, Qy, Qx) -> (B or 1, V, F + 1, Qy, Qx).

        places: what terrain says there, a predictor. All that is linear in what terrain alone decides is added up once,
        for all lead times.
        """
        b, v, _, *size = places.shape
        of_field = torch.tensor(FIELD_OF, device=places.device)
        weighted = places * self.at_scale(seen, scale)[:, :, None, None]
        return places.new_zeros(b, v, len(FIELDS) + 1, *size).index_add_(2, of_field, weighted)


def combined(weights: Tensor, fields: Tensor, mean: Tensor, wind: list[int]) -> Tensor:
    """What the regression says at the queries, (B, V, Qy, Qx), in the fields' units.

    weights (B or 1, V, F + 1, Qy, Qx) of `StaticRegression.weights`; fields (B, F, V, Qy, Qx), less their mean (B, V,
    1, 1). Only of wind does the field itself count.
    """
    out = weights[:, :, CONSTANT]
    for i in range(ITSELF):
        out = torch.addcmul(out, weights[:, :, i], fields[:, i])
    for i in wind:
        out[:, i] += weights[:, i, ITSELF] * (fields[:, ITSELF, i] + mean[:, i])
    return out


def operator_terms(seen: Seen, scale: float) -> list[float]:
    """What a coefficient's dependence on operator and scale is made of, (TERMS,): those of the other sampling are 0."""
    octaves, hidden = seen.detail(scale)
    middle = octaves / 1.5 - 1  # 0 amid scales 1 to 8
    if seen.sampling is Sampling.MEANS:
        return [*[0.0] * POINT_TERMS, 1.0, middle, middle**2]
    return [1.0, middle, middle**2, hidden, hidden * middle, *[0.0] * MEAN_TERMS]


class LeastSquares:
    """Sums of the variables' normal equations, batch by batch."""

    def __init__(self, variables: int, predictors: int) -> None:
        self.gram = torch.zeros(variables, predictors, predictors, dtype=torch.float64)
        self.moment = torch.zeros(variables, predictors, dtype=torch.float64)
        self.square = torch.zeros(variables, dtype=torch.float64)

    def add(self, predictors: Tensor, target: Tensor, known: Tensor, terms: list[float] | None = None) -> None:
        """Predictors (B, V, P, Qy, Qx), target (B, V, Qy, Qx), known (B, V) 1 or 0.

        Each predictor counts once for every one of `terms`, times it: first all of the first term.
        """
        factors = torch.tensor(terms or [1.0], dtype=torch.float64)
        p = (predictors * known[:, :, None, None, None]).double().movedim(1, 0).movedim(2, -1).flatten(1, 3)
        t = (target * known[:, :, None, None]).double().movedim(1, 0).flatten(1)
        gram, moment, square = p.mT @ p, (p.mT @ t[..., None])[..., 0], (t * t).sum(dim=1)
        self.gram += torch.kron(torch.outer(factors, factors), gram.cpu())
        self.moment += torch.kron(factors, moment.cpu())
        self.square += square.cpu()

    def solve(self, ridge: float = 1e-4) -> Tensor:
        """Coefficients (V, predictors) float32; `ridge` in units of the mean square of each predictor."""
        scale = self.gram.diagonal(dim1=1, dim2=2)
        # a predictor that is always 0 gets 0
        scale = torch.maximum(scale, (1e-3 * scale.amax(dim=1, keepdim=True)).clamp(min=1e-12))
        return torch.linalg.solve(self.gram + ridge * torch.diag_embed(scale), self.moment).float()

    def left(self, coefficients: Tensor) -> Tensor:
        """Root of the share of each target's mean square that coefficients (V, P) leave, (V,) float32, at most 1."""
        c = coefficients.double()
        explained = (c * (2 * self.moment - (self.gram @ c[..., None])[..., 0])).sum(dim=1)
        return (1 - explained / self.square.clamp(min=1e-12)).clamp(1e-4, 1).sqrt().float()
