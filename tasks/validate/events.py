"""Events: contingency tables of thresholds, and what follows from them. WMO-No. 485, Appendix 2.2.34."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from tasks.handover.candidates import Candidate
from tasks.handover.scorecard import EventScore
from tasks.validate.scored import UNITS, Sample

if TYPE_CHECKING:
    from scores.categorical import BasicContingencyManager

MM = 1e-3
# (variable, period) -> thresholds in SI
EVENTS = {
    ("wind_speed", 0.0): (5.0, 10.0, 15.0),
    ("tp", 6.0): (1 * MM, 5 * MM, 25 * MM),
    ("tp", 24.0): (1 * MM, 10 * MM, 50 * MM),
}


def _finite(value: xr.DataArray) -> float | None:
    number = float(value)
    return number if np.isfinite(number) else None


def contingency(forecast: np.ndarray, observed: np.ndarray, threshold: float) -> BasicContingencyManager:
    """Contingency table of the event "at or above the threshold"; its methods are the scores of library `scores`.

    forecast, observed (n,) in the threshold's unit. With hits a, false alarms b, misses c, and hits by chance
    r = (a + b)(a + c) / n: probability of detection a / (a + c), false alarm ratio b / (a + b), frequency bias
    (a + b) / (a + c), equitable threat score (a - r) / (a + b + c - r); not finite where a denominator is 0. NaN is no
    event on either side: leave missing pairs out first, as `samples` does. ValueError where lengths differ.

    Wilks 2019, chapter 9, doi:10.1016/C2017-0-03921-6; the equitable threat score: Schaefer 1990,
    doi:10.1175/1520-0434(1990)005<0570:TCSIAA>2.0.CO;2; thresholds: WMO-No. 485, Appendix 2.2.34.
    """
    from scores.categorical import BasicContingencyManager  # a second, which a run without observations does not need

    predicted, happened = forecast >= threshold, observed >= threshold
    counts = {
        "tp_count": (predicted & happened).sum(), "tn_count": (~predicted & ~happened).sum(),
        "fp_count": (predicted & ~happened).sum(), "fn_count": (~predicted & happened).sum(),
        "total_count": len(predicted),
    }  # fmt: skip
    return BasicContingencyManager({k: xr.DataArray(float(v)) for k, v in counts.items()})


def contingency_scores(sample: Sample, shown: list[Candidate]) -> Iterator[EventScore]:
    """Tables of a sample's thresholds for those of the candidates that are in it; none for other variables."""
    observed = sample.pairs["observed"].to_numpy()
    for threshold in EVENTS.get((sample.variable, sample.period), ()):
        for candidate in (c for c in shown if c in sample.candidates):
            # float32 forecasts, and observations in tenths: just below a threshold by rounding is at it
            edge = threshold * (1 - 1e-6)
            table = contingency(sample.pairs[candidate.name].to_numpy(), observed, edge)
            counts = {k: int(v) for k, v in table.get_counts().items()}
            yield EventScore(
                variable=sample.variable, period=sample.period, units=UNITS[sample.variable], threshold=threshold,
                candidate=candidate.name, hits=counts["tp_count"], misses=counts["fn_count"],
                false_alarms=counts["fp_count"], correct_negatives=counts["tn_count"],
                pod=_finite(table.probability_of_detection()), far=_finite(table.false_alarm_ratio()),
                ets=_finite(table.equitable_threat_score()), frequency_bias=_finite(table.frequency_bias()),
            )  # fmt: skip
