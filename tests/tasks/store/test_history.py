"""The history of pairs: what is written is read, what is damaged or gone is left out, and what is no pair is none."""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.handover.candidates import PAIR_COLUMNS
from tasks.handover.cycle import Cycle
from tasks.storage import exists, remove, write_bytes, write_parquet
from tasks.store.history import (
    COLUMNS,
    FURTHEST,
    believable,
    has_history,
    history_table,
    of_pairs,
    old_history,
    read_history,
    remove_history,
    write_history,
)
from tasks.store.paths import history_folder, history_uri

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
SMALL = ("forecast", "simple", "observed", "left_out", "own", "elevation", "land", "spread")  # float32 in files


def cycle(days: float, source: str = "ifs") -> Cycle:
    return Cycle(source=source, time=NOW - timedelta(days=days))


def rows(value: float = 280.0, stations: int = 3) -> pd.DataFrame:
    count = np.arange(stations)
    return history_table(
        pd.DataFrame(
            {
                "station": [f"S{i}" for i in count], "latitude": 30.1 + count, "longitude": 112.3, "elevation": 50.0,
                "land": np.where(count == 0, np.nan, 1.0), "time": pd.Timestamp("2026-03-01T18:30"), "lead_hours": 6.5,
                "variable": "t2m", "forecast": value, "simple": np.nan, "observed": value - 0.1 * count,
                "left_out": 0.25, "own": np.nan, "spread": np.where(count == 0, np.nan, 1.5),
            }
        )
    )  # fmt: skip


def values(store: str, most: int = 100, *, before: datetime = NOW, newest_first: bool = False) -> list[float]:
    """Each cycle's forecast, in the order that they come in."""
    return [float(f["forecast"].iloc[0]) for f in read_history(store, "hubei", "ifs", before, most, newest_first)]


def put(store: str, *days: float) -> None:
    """A cycle so many days ago, whose forecasts are that."""
    for some in days:
        write_history(store, "hubei", cycle(some), rows(270.0 + some))


def test_what_is_written_is_read_again(store: str) -> None:
    table = rows()
    write_history(store, "hubei", cycle(1), table)
    (found,) = read_history(store, "hubei", "ifs", NOW, 5)
    assert list(found) == list(COLUMNS)
    for name in COLUMNS:
        if name in SMALL:
            np.testing.assert_allclose(found[name], table[name], rtol=1e-7, err_msg=name)
        else:
            assert found[name].tolist() == table[name].tolist(), name
    assert isinstance(found["station"].dtype, pd.CategoricalDtype)
    whole = pd.read_parquet(history_uri(store, "hubei", cycle(1))) if "://" not in store else found
    assert len(whole) == 3
    assert has_history(store, "hubei", "ifs")
    assert not has_history(store, "hubei", "era5")
    assert not has_history(store, "guangdong", "ifs")


def test_a_file_of_an_older_release_knows_no_spread(tmp_path: Path) -> None:
    old = rows().drop(columns="spread")
    write_parquet(old, history_uri(str(tmp_path), "hubei", cycle(1)))
    (found,) = read_history(str(tmp_path), "hubei", "ifs", NOW, 5)
    assert list(found) == list(COLUMNS)
    assert found["spread"].isna().all()
    assert found["forecast"].tolist() == old["forecast"].tolist()


def test_cycles_come_in_order_and_the_newest_alone(tmp_path: Path) -> None:
    store = str(tmp_path)
    put(store, 2, 9, 1, 30, 5)
    assert values(store) == [300.0, 279.0, 275.0, 272.0, 271.0]
    assert values(store, 3) == [275.0, 272.0, 271.0]
    assert values(store, 3, newest_first=True) == [271.0, 272.0, 275.0]
    assert values(store, before=NOW - timedelta(days=5)) == [300.0, 279.0], "a cycle is no history of its own"


def test_more_cycles_than_are_read_at_once_come_in_order_too(tmp_path: Path) -> None:
    put(str(tmp_path), *range(1, 21))
    assert values(str(tmp_path)) == [270.0 + d for d in range(20, 0, -1)]
    assert values(str(tmp_path), 17) == [270.0 + d for d in range(17, 0, -1)]
    assert values(str(tmp_path), 17, newest_first=True) == [270.0 + d for d in range(1, 18)]


def test_without_any_there_is_none(tmp_path: Path) -> None:
    assert values(str(tmp_path)) == []
    assert old_history(str(tmp_path), "hubei", NOW) == []
    assert not has_history(str(tmp_path), "hubei", "ifs")


