"""Anybody's observations: a table of ours, a wide table, ISD-Lite, GHCNh or BUFR, told by content."""

from __future__ import annotations

import io
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from tasks.errors import BadInput, UnreadableFile
from tasks.storage import filesystem
from tasks.validate.stations.ghcnh import read_ghcnh
from tasks.validate.stations.isd_lite import BASE, read_history, read_isd_lite, station_of
from tasks.validate.stations.synop import read_synop
from tasks.validate.stations.table import COLUMNS, OBSERVED, table

MM = 1e-3
HISTORY = "isd-history.csv"
# column of a wide table -> (variable, factor)
WIDE = {
    "t2m_K": ("t2m", 1.0), "d2m_K": ("d2m", 1.0), "sp_Pa": ("sp", 1.0), "msl_Pa": ("msl", 1.0),
    "wind_speed_ms": ("wind_speed", 1.0), "wind_dir_deg": ("wind_direction", 1.0), "precip_mm": ("tp", MM),
}  # fmt: skip
WIDE_PLACE = {"station_id": "station", "latitude": "latitude", "longitude": "longitude", "elevation_m": "elevation",
              "time_utc": "time", "network": "network"}  # fmt: skip
HOW = (
    f"a table has columns {', '.join(COLUMNS)}; or one row a report with {', '.join(WIDE_PLACE)} and {', '.join(WIDE)}"
)


def read_observations(uri: str) -> pd.DataFrame:
    """Observations of a file or folder, local or in an object store. BadInput if it cannot be read, or holds none."""
    fs, path = filesystem(uri)
    try:
        found = _folder(uri) if fs.isdir(path) else _read(fs.cat_file(path), path.rsplit("/", 1)[-1], uri)
    except FileNotFoundError:
        raise BadInput(f"{uri}: no such file of observations") from None
    except PermissionError as error:
        raise BadInput(f"{uri}: cannot be read ({error})") from None
    if found.empty:
        raise BadInput(f"{uri}: holds no observation of {', '.join(OBSERVED)}")
    return found


def _read(data: bytes, name: str, uri: str) -> pd.DataFrame:
    if not data:
        raise UnreadableFile(f"{uri}: empty file")
    if station_of(name) is not None:
        return read_isd_lite(data, name, _history(uri))
    if data[:4] == b"PAR1":
        return _table(pd.read_parquet(io.BytesIO(data)), uri)
    if b"BUFR" in data[:1024]:
        with TemporaryDirectory() as folder:  # eccodes reads files
            file = Path(folder) / name
            file.write_bytes(data)
            return read_synop(file)
    first = data.split(b"\n", 1)[0]
    if first.count(b"|") > 5:
        return read_ghcnh(data, name)
    try:
        return _table(pd.read_csv(io.BytesIO(data), dtype={"station": str, "station_id": str}), uri)
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise UnreadableFile(f"{uri}: neither CSV, Parquet, BUFR, GHCNh nor ISD-Lite ({error})") from None


def _folder(uri: str) -> pd.DataFrame:
    """A folder of ISD-Lite or GHCNh files."""
    fs, path = filesystem(uri)
    names = sorted(f.rsplit("/", 1)[-1] for f in fs.ls(path, detail=False))
    isd, psv = [n for n in names if station_of(n)], [n for n in names if n.endswith(".psv")]
    if not isd and not psv:
        raise BadInput(f"{uri}: a folder without ISD-Lite (574940-99999-2021.gz) or GHCNh (.psv) files")
    base = path.rstrip("/")
    history = _history(f"{uri.rstrip('/')}/{isd[0]}") if isd else None
    parts = [read_ghcnh(fs.cat_file(f"{base}/{n}"), n) for n in psv]
    if history is not None:
        parts += [read_isd_lite(fs.cat_file(f"{base}/{n}"), n, history) for n in isd]
    return table(parts)


def _history(uri: str) -> pd.DataFrame:
    """isd-history.csv from the file's folder or the one above."""
    fs, path = filesystem(uri)
    folder = path.rsplit("/", 1)[0]
    for place in (folder, folder.rsplit("/", 1)[0]):
        if fs.exists(f"{place}/{HISTORY}"):
            return read_history(fs.cat_file(f"{place}/{HISTORY}"))
    raise BadInput(f"{uri}: ISD-Lite says nowhere where a station is; put {HISTORY} beside it ({BASE}/{HISTORY})")


def _table(rows: pd.DataFrame, uri: str) -> pd.DataFrame:
    """A long or a wide table; BadInput says what is missing."""
    if {"variable", "value"} <= set(rows):
        return _typed(rows, uri)
    lacking = [c for c in WIDE_PLACE if c not in rows and c not in ("network", "elevation_m")]
    present = {c: how for c, how in WIDE.items() if c in rows}
    if lacking or not present:
        raise BadInput(f"{uri}: columns are {', '.join(map(str, rows.columns))}; {HOW}")
    place = rows[[c for c in WIDE_PLACE if c in rows]].rename(columns=WIDE_PLACE)
    hours = rows["precip_period_h"] if "precip_period_h" in rows else pd.Series(1.0, rows.index)
    note = rows["quality_note"].fillna("").astype(str) if "quality_note" in rows else pd.Series("", rows.index)
    parts = [
        place.assign(variable=variable, period=hours if variable == "tp" else 0.0, value=rows[column] * factor)
        for column, (variable, factor) in present.items()
    ]
    joined = pd.concat([p.assign(quality=note.where(note == "", "source: " + note)) for p in parts])
    joined["period"] = joined["period"].fillna(1.0)
    return _typed(joined, uri)


def _typed(rows: pd.DataFrame, uri: str) -> pd.DataFrame:
    """The table, times read; BadInput if a column does not hold what it should."""
    try:
        time = pd.to_datetime(rows["time"], utc=True).dt.tz_localize(None)
        quality = rows["quality"].fillna("") if "quality" in rows else ""
        return table(rows.assign(time=time.astype("datetime64[ns]"), quality=quality))
    except (ValueError, TypeError, KeyError) as error:
        raise BadInput(f"{uri}: {error}; {HOW}") from None
