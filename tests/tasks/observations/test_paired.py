"""Tables of forecasts beside observations: what is read, and what is said of one that is none."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.calibrate.rolling import rolling
from tasks.errors import BadInput, UnreadableFile
from tasks.observations.paired import NEEDS, is_paired, read_paired
from tasks.store.history import COLUMNS
from tests.conftest import ROOT


def long(count: int = 4) -> pd.DataFrame:
    """With all columns that are needed."""
    at = np.arange(count)
    return pd.DataFrame(
        {
            "station": [f"0{5700 + i}" for i in at], "latitude": 30.0 + 0.1 * at, "longitude": 112.0,
            "time": "2026-03-01T06:00:00Z", "lead_hours": 6.0, "variable": "t2m", "forecast": 280.0 + at,
            "observed": 279.5 + at,
        }
    )  # fmt: skip


def short() -> pd.DataFrame:
    """Of temperature alone, as archives have it."""
    names = {"time": "time_utc", "lead_hours": "lead_h", "forecast": "forecast_K", "observed": "obs_K"}
    return long().drop(columns="variable").rename(columns=names).assign(elevation_m=[5.0, 10.0, np.nan, 20.0])


def written(folder: Path, table: pd.DataFrame, name: str = "pairs.csv") -> str:
    file = folder / name
    if name.endswith(".parquet"):
        table.to_parquet(file)
    else:
        table.to_csv(file, index=False)
    return str(file)


def reason(folder: Path, table: pd.DataFrame, column: str = "") -> str:
    """Why it is none."""
    with pytest.raises(BadInput) as error:
        read_paired(written(folder, table), column)
    return str(error.value).removeprefix(f"{folder}/pairs.csv: ")


def test_a_table_with_the_columns_of_the_history_is_read(tmp_path: Path) -> None:
    table = long().assign(elevation=5.0, land=[1.0, 0.5, 0.0, np.nan], simple=281.0, remarks="none")
    found = read_paired(written(tmp_path, table))
    assert list(found) == list(COLUMNS)
    for name in ("station", "latitude", "lead_hours", "variable", "forecast", "observed", "elevation", "simple"):
        assert found[name].tolist() == table[name].tolist(), name
    np.testing.assert_array_equal(found["land"], table["land"])
    assert (found["time"] == pd.Timestamp("2026-03-01T06:00")).all()
    assert found[["left_out", "own"]].isna().all(axis=None)


def test_a_table_of_temperature_with_short_names_is_the_same_table(tmp_path: Path) -> None:
    found = read_paired(written(tmp_path, short()))
    whole = read_paired(written(tmp_path, long().assign(elevation=[5.0, 10.0, np.nan, 20.0])))
    pd.testing.assert_frame_equal(found, whole)
    assert set(found["variable"]) == {"t2m"}


@pytest.mark.parametrize("form", [long, short])
@pytest.mark.parametrize("name", ["a.csv.gz", "a.parquet", "A b.csv"])
def test_compressed_and_parquet_are_read_as_plain_text_is(tmp_path: Path, name: str, form: object) -> None:
    table = long() if form is long else short()
    found = read_paired(written(tmp_path, table, name))
    pd.testing.assert_frame_equal(found, read_paired(written(tmp_path, table)))


def test_what_a_file_is_counts_and_not_its_name(tmp_path: Path) -> None:
    """Compressed without the ending that says so."""
    plain = Path(written(tmp_path, long()))
    (tmp_path / "renamed.csv").write_bytes(gzip.compress(plain.read_bytes()))
    pd.testing.assert_frame_equal(read_paired(str(tmp_path / "renamed.csv")), read_paired(str(plain)))


@pytest.mark.parametrize(
    ("name", "yes"),
    [("a.csv", True), ("a.csv.gz", True), ("s3://b/a.parquet", True), ("a.txt", False), ("a.gz", False), ("a", False)],
)
def test_a_table_goes_by_its_name(name: str, yes: bool) -> None:
    assert is_paired(name) is yes


def test_names_of_stations_keep_their_zeros_and_numbers_become_names(tmp_path: Path) -> None:
    assert read_paired(written(tmp_path, long()))["station"].tolist()[0] == "05700"
    numbers = long().assign(station=[57001, 57002, 57003, 57004])
    assert read_paired(written(tmp_path, numbers, "a.parquet"))["station"].tolist()[0] == "57001"


@pytest.mark.parametrize("column", NEEDS)
def test_a_column_that_is_lacking_is_named(tmp_path: Path, column: str) -> None:
    assert reason(tmp_path, long().drop(columns=column)).startswith(f"has no column {column}; a table of pairs is CSV")


def test_all_columns_that_are_lacking_are_named(tmp_path: Path) -> None:
    assert reason(tmp_path, pd.DataFrame({"a": [1]})).startswith(f"has no column {', '.join(NEEDS)}; ")


def test_variables_that_cannot_be_calibrated_are_named(tmp_path: Path) -> None:
    table = long().assign(variable=["t2m", "tp", "rain", "sp"])
    assert reason(tmp_path, table) == "has pairs of rain, tp; t2m, d2m, sp, msl, wind_speed can be calibrated"


@pytest.mark.parametrize("time", ["yesterday", "2026-13-01T00:00Z", "3/1/2026"])
def test_a_time_that_is_none_is_no_table(tmp_path: Path, time: str) -> None:
    reasons = reason(tmp_path, long().assign(time=["2026-03-01", "2026-03-02", time, "2026-03-03"]))
    assert "column time" in reasons
    assert "write times in UTC as" in reasons


@pytest.mark.parametrize("column", ["latitude", "lead_hours", "forecast", "observed"])
def test_words_where_numbers_should_be_are_no_table(tmp_path: Path, column: str) -> None:
    table = long().astype({column: object})
    table.loc[2, column] = "many"
    assert reason(tmp_path, table).startswith(f"line 4: column {column} holds something else than it should: 'many' is")


def test_times_are_utc_however_they_are_written(tmp_path: Path) -> None:
    times = ["2026-03-01T06:00:00Z", "2026-03-01 06:00", "2026-03-01T14:00:00+08:00", "2026-03-01T06:00:00.000"]
    found = read_paired(written(tmp_path, long().assign(time=times)))
    assert set(found["time"]) == {pd.Timestamp("2026-03-01T06:00")}
    aware = long().assign(time=pd.Timestamp("2026-03-01T14:00", tz="Asia/Shanghai"))
    assert set(read_paired(written(tmp_path, aware, "a.parquet"))["time"]) == {pd.Timestamp("2026-03-01T06:00")}


@pytest.mark.parametrize("form", ["long", "short"])
def test_forecasts_of_another_column_are_those_that_are_read(tmp_path: Path, form: str) -> None:
    table = (long() if form == "long" else short()).assign(other=281.25)
    uri = written(tmp_path, table)
    assert set(read_paired(uri, "other")["forecast"]) == {281.25}
    assert set(read_paired(uri)["forecast"]) == {280.0, 281.0, 282.0, 283.0}


def test_forecasts_may_be_in_another_column_alone(tmp_path: Path) -> None:
    table = long().rename(columns={"forecast": "other"})
    assert read_paired(written(tmp_path, table), "other")["forecast"].tolist() == [280.0, 281.0, 282.0, 283.0]


def test_another_column_that_is_not_there_is_said_with_those_that_are(tmp_path: Path) -> None:
    assert reason(tmp_path, long(), "other") == f"has no column other; it has {', '.join(NEEDS)}"


def test_pairs_that_cannot_belong_together_are_left_out_and_of_nothing_else_there_is_no_table(tmp_path: Path) -> None:
    celsius = long().assign(observed=[279.5, 7.0, np.nan, 282.5])
    assert read_paired(written(tmp_path, celsius))["station"].tolist() == ["05700", "05703"]
    assert reason(tmp_path, long().assign(observed=210.0)) == (
        "holds no pair of a forecast and an observation that belong together: all 4 are further apart than weather is; "
        "are both in SI?"
    )


@pytest.mark.parametrize("rows", [0, 4])
def test_a_table_without_a_single_whole_pair_is_none(tmp_path: Path, rows: int) -> None:
    """Without rows, and without observations."""
    assert reason(tmp_path, long(rows).assign(observed=np.nan)).startswith("holds no pair")


def test_a_file_that_is_not_there_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="is not there"):
        read_paired(str(tmp_path / "pairs.csv"))


@pytest.mark.parametrize(
    "data", [b"", b"PAR1", b"PAR1" + bytes(100), b"\x1f\x8b\x08", b"\xff\xfe\0\0\x80", b'a,b\n1,2\n"3,4,5\n6,7,8,9\n'],
    ids=["empty", "cut parquet", "zeros", "cut gzip", "no text", "no table"],
)  # fmt: skip
def test_a_file_that_is_no_table_is_said_to_be_so(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(data)
    with pytest.raises(UnreadableFile, match="is no table that can be read"):
        read_paired(str(tmp_path / "a.csv"))


def test_a_compressed_file_that_is_cut_is_no_table(tmp_path: Path) -> None:
    data = gzip.compress(long(400).to_csv(index=False).encode())
    for length in (20, len(data) // 2, len(data) - 1):
        (tmp_path / "a.csv.gz").write_bytes(data[:length])
        with pytest.raises(UnreadableFile, match="is no table that can be read"):
            read_paired(str(tmp_path / "a.csv.gz"))


def test_a_compressed_file_that_is_damaged_is_no_table(tmp_path: Path) -> None:
    data = gzip.compress(long(400).to_csv(index=False).encode())
    for at in range(12, len(data), len(data) // 20):
        (tmp_path / "a.csv.gz").write_bytes(data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :])
        with pytest.raises(UnreadableFile, match="is no table that can be read"):
            read_paired(str(tmp_path / "a.csv.gz"))


@pytest.mark.parametrize("column", NEEDS)
def test_a_row_that_lacks_something_needed_is_no_pair(tmp_path: Path, column: str) -> None:
    """Nobody can say where or when it is from; what reads the table next has no place for it."""
    table = long(40).astype({column: object})
    table.loc[3, column] = None
    found = read_paired(written(tmp_path, table))
    assert len(found) == 39
    assert len(rolling(found)) == 39


# As people have them


def pairs_of(folder: Path, text: str | bytes, name: str = "pairs.csv") -> pd.DataFrame:
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_paired(str(folder / name))


@pytest.mark.parametrize(
    "text",
    [
        short().to_csv(index=False, sep=";", decimal=",").encode(),
        short().to_csv(index=False, sep="\t").encode("utf-16"),
        short().assign(name="首尔").to_csv(index=False).encode("gbk"),
        short().to_csv(index=False).encode("utf-8-sig"),
        gzip.compress(short().to_csv(index=False, sep=";", decimal=",").encode()),
        short().assign(time_utc="2026-03-01T05:53Z").to_csv(index=False).encode(),
        short().assign(time_utc="2026030106").to_csv(index=False).encode(),
        short().rename(columns=str.upper).to_csv(index=False).encode(),
        pd.concat([short(), short()]).to_csv(index=False).encode(),
        short().assign(elevation_m=[5.0, 10.0, -9999, 20.0]).to_csv(index=False).encode(),
        short().assign(elevation_m=[5.0, 10.0, 9999, 20.0]).to_csv(index=False).encode(),
        short().assign(elevation_m=[5.0, 10.0, "NA", 20.0]).to_csv(index=False).encode(),
        short()
        .assign(forecast_C=[6.85, 7.85, 8.85, 9.85], obs_C=[6.35, 7.35, 8.35, 9.35])
        .drop(columns=["forecast_K", "obs_K"])
        .to_csv(index=False)
        .encode(),
    ],
    ids=[
        "excel", "unicode text", "gbk", "bom", "gzip", "minutes", "digits", "capitals", "twice", "-9999", "9999", "NA",
        "celsius",
    ],
)  # fmt: skip
def test_pairs_are_the_same_however_they_were_saved(tmp_path: Path, text: bytes) -> None:
    expected = read_paired(written(tmp_path, short(), "right.csv"))
    pd.testing.assert_frame_equal(pairs_of(tmp_path, text), expected)


def celsius(table: pd.DataFrame, *columns: str) -> pd.DataFrame:
    return table.assign(**{c: table[c] - 273.15 for c in columns})


@pytest.mark.parametrize(
    ("table", "why", "mended"),
    [
        (
            celsius(short(), "forecast_K", "obs_K"),
            "column forecast_K looks like °C where variable is t2m (6.85 to 9.85); name it forecast_C, or add 273.15",
            celsius(short(), "forecast_K", "obs_K").rename(columns={"forecast_K": "forecast_C", "obs_K": "obs_C"}),
        ),
        (
            celsius(short(), "obs_K"),
            "column obs_K looks like °C where variable is t2m (6.35 to 9.35); name it obs_C, or add 273.15",
            celsius(short(), "obs_K").rename(columns={"obs_K": "obs_C"}),
        ),
        (
            celsius(long(), "observed"),
            "column observed looks like °C where variable is t2m (6.35 to 9.35); add 273.15",
            long(),
        ),
        (
            long().rename(columns={"forecast": "fcst", "lead_hours": "step"}),
            "has no column lead_hours, forecast; rename step to lead_hours, if that is it; rename fcst to forecast, if",
            long(),
        ),
        (
            long().rename(columns={"time": "local_time"}),
            "local_time is local time: add a column time with UTC",
            long().assign(local_time="2026-03-01T14:00"),
        ),
        (
            long().assign(time="2026-03-01 14:00", timezone="Asia/Seoul"),
            "column timezone is 'Asia/Seoul', so that time is local time; write it in UTC, or with its offset",
            long().assign(time="2026-03-01T15:00+09:00", timezone="Asia/Seoul"),
        ),
    ],
    ids=["celsius", "one in celsius", "long in celsius", "names", "local time", "zone"],
)
def test_pairs_that_say_something_else_are_refused_with_what_is_enough(
    tmp_path: Path, table: pd.DataFrame, why: str, mended: pd.DataFrame
) -> None:
    assert why in reason(tmp_path, table)
    found = read_paired(written(tmp_path, mended, "mended.csv"))
    assert found["forecast"].tolist() == pytest.approx([280.0, 281.0, 282.0, 283.0])
    assert found["observed"].tolist() == pytest.approx([279.5, 280.5, 281.5, 282.5])
    assert set(found["time"]) == {pd.Timestamp("2026-03-01T06:00")}


def test_pressure_in_hectopascals_is_refused(tmp_path: Path) -> None:
    table = long().assign(variable="msl", forecast=1013.2, observed=1012.9)
    assert "column forecast looks like hPa where variable is msl (1013.2 to 1013.2); multiply by 100" in reason(
        tmp_path, table
    )
    right = table.assign(forecast=table["forecast"] * 100, observed=table["observed"] * 100)
    assert read_paired(written(tmp_path, right))["observed"].tolist() == pytest.approx([101290.0] * 4)


@pytest.mark.parametrize("sentinel", [-9999, 9999, 999.9, "NA", "-", ""])
def test_sentinels_are_no_pairs(tmp_path: Path, sentinel: object) -> None:
    table = long().astype({"observed": object, "forecast": object})
    table.loc[1, "observed"] = sentinel
    table.loc[2, "forecast"] = sentinel
    assert read_paired(written(tmp_path, table))["station"].tolist() == ["05700", "05703"]


def test_one_identifier_at_two_places_at_once_is_left_out(tmp_path: Path) -> None:
    table = pd.concat([long(), long(1).assign(latitude=35.0)])
    assert read_paired(written(tmp_path, table))["station"].tolist() == ["05701", "05702", "05703"]


@pytest.mark.parametrize(
    ("data", "name", "yes"),
    [
        (b"a,b\n1,2\n", "a.txt", True), (gzip.compress(b"a,b\n1,2\n"), "a.txt.gz", True), (b"PAR1....", "a", True),
        (b"GRIB" + bytes(50), "a.csv", False), (b"CDF\1" + bytes(50), "a.csv", False),
        (b"\x89HDF\r\n" + bytes(50), "a.txt", False), (b"YTAA99 KWBC\r\r\nGRIB" + bytes(50), "a.txt", False),
    ],
    ids=["table", "gzip", "parquet", "grib", "netcdf 3", "netcdf 4", "bulletin"],  # gzip writes the time into its bytes
)  # fmt: skip
def test_what_is_a_table_its_content_says(tmp_path: Path, data: bytes, name: str, yes: bool) -> None:
    (tmp_path / name).write_bytes(data)
    assert is_paired(str(tmp_path / name)) is yes


@pytest.mark.parametrize("first", [f"station,latitude,longitude,elevation{rest}" for rest in (",time,", "_m,")])
def test_headers_in_the_docs_are_those_of_pairs(tmp_path: Path, first: str) -> None:
    lines = [line.strip() for line in (ROOT / "docs/calibrate.md").read_text().splitlines()]
    start = next(i for i, line in enumerate(lines) if line.startswith(first))
    found = pairs_of(tmp_path, "\n".join(lines[start : lines.index("", start)]))
    assert found[["forecast", "observed", "lead_hours"]].to_numpy().tolist() == [[282.1, 281.5, 6.0]]