def test_a_cycle_that_is_written_again_replaces_itself_and_one_that_is_refused_leaves(tmp_path: Path) -> None:
    store = str(tmp_path)
    put(store, 1, 2)
    write_history(store, "hubei", cycle(1), rows(290.0))
    assert values(store) == [272.0, 290.0]
    remove_history(store, "hubei", cycle(1))
    remove_history(store, "hubei", cycle(1))
    assert values(store) == [272.0]


def damaged(file: Path) -> Iterator[bytes]:
    """A file's content as it is after one fault or another."""
    data = file.read_bytes()
    yield from (b"", data[:4], data[: len(data) // 2], data[:-1], data[4:], b"\0" * len(data), b"no table at all")
    yield data[:-40] + bytes(40)
    other = pd.DataFrame({"a": [1]}).to_parquet(None)
    assert other is not None
    yield other


def test_a_damaged_file_is_left_out_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    put(str(tmp_path), 3, 2, 1)
    file = Path(history_uri(str(tmp_path), "hubei", cycle(2)))
    for data in damaged(file):
        file.write_bytes(data)
        caplog.clear()
        assert values(str(tmp_path)) == [273.0, 271.0]
        (record,) = caplog.records
        assert record.levelno == logging.WARNING
        assert file.name in record.getMessage()
        assert "finescale calibrate hubei" in record.getMessage()


def test_a_file_of_which_one_byte_is_another_is_left_out_or_read_as_it_was(tmp_path: Path) -> None:
    """Bits that a disk has turned are no observations."""
    write_history(str(tmp_path), "hubei", cycle(1), rows(stations=200))
    (right,) = read_history(str(tmp_path), "hubei", "ifs", NOW, 1)
    file, rng, wrong = Path(history_uri(str(tmp_path), "hubei", cycle(1))), np.random.default_rng(0), []
    data = file.read_bytes()
    for at in rng.choice(len(data), 150, replace=False):
        file.write_bytes(data[:at] + bytes([data[at] ^ 1 << int(rng.integers(8))]) + data[at + 1 :])
        found = list(read_history(str(tmp_path), "hubei", "ifs", NOW, 1))
        wrong += [int(at)] if found and not found[0].equals(right) else []
    assert not wrong, f"{len(wrong)} of 150 were read as something else"


def test_a_cycle_that_is_removed_while_others_are_read_is_left_out(tmp_path: Path) -> None:
    """Maintenance forgets, and verification refuses, whenever it is their time."""
    put(str(tmp_path), *range(1, 13))
    found = read_history(str(tmp_path), "hubei", "ifs", NOW, 12)
    first = float(next(found)["forecast"].iloc[0])
    remove_history(str(tmp_path), "hubei", cycle(2))
    rest = [float(f["forecast"].iloc[0]) for f in found]
    assert [first, *rest] == [270.0 + d for d in range(12, 0, -1) if d != 2]


def test_old_cycles_of_all_sources_are_forgotten(store: str) -> None:
    put(store, 1, 10, 40, 500)
    write_history(store, "hubei", cycle(60, "era5"), rows())
    write_history(store, "guangdong", cycle(60), rows())
    gone = old_history(store, "hubei", NOW - timedelta(days=30))
    assert gone == sorted([
        history_uri(store, "hubei", cycle(60, "era5")), *(history_uri(store, "hubei", cycle(d)) for d in (40, 500)),
    ])  # fmt: skip
    for uri in gone:
        remove(uri)
    assert values(store) == [280.0, 271.0]
    assert exists(history_uri(store, "guangdong", cycle(60)))
    assert old_history(store, "hubei", NOW - timedelta(days=30)) == []


def test_what_is_being_written_is_not_old(tmp_path: Path) -> None:
    """A cycle's file has another name until it is whole; removed by then, its run would fail."""
    put(str(tmp_path), 1)
    folder = history_folder(str(tmp_path), "hubei", "ifs")
    write_bytes(f"{folder}/.{cycle(0).stamp}.parquet.0a1b2c3d.partial", b"PAR1")
    assert old_history(str(tmp_path), "hubei", NOW - timedelta(days=30)) == []
    assert values(str(tmp_path)) == [271.0]


def _write(store: str, first: int) -> None:
    for i in range(15):
        write_history(store, "hubei", cycle(first + i), rows(270.0 + first + i))


def test_two_runs_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    """Of different cycles, and of the same one."""
    spawn = multiprocessing.get_context("spawn")  # by now this process has threads
    writers = [spawn.Process(target=_write, args=(str(tmp_path), first)) for first in (1, 11)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [w.exitcode for w in writers] == [0, 0]
    assert values(str(tmp_path)) == [270.0 + d for d in range(25, 0, -1)]
    assert len(list(Path(history_folder(str(tmp_path), "hubei", "ifs")).iterdir())) == 25


def verified(variable: str = "t2m", **forecasts: float) -> pd.DataFrame:
    """As matching.py gives pairs of one observation, 280 in its units."""
    common = {"station": "A", "latitude": 30.0, "longitude": 112.0, "elevation": 50.0, "land": 1.0, "lead_hours": 6.0}
    when = {"time": pd.Timestamp("2026-03-01T18"), "variable": variable, "observed": 280.0}
    return pd.DataFrame([common | when | {"left_out": 0.5, "own": 0.75} | forecasts])


@pytest.mark.parametrize(
    ("forecasts", "forecast", "simple"),
    [
        ({"product_bilinear_standard": 281.0, "input_bilinear_standard": 283.0}, 281.0, 283.0),
        ({"product_bilinear_standard": 281.0, "raw_bilinear_standard": 282.0}, 282.0, np.nan),
        ({"product_bilinear_standard": 281.0, "raw_bilinear_standard": np.nan}, 281.0, np.nan),
        ({"product_bilinear_none": 281.0, "raw_bilinear_none": 282.0, "input_bilinear_none": 284.0}, 282.0, 284.0),
        ({"product_bilinear_none": 281.0, "product_bilinear_standard": 281.5}, 281.5, np.nan),
        ({"product_bilinear_standard": 281.0, "input_bilinear_none": 284.0}, 281.0, np.nan),
    ],
)
def test_forecasts_are_those_before_calibration_at_the_stations_height_as_far_as_they_are_known(
    forecasts: dict[str, float], forecast: float, simple: float
) -> None:
    (row,) = of_pairs(verified(**forecasts)).itertuples()
    assert row.forecast == forecast
    assert row.simple == pytest.approx(simple, nan_ok=True)
    assert (row.observed, row.left_out, row.own) == (280.0, 0.5, 0.75)


def test_each_variable_is_read_as_its_score_is_and_those_that_stations_do_not_correct_are_none() -> None:
    parts = [
        verified("t2m", product_bilinear_standard=281.0, product_bilinear_none=270.0),
        verified("d2m", product_bilinear_none=282.0),
        verified("wind_direction", product_bilinear_none=283.0),
        verified("tp", product_bilinear_none=284.0),
    ]
    found = of_pairs(pd.concat(parts, ignore_index=True))
    assert dict(zip(found["variable"], found["forecast"], strict=True)) == {"t2m": 281.0, "d2m": 282.0}
    assert list(found) == list(COLUMNS)
    assert of_pairs(verified("t2m", product_bilinear_standard=300.0)).empty, "20 K away"


@pytest.mark.parametrize(
    "nothing",
    [
        pd.DataFrame(columns=PAIR_COLUMNS), verified("tp", product_bilinear_none=0.0),
        verified("t2m", input_bilinear_standard=281.0), verified("t2m", product_bilinear_standard=np.nan),
    ],
    ids=["no pair", "rain", "input alone", "no value"],
)  # fmt: skip
def test_of_what_nothing_can_be_learned_from_there_are_no_rows(nothing: pd.DataFrame) -> None:
    """As where a product's first hours have no observation yet."""
    found = of_pairs(nothing)
    assert found.empty
    assert list(found) == list(COLUMNS)


@pytest.mark.parametrize("variable", FURTHEST)
def test_an_observation_is_believed_up_to_some_distance_from_the_forecast(variable: str) -> None:
    far = FURTHEST[variable]
    away = np.array([0.0, 0.9 * far, -far, far, 1.01 * far, -1.01 * far, np.nan])
    table = pd.DataFrame({"variable": variable, "forecast": 300.0 + away, "observed": 300.0})
    kept = believable(table)
    np.testing.assert_allclose(kept["forecast"] - 300.0, away[:4])
    assert kept.index.tolist() == [0, 1, 2, 3]


def test_rows_without_a_forecast_or_an_observation_are_none_and_columns_that_are_not_there_are_unknown() -> None:
    table = rows().drop(columns=["land", "own"])
    table.loc[0, "forecast"], table.loc[1, "observed"] = np.nan, np.nan
    found = history_table(table)
    assert found["station"].tolist() == ["S2"]
    assert list(found) == list(COLUMNS)
    assert found[["land", "own"]].isna().all(axis=None)
