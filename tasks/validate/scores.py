"""Scores of pairs: pooled with intervals, by lead time, by station; skill; contingency tables; case studies.

Method: WMO-No. 485, Appendix 2.2.34. All candidates of a variable are scored on one and the same sample.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from scores.categorical import BasicContingencyManager

from tasks.handover.candidates import ALL, APART, CASES, FAR, HEADLINE, NEAR, Candidate, baselines, candidates, headline
from tasks.handover.scorecard import CaseStudy, EventScore, Skill, StationScore
from tasks.validate.moments import Moments, errors, interval, moments, resampled_rmse

UNITS = {
    "t2m": "K", "d2m": "K", "sp": "Pa", "msl": "Pa", "tp": "m", "wind_speed": "m s-1", "wind_vector": "m s-1",
    "wind_direction": "degree",
}  # fmt: skip
ENOUGH = 0.9  # of a station's reports: with fewer it does not count (WMO-No. 485)
BOX = 2.0  # degrees: a day's errors in one box are one block of the bootstrap
FEWEST_BLOCKS = 10  # with fewer, a station's day is a block
MM = 1e-3
# (variable, period) -> thresholds in SI
EVENTS = {
    ("wind_speed", 0.0): (5.0, 10.0, 15.0),
    ("tp", 6.0): (1 * MM, 5 * MM, 25 * MM),
    ("tp", 24.0): (1 * MM, 10 * MM, 50 * MM),
}


@dataclass(frozen=True)
class Sample:
    """Pairs of one variable and period without missing values, and the forecasts that are scored on them."""

    variable: str
    period: float
    pairs: pd.DataFrame
    candidates: list[Candidate]

    @property
    def angular(self) -> bool:
        """Whether errors wrap at 180 degrees."""
        return self.variable == "wind_direction"

    @property
    def correlated(self) -> bool:
        """Whether a correlation means anything."""
        return self.variable not in ("wind_direction", "wind_vector")

    def of_group(self, group: str) -> Sample:
        """The pairs of a group of heights; of stations without a known height there are only those of ALL."""
        here = in_group(self.pairs["above"], group)
        return self if here.all() else Sample(self.variable, self.period, self.pairs[here], self.candidates)

    def moments(self, candidate: Candidate, groups: np.ndarray, size: int) -> Moments:
        """Sums of a candidate's errors by group."""
        forecast, observed = self.pairs[candidate.name].to_numpy(), self.pairs["observed"].to_numpy()
        return moments(forecast, observed, groups, size, self.angular)


def in_group(above: pd.Series, group: str) -> np.ndarray:
    """Which stations belong to a group by their height above the product's terrain."""
    away = np.abs(above.to_numpy())
    match group:
        case "all":
            return np.ones(len(away), dtype=bool)
        case "within 100 m":
            return away <= NEAR
        case "100 to 300 m":
            return (away > NEAR) & (away <= FAR)
        case _:
            return away > FAR


def reporting(pairs: pd.DataFrame, complete: bool = True) -> np.ndarray:
    """Which pairs are of stations that sent at least 90 % of their reports of the variable, at these valid times.

    A station that never reports at some hour of the day owes none at that hour; while more is expected (not
    `complete`), none after its last. Of wind, reports of speed are counted: a direction is given only with some wind.
    """
    keep = np.zeros(len(pairs), dtype=bool)
    names = pairs["variable"].mask(pairs["variable"].str.startswith("wind"), "wind_speed")
    for (name, period), every in pairs.groupby([names, pairs["period"]], sort=False):
        found = every[every["variable"] == name] if name == "wind_speed" else every
        good = _faithful(found, complete)
        here = (names == name) & (pairs["period"] == period) & pairs["station"].isin(good)
        keep |= here.to_numpy()
    return keep


def _faithful(found: pd.DataFrame, complete: bool) -> pd.Index:
    """Stations that sent enough of the reports of one variable and period."""
    reports = pd.DataFrame({"station": found["station"].to_numpy(), "time": found["time"].to_numpy()})
    reports["hour"] = reports["time"].dt.hour
    usual = reports[["station", "hour"]].drop_duplicates()
    times = reports[["time", "hour"]].drop_duplicates("time")
    last = reports.groupby("station", observed=True)["time"].max()
    owed = usual.merge(times, on="hour")
    if not complete:
        owed = owed[owed["time"] <= owed["station"].map(last)]
    share = reports.groupby("station", observed=True).size() / owed.groupby("station", observed=True).size()
    return share.index[share >= ENOUGH]


