"""Anybody's file of observations, told by its content or its name: local, or in an object store."""

from __future__ import annotations

import gzip
import io
import logging
import zlib
from collections.abc import Mapping

import pandas as pd

from tasks.errors import BadInput, UnreadableFile
from tasks.observations.networks import anywhere
from tasks.observations.networks.ghcnh import read_ghcnh
from tasks.observations.networks.isd_lite import BASE_URL, isd_lite_files, read_history, read_isd_lite
from tasks.observations.networks.met_ascii import is_met, read_met
from tasks.observations.networks.micaps import is_micaps, read_micaps
from tasks.observations.networks.rows import Column, long_form
from tasks.observations.networks.synop import read_synop
from tasks.observations.networks.table import COLUMNS, OBSERVED, table
from tasks.storage import join

log = logging.getLogger(__name__)

HISTORY = "isd-history.csv"
WIDE = {
    "t2m_K": Column("t2m"),
    "d2m_K": Column("d2m"),
    "sp_Pa": Column("sp"),
    "msl_Pa": Column("msl"),
    "wind_speed_ms": Column("wind_speed"),
    "wind_dir_deg": Column("wind_direction"),
}
PLACE = {"station_id": "station", "latitude": "latitude", "longitude": "longitude", "time_utc": "time"}
OPTIONAL = {"network": "network", "elevation_m": "elevation"}
RAIN, RAIN_PERIOD, NOTE = "precip_mm", "precip_period_h", "quality_note"
LONG_NEEDS = ["station", "latitude", "longitude", "time", "variable", "value"]
FORMS = (
    f"a table has one value a row in {', '.join(COLUMNS)} (SI), or one report a row in {', '.join(PLACE)} and any of "
    f"{', '.join([*OPTIONAL, *WIDE])}, {RAIN} with {RAIN_PERIOD}, {NOTE}"
)


def read_observations(uri: str) -> pd.DataFrame:
    """The table of a file (CSV or Parquet, ISD-Lite, GHCNh, BUFR, MICAPS, MET) or of a folder.

    CSV and Parquet have one value or one report a row, of the columns in COLUMNS, or in PLACE, OPTIONAL and WIDE.
    A folder holds ISD-Lite or psv files, or else MICAPS's or MET's. ISD-Lite needs isd-history.csv beside it or in the
    folder above. BadInput says what is wrong with what cannot be read, and what would be right; so it does for a file
    without observations.
    """
    try:
        found = _folder(uri) if anywhere.is_folder(uri) else _file(uri, anywhere.read(uri))
    except FileNotFoundError:
        raise UnreadableFile(f"{uri}: is not there; give a file or folder of observations, or its URI") from None
    except OSError as error:
        raise UnreadableFile(f"{uri}: cannot be read ({error}); are the path and the credentials right?") from None
    if found.empty:
        raise BadInput(f"{uri}: holds no observation of {', '.join(OBSERVED)}")
    return found


def _folder(uri: str) -> pd.DataFrame:
    names = anywhere.files_in(uri)
    isd, psv = isd_lite_files(names), sorted(n for n in names if n.endswith(".psv"))
    if not isd and not psv:
        return _folder_of_text(uri, names)
    parts = [read_isd_lite(isd, _history(isd[0]))] if isd else []
    return table([*parts, *(read_ghcnh(anywhere.read(f), f) for f in psv)])


def _folder_of_text(uri: str, names: list[str]) -> pd.DataFrame:
    """The table of a folder's MICAPS and MET files, whose names say nothing; other files are passed over and logged."""
    parts, others = [], []
    for name in sorted(n for n in names if not anywhere.is_folder(n)):
        data = _unpacked(name, anywhere.read(name))
        if is_micaps(data) or is_met(data):
            parts.append(_file(name, data))
        else:
            others.append(name)
    if not parts:
        raise UnreadableFile(
            f"{uri}: is a folder without ISD-Lite (574610-99999-2021, also .gz), GHCNh (.psv), MICAPS or MET files"
        )
    if others:
        log.warning(
            "%s: %d files are neither MICAPS nor MET and passed over: %s", uri, len(others), ", ".join(others[:5])
        )
    return table(parts)


