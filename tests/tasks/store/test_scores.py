"""The rolling table on a local disk and on S3, what it says of a month, and when it calls a change drift."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from tasks.handover.candidates import HEADLINE
from tasks.handover.cycle import Cycle
from tasks.storage import read_parquet
from tasks.store.paths import scores_uri
from tasks.store.scores import drift, read_scores, remove_scores, summary, write_scores

NOW = datetime(2026, 11, 25, 6, tzinfo=UTC)


def scores(rmse: float, *, input_rmse: float = 2.0, count: int = 100) -> pd.DataFrame:
    common = {
        "variable": "t2m", "period": 0.0, "units": "K", "group": HEADLINE, "count": count, "bias": 0.1, "by": "pooled",
        "station": "", "lead_hours": float("nan"),
    }  # fmt: skip
    mine = common | {"candidate": "product_bilinear_standard"}
    single = mine | {"rmse": 9.0, "by": "station", "station": "A"}
    rows = [mine | {"rmse": rmse}, common | {"candidate": "input_bilinear_standard", "rmse": input_rmse}, single]
    return pd.DataFrame(rows)


def cycle(days: float) -> Cycle:
    return Cycle(source="ifs", time=NOW - timedelta(days=days))


def history(rmse: list[float], complete: bool = True) -> pd.DataFrame:
    """Of one cycle a day, the last of them as old as a whole one is at best: 144 h of lead times and 4 days after."""
    parts = []
    for i, value in enumerate(reversed(rmse)):
        time = pd.Timestamp(cycle(i + 10.5).time.replace(tzinfo=None))
        parts.append(scores(value).head(2).assign(cycle=time, complete=complete))
    return pd.concat(parts[::-1], ignore_index=True)


def test_what_is_written_is_read_again_pooled_and_in_order(store: str) -> None:
    for days in (3.0, 1.0, 100.0):
        write_scores(store, "hubei", cycle(days), 1, True, scores(days))
    found = read_scores(store, "hubei", "ifs", NOW)
    assert found[found["candidate"].str.startswith("product")]["rmse"].tolist() == [3.0, 1.0]
    assert set(found["by"]) == {"pooled"}
    assert len(read_parquet(scores_uri(store, "hubei", cycle(3.0)))) == 3  # single stations are kept too


def test_a_cycle_that_is_scored_again_is_replaced_and_one_that_is_refused_leaves(store: str) -> None:
    write_scores(store, "hubei", cycle(1.0), 1, False, scores(1.0))
    write_scores(store, "hubei", cycle(1.0), 1, True, scores(1.5))
    found = read_scores(store, "hubei", "ifs", NOW)
    assert found["rmse"].tolist() == [1.5, 2.0]
    assert found["complete"].all()
    remove_scores(store, "hubei", cycle(1.0))
    assert read_scores(store, "hubei", "ifs", NOW).empty


def test_a_cycle_is_not_part_of_its_own_history(tmp_path: object) -> None:
    store = str(tmp_path)
    write_scores(store, "hubei", cycle(2.0), 1, True, scores(1.0))
    assert read_scores(store, "hubei", "ifs", cycle(2.0).time).empty


def test_a_month_is_pooled_by_the_number_of_pairs() -> None:
    found = pd.concat([
        scores(1.0, count=300).head(2).assign(cycle=pd.Timestamp("2026-11-01"), complete=True),
        scores(3.0, count=100).head(2).assign(cycle=pd.Timestamp("2026-11-02"), complete=True),
    ])  # fmt: skip
    (row,) = summary(found)
    assert row.rmse == pytest.approx(((300 * 1 + 100 * 9) / 400) ** 0.5)
    assert (row.cycles, row.count, row.best, row.baseline) == (2, 400, "input_bilinear_standard", pytest.approx(2.0))


def test_scores_above_their_own_range_are_drift_and_say_so() -> None:
    steady = [1.0 + 0.01 * (i % 10) for i in range(60)]
    assert drift(history(steady), NOW) == []
    (said,) = drift(history([*steady, *[1.3] * 7]), NOW)
    assert said.startswith(
        "t2m: RMSE 1.3 K in 7 cycles of the 7 days to 2026-11-14; 95 % of 60 cycles before were below 1.09"
    )


def test_one_bad_day_or_a_short_or_provisional_history_is_no_drift() -> None:
    steady = [1.0 + 0.01 * (i % 10) for i in range(60)]
    assert drift(history([*steady, *[1.05] * 6, 1.2]), NOW) == []
    assert drift(history([*steady[:19], *[1.3] * 7]), NOW) == []
    assert drift(history([*steady, *[1.3] * 7], complete=False), NOW) == []
    assert drift(history([*steady, *[1.3] * 7]), NOW + timedelta(days=30)) == [], "nothing new for a month"
    assert drift(read_scores("/nowhere", "hubei", "ifs", NOW), NOW) == []


def test_without_heights_the_product_as_it_is_counts() -> None:
    plain = scores(1.0).head(2).assign(cycle=pd.Timestamp("2026-11-01"), complete=True, group="all")
    plain["candidate"] = ["product_bilinear_none", "input_bilinear_none"]
    (row,) = summary(plain)
    assert (row.rmse, row.best) == (1.0, "input_bilinear_none")
