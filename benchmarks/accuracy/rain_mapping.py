"""Whether quantile mapping would make 24 h sums of rain better: fitted on one day, judged on another, against gauges.

    python -m benchmarks.accuracy.rain_mapping DATA     # prints the tables of docs/calibrate.md
    python -m benchmarks.accuracy.rain_mapping FILE.nc  # of an archive in the format of WFRT/verif, day after day

DATA: folder with test/hres_rain_2018 (ECMWF HRES, 0.1 degree) and stations/gauges_2018 (MICAPS diamond 3). Nothing is
written. Quantile mapping is the correction of rain that needs least data: a forecast that is exceeded as often as p
becomes what is observed to be exceeded as often as p (what it cannot do: Maraun 2013, doi:10.1175/JCLI-D-12-00821.1).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from tasks.errors import BadInput
from tasks.observations.blocks import BOX
from tasks.observations.moments import RESAMPLES, interval
from tasks.observations.networks.files import read_observations

THRESHOLDS = (10.0, 25.0, 50.0)  # mm in 24 h: moderate, large, storm rain as GB/T 28592-2012 has them
NEIGHBOURHOOD = 1.0  # degrees: shares of gauges above a threshold are compared in such boxes; four are a block
FEWEST_GAUGES = 3  # in a neighbourhood
FEWEST_EVENTS = 20  # gauges above a threshold: what scores say of fewer is chance
PAIRS = 12  # between two quantiles of a mapping: of fewer the highest ones follow single gauges
WARM_UP = 20  # days that only teach
FOLDS = 5  # of blocks, for mappings of the same day
DOMAINS = {"China": (0.0, 60.0, 70.0, 140.0), "around Hubei": (28.0, 35.0, 107.0, 118.0)}  # south, north, west, east


@dataclass(frozen=True)
class Mapping:
    """Quantiles of forecasts (k,) and of observations (k,), mm."""

    forecast: np.ndarray
    observed: np.ndarray

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Forecasts (n,) in mm as they would be observed; above the last quantile by the last one's difference.

        That is what Themessl et al. 2012, doi:10.1007/s10584-011-0224-4, do with new extremes; a factor has no bound.
        Of values that are forecast in several quantiles, nothing above all, the mean of what was observed there.
        """
        known, first = np.unique(self.forecast, return_index=True)
        parts = np.add.reduceat(self.observed, first) / np.diff(np.append(first, len(self.forecast)))
        above = np.maximum(values + parts[-1] - known[-1], 0.0)
        return np.where(values > known[-1], above, np.interp(values, known, parts))


