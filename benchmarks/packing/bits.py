"""Which bits of a field hold information, and what rounding to so many bits does to it."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import norm

from benchmarks.packing.fields import Fields
from tasks.store.packing import KEPT_BITS, MANTISSA, round_to

CONFIDENCE = 0.99
WET = 1e-5  # m: dry points share all their bits, which says nothing of the bits of rain
AREA = (20, 35)  # input cells: a province
SCALE = 2


def information(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Mutual information, bits, of each of 32 bit positions of float32 neighbours; 0 where chance would do as much.

    Klöwer et al. (2021), doi:10.1038/s43588-021-00156-2: the entropy that a binomial test at 99 % leaves to chance is
    cut off. `left` and `right` are of one shape.
    """
    a, b = (np.ascontiguousarray(f, "<f4").view(np.uint32).ravel() for f in (left, right))
    chance = 0.5 + norm.ppf(CONFIDENCE) / (2 * np.sqrt(a.size))
    free = 1 + chance * np.log2(chance) + (1 - chance) * np.log2(1 - chance)
    out = np.zeros(32)
    for i in range(32):
        at = np.uint32(31 - i)
        pairs = np.bincount((((a >> at) & 1) * 2 + ((b >> at) & 1)).astype(np.int64), minlength=4).reshape(2, 2)
        joint = pairs / a.size
        alone = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
        seen = joint > 0
        out[i] = (joint[seen] * np.log2(joint[seen] / alone[seen])).sum()
    out[out < free] = 0
    return out


def needed(info: np.ndarray, share: float) -> int:
    """Mantissa bits that hold that share of the information."""
    return max(int(np.argmax(np.cumsum(info) >= share * info.sum())) - 8, 0)


def neighbours(name: str, field: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Neighbours along longitude; of rain, those that are both wet."""
    left, right = field[..., :-1], field[..., 1:]
    if name != "tp":
        return left, right
    wet = (left > WET) & (right > WET)
    return left[wet], right[wet]


def _means(field: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Means of blocks, float64."""
    (h, w), (rows, cols) = size, field.shape
    cut = field[: rows // h * h, : cols // w * w].astype(np.float64)
    return cut.reshape(rows // h, h, cols // w, w).mean(axis=(1, 3))


def _rms(field: np.ndarray) -> np.ndarray:
    """Root mean square in each area."""
    return np.sqrt(_means(field**2, AREA))


def conservation(exact: np.ndarray, rounded: np.ndarray) -> np.ndarray:
    """Re-coarsening error that rounding alone makes, over the input's deviation, in each area that varies."""
    coarse = _means(exact, (SCALE, SCALE))
    gap = _rms(_means(rounded, (SCALE, SCALE)) - coarse)
    deviation = np.sqrt(np.maximum(_means(coarse**2, AREA) - _means(coarse, AREA) ** 2, 0))
    varies = deviation > 1e-6 * np.abs(coarse).max()
    return np.asarray(gap[varies] / deviation[varies])


def contour_shift(exact: np.ndarray, rounded: np.ndarray) -> float:
    """How far rounding moves a contour, in points: error over gradient; exceeded at one point in a hundred."""
    rows, cols = np.gradient(exact.astype(np.float64))
    slope = np.maximum(np.hypot(rows, cols), 1e-12)
    return float(np.percentile(np.abs(rounded.astype(np.float64) - exact) / slope, 99))


def effect(field: np.ndarray, kept: int) -> dict[str, float]:
    """Of rounding to so many bits."""
    rounded = round_to(field.copy(), kept)
    ratio = conservation(field, rounded)
    error = np.abs(rounded.astype(np.float64) - field)
    return {
        "bits": kept, "largest_error": float(error.max()), "rms_error": float(np.sqrt((error**2).mean())),
        "ratio_median": float(np.median(ratio)), "ratio_p99": float(np.percentile(ratio, 99)),
        "ratio_max": float(ratio.max()), "shift": contour_shift(field, rounded),
    }  # fmt: skip


def measure(fine: Fields, era5: Fields) -> dict[str, Any]:
    """By variable: information by bit, bits for 99 and 99.9 % of it, the effects of two bits less to one more."""
    out: dict[str, Any] = {}
    for name, kept in KEPT_BITS.items():
        info = information(*neighbours(name, fine[name]))
        record: dict[str, Any] = {"information": [round(float(i), 5) for i in info]}
        record |= {"99": needed(info, 0.99), "99.9": needed(info, 0.999)}
        if name in era5:
            other = information(*neighbours(name, era5[name]))
            record |= {"99_era5": needed(other, 0.99), "99.9_era5": needed(other, 0.999)}
        dry = (fine[name] > 0).sum() if name == "tp" else None
        rounded = round_to(fine[name].copy(), kept)
        assert dry is None or (rounded > 0).sum() == dry
        some = [n for n in (record["99"], kept - 2, kept - 1, kept, kept + 1) if n < MANTISSA]
        record["effects"] = [effect(fine[name], n) for n in dict.fromkeys(some)]
        out[name] = record
    assert (round_to(fine["d2m"].copy(), KEPT_BITS["d2m"]) <= round_to(fine["t2m"].copy(), KEPT_BITS["t2m"])).all()
    return out
