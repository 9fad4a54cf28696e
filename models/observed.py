"""Fine fields as an observation operator sees them: what the input's values would be if the fields were true."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from models.geometry import Axis

OF_TERRAIN = 0.25  # what a difference from the input that goes with height counts


def reading_weights(source: Axis, count: int) -> np.ndarray:
    """Linear reading of fields on `source` (Q) at the input's points 0..count-1: (count, Q), 0 beyond the queries."""
    at = (np.arange(count) - source.centres[0]) / source.width
    inside = (at >= -1e-6) & (at <= len(source) - 1 + 1e-6)
    at = np.clip(at, 0, len(source) - 1)
    low = np.minimum(np.floor(at + 1e-9).astype(np.int64), max(len(source) - 2, 0))
    after = (at - low).clip(0)
    out = np.zeros((count, len(source)))
    rows = np.arange(count)
    out[rows, low] = 1 - after
    out[rows, np.minimum(low + 1, len(source) - 1)] += after
    return out * inside[:, None]


def upward_weights(target: Axis, count: int) -> np.ndarray:
    """Linear interpolation of points 0..count-1 at fine ones (Q): (Q, count); beyond the last point its value."""
    at = np.clip(np.asarray(target.centres, dtype=np.float64), 0, count - 1)
    low = np.minimum(np.floor(at + 1e-9).astype(np.int64), max(count - 2, 0))
    after = (at - low).clip(0, 1)
    out = np.zeros((len(at), count))
    rows = np.arange(len(at))
    out[rows, low] = 1 - after
    out[rows, np.minimum(low + 1, count - 1)] += after
    return out


class Observed:
    """Fine fields (..., fine rows, fine cols) -> their values on the input, where these can be told; in float64.

    rows, cols: weights (height, fine rows) and (width, fine cols); `inside` them they sum to 1.
    """

    def __init__(self, rows: np.ndarray, cols: np.ndarray, inside: tuple[np.ndarray, np.ndarray]) -> None:
        self.inside_rows, self.inside_cols = inside
        self._rows, self._cols = (sparse.csr_array(w[i]) for w, i in zip((rows, cols), inside, strict=True))

    def __call__(self, fine: np.ndarray) -> np.ndarray:
        """(..., fine rows, fine cols) -> (..., rows, cols) of those inside, float64."""
        return both_axes(self._rows, fine, self._cols)

    def select(self, coarse: np.ndarray) -> np.ndarray:
        """The inside of a field on the input: (..., height, width) -> (..., rows, cols) of those inside, float64."""
        return coarse[..., self.inside_rows, :][..., self.inside_cols].astype(np.float64)

    def gap(self, fine: np.ndarray, coarse: np.ndarray) -> np.ndarray:
        """The input minus what the fine field would have given, where that can be told."""
        return self.select(coarse) - self(fine)

    def error(self, fine: np.ndarray, coarse: np.ndarray) -> float:
        """Observation error, sqrt(mean((H f - x)^2)) / std(x), of the operator H on fine fields f and input x.

        fine (..., fine rows, fine cols), coarse (..., height, width), in one unit -> a share of the input's deviation;
        0 if nothing is inside or nothing varies, NaN if anything inside is NaN. ValueError where shapes do not go
        together. Of cell means: what a user finds who averages a product back; that it be nothing is the constraint of
        Harder et al. 2023 (JMLR 24), doi:10.48550/arXiv.2208.05424.
        """
        wanted = self.select(coarse)
        if wanted.size == 0 or wanted.std() == 0:
            return 0.0
        return float(np.sqrt(((self(fine) - wanted) ** 2).mean()) / wanted.std())


class PointReadings(Observed):
    """Fine fields read linearly at the input's points: what samples are, MIR's default."""

    def __init__(self, rows: Axis, cols: Axis, height: int, width: int) -> None:
        weights = reading_weights(rows, height), reading_weights(cols, width)
        inside = (np.asarray(weights[0].any(axis=1)), np.asarray(weights[1].any(axis=1)))
        super().__init__(*weights, inside)
        self._up = sparse.csr_array(upward_weights(rows, height)), sparse.csr_array(upward_weights(cols, width))

    def beyond(self, fine: np.ndarray, coarse: np.ndarray) -> np.ndarray:
        """By how much fine fields read are above the input, brought to the fine points linearly and read alike.

        Where points of the two grids do not meet, reading alone smooths: at 0.2 of 0.25 degree by a third of a shower's
        deviation, whatever the fine field is. That is no error of a product.
        """
        return self(fine) - self(both_axes(self._up[0], coarse, self._up[1]))

    def error(
        self, fine: np.ndarray, coarse: np.ndarray, higher: np.ndarray | None = None, steepest: float | None = None
    ) -> float:
        """As `Observed.error`, by `beyond`.

        `higher`, `beyond` of heights in m: of what goes with it linearly, by one factor for the whole field, so much a
        metre as `steepest` counts nothing, and all above. A product on its own terrain has to be colder where that is
        higher than the input's model has it; ten times colder it may not be. None: nobody knows how steep the variable
        can be, and it counts a quarter.
        """
        spread = float(self.select(coarse).std()) if self.inside_rows.any() and self.inside_cols.any() else 0.0
        if spread == 0:
            return 0.0
        beyond = self.beyond(fine, coarse)
        whole = float(np.sqrt((beyond**2).mean()) / spread)
        if higher is None or not higher.any():
            return whole
        factor = float((beyond * higher).sum() / (higher**2).sum())
        taken = factor if steepest is None else min(max(factor, -steepest), steepest)
        rest = float(np.sqrt(((beyond - taken * higher) ** 2).mean()) / spread)
        return max(rest, OF_TERRAIN * whole) if steepest is None else rest


def both_axes(rows: sparse.csr_array, fields: np.ndarray, cols: sparse.csr_array) -> np.ndarray:
    """Weights of both axes on (..., H, W), in float64: sparse, since a cell has a share in two or three others."""
    one = lambda field: (cols @ (rows @ field.astype(np.float64)).T).T  # noqa: E731
    if fields.ndim == 2:
        return np.ascontiguousarray(one(fields))
    flat = fields.reshape(-1, *fields.shape[-2:])
    return np.stack([one(f) for f in flat]).reshape(*fields.shape[:-2], rows.shape[0], cols.shape[0])
