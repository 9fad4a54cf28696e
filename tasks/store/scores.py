"""A region's rolling table: every score of every verified cycle, one Parquet file a cycle; its history, and drift.

{store}/{region}/scores/{source}/{cycle}.parquet     opens as one table with any Parquet reader
"""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pydantic import BaseModel

from tasks.handover.candidates import ALL, HEADLINE, Candidate, baselines, headline
from tasks.handover.cycle import Cycle
from tasks.storage import join, names_in, read_all, remove, write_parquet
from tasks.store.paths import scores_folder, scores_uri

if TYPE_CHECKING:
    import pandas as pd

POOLED = "pooled"
RECENT = timedelta(days=7)  # what is held against the range
RANGE = timedelta(days=90)
STALE = timedelta(days=30)
ENOUGH = 20  # cycles in the range, below which it says nothing
TOP = 0.95  # quantile that ends the range: one cycle in twenty is above


class Recent(BaseModel):
    """One variable over many cycles: the product's scores and the best baseline's."""

    variable: str
    period: float
    units: str
    cycles: int
    count: int
    bias: float
    rmse: float
    best: str | None  # candidate
    baseline: float | None  # its RMSE


def _plain(time: datetime) -> datetime:
    """UTC without zone, as tables have it."""
    return time.astimezone(UTC).replace(tzinfo=None)


def write_scores(store: str, region: str, cycle: Cycle, revision: int, complete: bool, table: pd.DataFrame) -> None:
    """Put a cycle's scores into the table, in the place of those that were there."""
    import pandas as pd

    time = pd.Timestamp(cycle.time.replace(tzinfo=None)).as_unit("ns")
    head = {"region": region, "source": cycle.source, "cycle": time, "revision": revision, "complete": complete}
    rows = pd.DataFrame({k: [v] * len(table) for k, v in head.items()}).join(table.reset_index(drop=True))
    write_parquet(rows, scores_uri(store, region, cycle))


def remove_scores(store: str, region: str, cycle: Cycle) -> None:
    """Take a cycle out of the table: what was refused is no measure for others."""
    remove(scores_uri(store, region, cycle))


def are_scored(store: str, region: str, source: str, now: datetime) -> bool:
    """Whether there are scores of cycles that began before now, of those that `read_scores` reads."""
    return bool(_files(store, region, source, now, RANGE))


def _files(store: str, region: str, source: str, now: datetime, within: timedelta) -> list[str]:
    folder = scores_folder(store, region, source)
    since = Cycle(source=source, time=now - within).stamp
    until = Cycle(source=source, time=now).stamp
    names = [n for n in names_in(folder) if n.endswith(".parquet") and since <= n.removesuffix(".parquet") < until]
    return [join(folder, n) for n in names]


def read_scores(store: str, region: str, source: str, now: datetime, within: timedelta = RANGE) -> pd.DataFrame:
    """Pooled scores of cycles that began within a time before now, the oldest first; empty without any."""
    import pandas as pd  # whoever has no scores does not wait for it

    files = _files(store, region, source, now, within)
    if not files:
        return pd.DataFrame(columns=["cycle", "complete", "variable", "period", "candidate", "group", "rmse"])
    parts = [pd.read_parquet(io.BytesIO(table), filters=[("by", "==", POOLED)]) for table in read_all(files)]
    return pd.concat(parts, ignore_index=True)


def ours(history: pd.DataFrame) -> pd.DataFrame:
    """The product's own scores of the headline group, or of all stations where no heights are known."""
    known = set(zip(history["variable"], history["candidate"], strict=True))
    plain = Candidate("product", "bilinear").name  # where no heights are known
    best = {v: headline(str(v)).name for v in history["variable"].unique()}
    names = {v: name if (v, name) in known else plain for v, name in best.items()}
    mine = history[history["candidate"] == history["variable"].map(names)]
    near = mine[mine["group"] == HEADLINE]
    return near if len(near) else mine[mine["group"] == ALL]


def summary(history: pd.DataFrame) -> list[Recent]:
    """What the product and its best baseline made of all cycles of a table together, by variable."""
    found = []
    for (variable, period), mine in ours(history).groupby(["variable", "period"], sort=False):
        pooled = {}
        name = str(mine["candidate"].iloc[0])
        for candidate in (name, *(b.name for b in baselines(str(variable)))):
            rows = history[
                (history["variable"] == variable) & (history["period"] == period)
                & (history["candidate"] == candidate) & (history["group"] == mine["group"].iloc[0])
            ]  # fmt: skip
            if len(rows):
                mean_square = (rows["rmse"] ** 2 * rows["count"]).sum() / rows["count"].sum()
                pooled[candidate] = float(mean_square**0.5)
        product = pooled.pop(name)
        best = min(pooled, key=lambda name: pooled[name], default=None)
        found.append(
            Recent(
                variable=str(variable), period=float(str(period)), units=str(mine["units"].iloc[0]),
                cycles=int(mine["cycle"].nunique()), count=int(mine["count"].sum()), rmse=product,
                bias=float((mine["bias"] * mine["count"]).sum() / mine["count"].sum()), best=best,
                baseline=pooled[best] if best else None,
            )
        )  # fmt: skip
    return found


def drift(history: pd.DataFrame, now: datetime) -> list[str]:
    """Variables whose RMSE of 7 days is above the range of the 90 days before, in words.

    The 7 days end with the newest cycle that is scored to its end, which begins a week and a half ago at best; of one
    that is a month old nothing is said.
    """
    if history.empty or not history["complete"].any():
        return []
    mine = ours(history[history["complete"].astype(bool)])
    newest = mine["cycle"].max()
    if newest < _plain(now - STALE):
        return []
    mine, edge = mine[mine["cycle"] > newest - RANGE - RECENT], newest - RECENT
    found = []
    for (variable, period), rows in mine.groupby(["variable", "period"], sort=False):
        before, recent = rows[rows["cycle"] <= edge]["rmse"], rows[rows["cycle"] > edge]["rmse"]
        if len(before) < ENOUGH or recent.empty:
            continue
        top = float(before.quantile(TOP))
        if float(recent.mean()) > top:
            over = f" over {float(str(period)):g} h" if period else ""
            found.append(
                f"{variable}{over}: RMSE {recent.mean():.4g} {rows['units'].iloc[0]} in {len(recent)} cycles of the "
                f"{RECENT.days} days to {newest:%Y-%m-%d}; 95 % of {len(before)} cycles before were below {top:.4g}"
            )
    return found