def fitted(pairs: pd.DataFrame) -> Mapping:
    """Of pairs with columns forecast and observed, mm."""
    count = max(len(pairs) // PAIRS, 1)
    at = (np.arange(count) + 0.5) / count
    return Mapping(np.quantile(pairs["forecast"], at), np.quantile(pairs["observed"], at))


def read(data: Path) -> pd.DataFrame:
    """Every forecast at every gauge: columns run, lead, day, station, latitude, longitude, forecast, observed (mm)."""
    gauges = [read_observations(str(f)) for f in sorted((data / "stations/gauges_2018").glob("*.ascii"))]
    files = sorted((data / "test/hres_rain_2018").glob("*.nc"))
    if not gauges or not files:
        raise BadInput(f"{data}: has no stations/gauges_2018/*.ascii or no test/hres_rain_2018/*.nc")
    seen, parts = pd.concat(gauges), []
    for file in files:
        rain = xr.open_dataset(file)["APCP_24"]
        run, valid = (pd.to_datetime(rain.attrs[k], format="%Y%m%d_%H%M%S") for k in ("init_time", "valid_time"))
        if not (seen["time"] == valid).any():
            continue
        there = seen[seen["time"] == valid].drop_duplicates("station").reset_index(drop=True)
        at = {n: xr.DataArray(there[c], dims="gauge") for n, c in (("lat", "latitude"), ("lon", "longitude"))}
        found = there[["station", "latitude", "longitude"]].assign(
            lead=int((valid - run) / pd.Timedelta(hours=1)), day=valid.strftime("%m-%d"),
            forecast=rain.interp(at).values, observed=(there["value"] * 1000.0).round(1),
        )  # fmt: skip
        parts.append(found[np.isfinite(found["forecast"])])
    return pd.concat(parts, ignore_index=True)


def blocks(pairs: pd.DataFrame, side: float = BOX) -> np.ndarray:
    """Number of the box (n,) that each gauge is in."""
    row, col = (np.floor(pairs[c].to_numpy() / side).astype(int) for c in ("latitude", "longitude"))
    return row * 1000 + col


def mapped_apart(pairs: pd.DataFrame) -> np.ndarray:
    """Forecasts (n,) of one day, each mapped by pairs of the same day in other blocks."""
    _, block = np.unique(blocks(pairs), return_inverse=True)
    fold = np.random.default_rng(0).permutation(block.max() + 1)[block] % FOLDS
    out = np.full(len(pairs), np.nan)
    for k in range(FOLDS):
        out[fold == k] = fitted(pairs[fold != k])(pairs.loc[fold == k, "forecast"].to_numpy())
    return out


def sums(pairs: pd.DataFrame, forecast: np.ndarray) -> np.ndarray:
    """Sums of each block (blocks, 2 + 5 * thresholds), from which all scores follow."""
    observed = pairs["observed"].to_numpy()
    names, block = np.unique(blocks(pairs), return_inverse=True)
    neighbourhoods, of = np.unique(blocks(pairs, NEIGHBOURHOOD), return_inverse=True)
    enough = np.bincount(of) >= FEWEST_GAUGES
    home = np.zeros(len(neighbourhoods), int)
    home[of] = block
    columns = [np.ones(len(pairs)), (forecast - observed) ** 2, np.abs(forecast - observed)]
    found = [np.bincount(block, c, len(names)) for c in columns]
    for threshold in THRESHOLDS:
        predicted, happened = forecast >= threshold, observed >= threshold
        found += [np.bincount(block, c.astype(float), len(names)) for c in (predicted & happened, predicted, happened)]
        share_f, share_o = (np.bincount(of, c) / np.bincount(of) for c in (predicted, happened))
        for part in ((share_f - share_o) ** 2, share_f**2 + share_o**2):
            found.append(np.bincount(home, np.where(enough, part, 0.0), len(names)))
    return np.stack(found, axis=1)


def scores(total: np.ndarray) -> dict[str, np.ndarray]:
    """Of sums (..., columns): RMSE and MAE in mm (of one forecast CRPS is MAE), ETS, FSS of each threshold (...).

    ETS: Schaefer 1990, doi:10.1175/1520-0434(1990)005<0570:TCSIAA>2.0.CO;2. FSS: Roberts and Lean 2008,
    doi:10.1175/2007MWR2123.1, with shares of gauges in boxes in place of shares of grid points.
    """
    count = total[..., 0]
    out = {"RMSE": np.sqrt(total[..., 1] / count), "MAE": total[..., 2] / count}
    with np.errstate(invalid="ignore", divide="ignore"):
        for i, threshold in enumerate(THRESHOLDS):
            hits, predicted, happened, apart, most = np.moveaxis(total[..., 3 + 5 * i : 8 + 5 * i], -1, 0)
            chance = predicted * happened / count
            out[f"ETS {threshold:g}"] = (hits - chance) / (predicted + happened - hits - chance)
            out[f"FSS {threshold:g}"] = 1.0 - apart / most
    return out


@dataclass(frozen=True)
class Row:
    """One score of one test: raw, mapped, and the 95 % interval of what mapping changed."""

    score: str
    raw: float
    mapped: float
    low: float
    high: float

    @property
    def better(self) -> bool:
        """Beyond chance, by the interval alone."""
        return self.high < 0 if self.score in ("RMSE", "MAE") else self.low > 0

    @property
    def worse(self) -> bool:
        """Beyond chance."""
        return self.low > 0 if self.score in ("RMSE", "MAE") else self.high < 0


Way = Callable[[pd.DataFrame, pd.DataFrame], np.ndarray]
WAYS: dict[str, Way] = {
    "fitted on the other day": lambda mine, others: fitted(others)(mine["forecast"].to_numpy()),
    "fitted on other boxes of the same day": lambda mine, _: mapped_apart(mine),
}


def compared(days: list[pd.DataFrame], mapped: list[np.ndarray]) -> list[Row]:
    """All scores of some days together, a block being a box of a day as in tasks/calibrate/proof.py.

    The same blocks are drawn for both. Left out are thresholds that hardly any gauge has reached.
    """
    raw = np.concatenate([sums(d, d["forecast"].to_numpy()) for d in days])
    new = np.concatenate([sums(d, m) for d, m in zip(days, mapped, strict=True)])
    drawn = np.random.default_rng(0).multinomial(len(raw), np.full(len(raw), 1.0 / len(raw)), RESAMPLES).astype(float)
    at = [scores(b.sum(axis=0)) for b in (raw, new)]
    over = [scores(drawn @ b) for b in (raw, new)]
    seen = pd.concat(days)["observed"]
    rare = {f"{s} {t:g}" for t in THRESHOLDS if (seen >= t).sum() < FEWEST_EVENTS for s in ("ETS", "FSS")}
    kept = [n for n in at[0] if n not in rare]
    return [Row(n, float(at[0][n]), float(at[1][n]), *interval(over[1][n] - over[0][n])) for n in kept]


def tests(pairs: pd.DataFrame) -> Iterator[tuple[str, list[Row]]]:
    """Name and scores of each test of a domain: each day by itself, and all together."""
    for lead, of_lead in pairs.groupby("lead"):
        days = {str(d): p.reset_index(drop=True) for d, p in of_lead.groupby("day")}
        if len(days) < 2:
            continue
        for way, mapping in WAYS.items():
            mapped = {d: mapping(p, pd.concat([o for e, o in days.items() if e != d])) for d, p in days.items()}
            for day, mine in days.items():
                yield f"+{lead} h, {way}: {day}", compared([mine], [mapped[day]])
            yield f"+{lead} h, {way}: all days", compared(list(days.values()), list(mapped.values()))


def rolled(file: Path) -> Iterator[tuple[str, Row]]:
    """RMSE and MAE of each lead time of an archive: fcst and obs (time, lead time, place), one forecast a day.

    Each day is mapped by what had been observed the day before its run at the latest; days are drawn for the interval.
    """
    with xr.open_dataset(file, decode_timedelta=False) as ds:
        forecasts, observed, leads = ds["fcst"].values, ds["obs"].values, ds["leadtime"].values
    for i, lead in enumerate(leads):
        of_day = []
        for day in range(WARM_UP, len(forecasts)):
            past = pd.DataFrame(
                {"forecast": forecasts[: day - 1, i].ravel(), "observed": observed[: day - 1, i].ravel()}
            )
            now = pd.DataFrame({"forecast": forecasts[day, i], "observed": observed[day, i]}).dropna()
            mapped = fitted(past.dropna())(now["forecast"].to_numpy())
            errors = (now["forecast"] - now["observed"]).to_numpy(), mapped - now["observed"].to_numpy()
            of_day.append([len(now), *((e**2).sum() for e in errors), *(np.abs(e).sum() for e in errors)])
        sums_of = np.array(of_day, float)
        days = len(sums_of)
        drawn = np.random.default_rng(0).multinomial(days, np.full(days, 1.0 / days), RESAMPLES) @ sums_of
        for name, at, power in (("RMSE", 1, 0.5), ("MAE", 3, 1.0)):
            raw, new = ((sums_of[:, at + k].sum() / sums_of[:, 0].sum()) ** power for k in (0, 1))
            over = [(drawn[:, at + k] / drawn[:, 0]) ** power for k in (0, 1)]
            yield f"+{lead:g} h", Row(name, float(raw), float(new), *interval(over[1] - over[0]))


def main() -> None:
    """Command line."""
    if (file := Path(sys.argv[1])).is_file():
        for name, r in rolled(file):
            sign = "+" if r.better else "-" if r.worse else " "
            print(f"{name} {sign} {r.score:5s} {r.raw:6.3f} > {r.mapped:6.3f}  ({r.low:+.3f} to {r.high:+.3f})")
        return
    pairs = read(Path(sys.argv[1]))
    for domain, (south, north, west, east) in DOMAINS.items():
        inside = pairs["latitude"].between(south, north) & pairs["longitude"].between(west, east)
        print(f"\n{domain}: raw > mapped (95 % of the difference); + better, - worse beyond chance\n")
        for name, rows in tests(pairs[inside]):
            print(name)
            for r in rows:
                sign = "+" if r.better else "-" if r.worse else " "
                print(f"  {sign} {r.score:7s} {r.raw:7.3f} > {r.mapped:7.3f}  ({r.low:+.3f} to {r.high:+.3f})")


if __name__ == "__main__":
    main()