def _file(uri: str, data: bytes) -> pd.DataFrame:
    if not data:
        raise UnreadableFile(f"{uri}: is empty")
    if isd_lite_files([uri]):
        return read_isd_lite(uri, _history(uri))
    data = _unpacked(uri, data)
    if b"BUFR" in data[:200]:  # after a heading of the GTS, perhaps
        return read_synop(data, uri)
    if data[:4] == b"PAR1":
        try:
            return _rows(uri, pd.read_parquet(io.BytesIO(data)))
        except (ValueError, OSError) as error:
            raise UnreadableFile(f"{uri}: is no whole Parquet file ({error})") from None
    if is_micaps(data):
        return read_micaps(data, uri)
    if is_met(data):
        return read_met(data, uri)
    if b"|" in data.split(b"\n", 1)[0]:
        return read_ghcnh(data, uri)
    try:
        raw = pd.read_csv(io.BytesIO(data), dtype={"station": str, "station_id": str, "quality": str, "network": str})
    except (ValueError, pd.errors.ParserError) as error:
        raise UnreadableFile(
            f"{uri}: is neither CSV, Parquet, BUFR, MICAPS, MET, GHCNh nor named like ISD-Lite ({error})"
        ) from None
    return _rows(uri, raw)


def _unpacked(uri: str, data: bytes) -> bytes:
    if data[:2] != b"\x1f\x8b":
        return data
    try:
        return gzip.decompress(data)
    except (EOFError, OSError, zlib.error):
        raise UnreadableFile(f"{uri}: is cut; copy it again") from None


def _history(uri: str) -> pd.DataFrame:
    """The list of stations beside an ISD-Lite file, or in the folder above."""
    folder = join(uri).rsplit("/", 1)[0]
    for place in (folder, folder.rsplit("/", 1)[0]):
        if anywhere.exists(f"{place}/{HISTORY}"):
            return read_history(f"{place}/{HISTORY}")
    raise UnreadableFile(
        f"{uri}: ISD-Lite does not say where stations are; put {BASE_URL}/{HISTORY} beside it or in the folder above"
    )


def _rows(uri: str, raw: pd.DataFrame) -> pd.DataFrame:
    """The table of either form; BadInput for columns that fit neither, or hold something else."""
    try:
        if {"variable", "value"} <= set(raw):
            return _long(raw)
        return _wide(raw)
    except BadInput as error:
        raise BadInput(f"{uri}: {error}") from None
    except (ValueError, TypeError) as error:
        raise BadInput(f"{uri}: a column holds something else than it should ({error}); {FORMS}") from None


def _long(raw: pd.DataFrame) -> pd.DataFrame:
    _need(raw, LONG_NEEDS)
    raw = raw[[c for c in COLUMNS if c in raw]].copy()
    raw["time"] = _utc(raw["time"])
    for name, without in {"network": "", "quality": "", "period": 0.0}.items():
        if name in raw:
            raw[name] = raw[name].fillna(without)
    return table(raw)


def _wide(raw: pd.DataFrame) -> pd.DataFrame:
    _need(raw, list(PLACE))
    reports = raw.rename(columns=PLACE | OPTIONAL)
    reports["time"] = _utc(reports["time"])
    reports["network"] = reports["network"].fillna("") if "network" in reports else ""
    if "elevation" not in reports:
        reports["elevation"] = float("nan")
    if RAIN not in raw and not set(WIDE) & set(raw):
        raise BadInput(f"has no observation in its columns {', '.join(map(str, raw))}; {FORMS}")
    columns: Mapping[str, Column] = WIDE
    if NOTE in raw:
        reports[[f"{c}:quality" for c in [*WIDE, RAIN]]] = pd.DataFrame(
            dict.fromkeys([*WIDE, RAIN], raw[NOTE].map(lambda note: "" if pd.isna(note) else f"its source: {note}"))
        )
    parts = long_form(reports, columns)
    if RAIN in raw:
        _need(raw, [RAIN_PERIOD])
        for hours, some in reports.groupby(RAIN_PERIOD):
            parts += long_form(some, {RAIN: Column("tp", 1e-3, period=float(hours))})
    return table(parts)


def _need(raw: pd.DataFrame, columns: list[str]) -> None:
    if lacking := [c for c in columns if c not in raw]:
        raise BadInput(f"has no column {', '.join(lacking)}; {FORMS}")


def _utc(time: pd.Series) -> pd.Series:
    return pd.to_datetime(time, utc=True, format="ISO8601").dt.tz_localize(None)