def samples(pairs: pd.DataFrame) -> Iterator[Sample]:
    """One a variable and period. Candidates without any value are left out, rows without all others too."""
    for (variable, period), found in pairs.groupby(["variable", "period"], sort=False):
        named = [c for c in candidates(str(variable)) if c.name in found and found[c.name].notna().any()]
        there = np.logical_and.reduce([found[c.name].notna().to_numpy() for c in named] or [[False]])
        if there.any():
            whole = found if there.all() else found[there]
            yield Sample(str(variable), float(str(period)), whole, named)


def blocks(pairs: pd.DataFrame) -> tuple[np.ndarray, int]:
    """Blocks of the bootstrap: errors of one day within 2 degrees, which are not independent; fewer: of one station."""
    day = pairs["time"].dt.floor("D").astype("int64").to_numpy()
    row, col = (np.floor(pairs[c].to_numpy() / BOX).astype(np.int64) for c in ("latitude", "longitude"))
    codes, names = pd.factorize(pd.Series(day // 86_400_000_000_000 * 1_000_000 + (row + 90) * 1000 + col + 180))
    if len(names) < FEWEST_BLOCKS:
        station = pd.factorize(pairs["station"])[0].astype(np.int64)
        codes, names = pd.factorize(pd.Series(day // 86_400_000_000_000 * 100_000_000 + station))
    return codes, len(names)


def _pooled(sample: Sample, group: str) -> tuple[list[StationScore], np.ndarray]:
    """Scores of every candidate, and their resampled RMSE (RESAMPLES, candidates)."""
    codes, size = blocks(sample.pairs)
    each = [sample.moments(c, codes, size) for c in sample.candidates]
    drawn = resampled_rmse(np.stack([m.squared for m in each]), each[0].count)
    stations = int(sample.pairs["station"].nunique())
    rows = []
    for i, candidate in enumerate(sample.candidates):
        total = each[i].pooled
        r = float(total.correlation[0])
        low, high = interval(drawn[:, i])
        rows.append(
            StationScore(
                variable=sample.variable, period=sample.period, units=UNITS[sample.variable],
                candidate=candidate.name, group=group, count=int(total.count[0]), stations=stations,
                bias=digits(total.bias[0]), mae=digits(total.mae[0]), rmse=digits(total.rmse[0]),
                correlation=digits(r) if sample.correlated and np.isfinite(r) else None, low=digits(low),
                high=digits(high),
            )
        )  # fmt: skip
    return rows, drawn


def skill(rows: list[StationScore], drawn: np.ndarray, ours: Candidate, others: list[Candidate]) -> Skill | None:
    """Skill score in RMSE, 1 - RMSE(ours) / RMSE(best), against the others' best; 1 is perfect, below 0 is worse.

    rows: scores of one sample, one a candidate. drawn (RESAMPLES, candidates), in the order of rows: their RMSE, on the
    same resampled blocks for all, whose ratios give the 95 % interval `low` to `high`. The best is chosen on this very
    sample and kept in the resampling, so the interval does not know of the choice. None if ours or all others have no
    score, or if the best has no error. Raises nothing.

    Murphy 1988, doi:10.1175/1520-0493(1988)116<2417:SSBOTM>2.0.CO;2, there of mean squares: 1 - (1 - s)^2.
    """
    index = {row.candidate: i for i, row in enumerate(rows)}
    there = [c for c in others if c.name in index]
    if ours.name not in index or not there:
        return None
    mine, best = rows[index[ours.name]], min((rows[index[c.name]] for c in there), key=lambda r: r.rmse)
    if best.rmse == 0:
        return None
    resampled = 1.0 - drawn[:, index[ours.name]] / np.maximum(drawn[:, index[best.candidate]], 1e-30)
    low, high = interval(resampled)
    return Skill(
        **mine.model_dump(include={"variable", "period", "units", "group", "count", "stations"}),
        product=mine.rmse, best=best.candidate, baseline=best.rmse, skill=digits(1.0 - mine.rmse / best.rmse),
        low=digits(low), high=digits(high),
    )  # fmt: skip


def digits(value: float) -> float:
    """Six of them: what is more is noise, and every reader of a product would fetch it."""
    return float(f"{value:.6g}")


@dataclass(frozen=True)
class Scores:
    """All that is known of pairs, but for single lead times and stations."""

    scores: list[StationScore]
    skill: list[Skill]  # against the best baseline
    judged: list[Skill]  # against bilinear interpolation brought to the station's height where that is done
    events: list[EventScore]
    cases: list[CaseStudy]


def score(pairs: pd.DataFrame) -> Scores:
    """Pooled scores of all candidates for all groups of heights.

    pairs: columns of tasks/handover/candidates.py and one a candidate, SI, NaN where there is none. Errors are forecast
    minus observed: bias, mean absolute error, root mean square error, Pearson's correlation (`tasks.validate.moments`).
    A row counts if every candidate has a value, so that all are scored on one sample. Without pairs there are no rows.
    """
    out = Scores([], [], [], [], [])
    for sample in samples(pairs):
        ours = headline(sample.variable)
        if ours not in sample.candidates:  # no heights are known
            ours = Candidate("product", "bilinear")
        for group in (HEADLINE, APART, CASES, ALL):
            part = sample.of_group(group)
            if part.pairs.empty:
                continue
            rows, drawn = _pooled(part, group)
            out.scores.extend(rows)
            if (best := skill(rows, drawn, ours, baselines(sample.variable))) is not None:
                out.skill.append(best)
            reference = Candidate("input", ours.method, ours.height)
            if (judged := skill(rows, drawn, ours, [reference])) is not None:
                out.judged.append(judged)
        out.events.extend(_events(sample, [ours, *baselines(sample.variable)]))
        out.cases.extend(_cases(sample.of_group(CASES), ours))
    return out


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
    predicted, happened = forecast >= threshold, observed >= threshold
    counts = {
        "tp_count": (predicted & happened).sum(), "tn_count": (~predicted & ~happened).sum(),
        "fp_count": (predicted & ~happened).sum(), "fn_count": (~predicted & happened).sum(),
        "total_count": len(predicted),
    }  # fmt: skip
    return BasicContingencyManager({k: xr.DataArray(float(v)) for k, v in counts.items()})


def _events(sample: Sample, shown: list[Candidate]) -> Iterator[EventScore]:
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


def _cases(sample: Sample, ours: Candidate) -> Iterator[CaseStudy]:
    for station, found in sample.pairs.groupby("station", observed=True, sort=True):
        error = errors(found[ours.name].to_numpy(), found["observed"].to_numpy(), sample.angular)
        first = found.iloc[0]
        yield CaseStudy(
            station=str(station), latitude=float(first["latitude"]), longitude=float(first["longitude"]),
            elevation=float(first["elevation"]), above=float(first["above"]), variable=sample.variable,
            period=sample.period, count=len(found), bias=digits(error.mean()),
            rmse=digits(np.sqrt((error**2).mean())),
        )  # fmt: skip


def tabulate(pairs: pd.DataFrame, pooled: list[StationScore]) -> pd.DataFrame:
    """Every score as a table: pooled, by lead time and by station; what the region's rolling table keeps.

    Columns: by (pooled, lead time, station), lead_hours, station, variable, period, units, candidate, group, count,
    stations, bias, mae, rmse, correlation, low, high.
    """
    parts = [pd.DataFrame([s.model_dump() for s in pooled]).assign(by="pooled")] if pooled else []
    for sample in samples(pairs):
        for group in (HEADLINE, ALL):
            part = sample.of_group(group)
            if part.pairs.empty:
                continue
            for by, column in (("lead time", "lead_hours"), ("station", "station")):
                codes, names = pd.factorize(part.pairs[column], sort=True)
                for candidate in part.candidates:
                    found = part.moments(candidate, codes, len(names))
                    parts.append(
                        pd.DataFrame(
                            {
                                "by": by, column: np.asarray(names), "variable": part.variable,
                                "period": part.period, "units": UNITS[part.variable], "candidate": candidate.name,
                                "group": group, "count": found.count, "bias": found.bias, "mae": found.mae,
                                "rmse": found.rmse,
                                "correlation": found.correlation if part.correlated else np.nan,
                            }
                        )
                    )  # fmt: skip
    columns = {
        "by": "str", "lead_hours": "float64", "station": "str", "variable": "str", "period": "float64", "units": "str",
        "candidate": "str", "group": "str", "count": "int64", "stations": "float64", "bias": "float64",
        "mae": "float64", "rmse": "float64", "correlation": "float64", "low": "float64", "high": "float64",
    }  # fmt: skip
    joined = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return joined.reindex(columns=list(columns)).astype(columns)
