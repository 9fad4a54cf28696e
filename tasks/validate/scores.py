"""Scores of pairs: pooled with intervals, by lead time, by station; skill; case studies. Events: events.py.

Method: WMO-No. 485, Appendix 2.2.34. All candidates of a variable are scored on one and the same sample.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tasks.handover.candidates import ALL, APART, CASES, HEADLINE, Candidate, baselines, headline
from tasks.handover.scorecard import CaseStudy, EventScore, Skill, StationScore
from tasks.observations.blocks import blocks
from tasks.observations.moments import errors, interval, resampled_rmse
from tasks.validate.events import contingency_scores
from tasks.validate.scored import UNITS, Sample, samples

ENOUGH = 0.9  # of a station's reports: with fewer it does not count (WMO-No. 485)


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
    minus observed: bias, mean absolute error, root mean square error, Pearson's correlation
    (`tasks.observations.moments`). A row counts if every candidate has a value, so that all are scored on one sample.
    Without pairs there are no rows.
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
        out.events.extend(contingency_scores(sample, [ours, *baselines(sample.variable)]))
        out.cases.extend(_cases(sample.of_group(CASES), ours))
    return out


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
