"""Anybody's table of forecasts beside observations at stations: what an archive of verification has."""

from __future__ import annotations

import io
import zlib

import pandas as pd

from tasks.errors import BadInput, UnreadableFile
from tasks.observations.networks import anywhere
from tasks.store.history import COLUMNS, FURTHEST, believable, history_table

NEEDS = ["station", "latitude", "longitude", "time", "lead_hours", "variable", "forecast", "observed"]
SHORT = {"time_utc": "time", "elevation_m": "elevation", "lead_h": "lead_hours"}
T2M = {"forecast_K": "forecast", "obs_K": "observed"}
FORMS = (
    f"a table of pairs is CSV (also .gz) or Parquet with the columns {', '.join(NEEDS)} (SI, UTC) and, where known, "
    f"elevation, land, simple; or, for t2m, {', '.join(T2M)} with {', '.join(SHORT)}"
)


def is_paired(uri: str) -> bool:
    """Whether a file is told as a table by its name."""
    return uri.removesuffix(".gz").endswith((".csv", ".parquet"))


def read_paired(uri: str, column: str = "") -> pd.DataFrame:
    """Rows as tasks/store/history.py has them, of forecasts in `column` where one is given.

    BadInput says what is wrong with a table that is none.
    """
    try:
        data = anywhere.read(uri)
        parquet = data[:4] == b"PAR1"
        raw = (
            pd.read_parquet(io.BytesIO(data))
            if parquet
            else pd.read_csv(
                io.BytesIO(data), dtype={"station": str}, compression="gzip" if data[:2] == b"\x1f\x8b" else None
            )
        )
    except FileNotFoundError:
        raise UnreadableFile(f"{uri}: is not there; give a file of pairs, or its URI") from None
    except (ValueError, OSError, EOFError, zlib.error, pd.errors.ParserError) as error:
        raise UnreadableFile(f"{uri}: is no table that can be read ({error}); {FORMS}") from None
    if column and column not in raw:
        raise BadInput(f"{uri}: has no column {column}; it has {', '.join(map(str, raw))}")
    short = set(T2M) <= set(raw)
    raw = raw.assign(**{"forecast_K" if short else "forecast": raw[column]}) if column else raw
    rows = raw.rename(columns=SHORT | T2M)
    if "variable" not in rows and short:
        rows["variable"] = "t2m"
    if lacking := [c for c in NEEDS if c not in rows]:
        raise BadInput(f"{uri}: has no column {', '.join(lacking)}; {FORMS}")
    if unknown := sorted(set(rows["variable"].dropna().astype(str)) - set(FURTHEST)):
        raise BadInput(f"{uri}: has pairs of {', '.join(unknown)}; {', '.join(FURTHEST)} can be calibrated")
    try:
        rows["time"] = pd.to_datetime(rows["time"], utc=True, format="ISO8601").dt.tz_localize(None)
        table = history_table(rows[[c for c in COLUMNS if c in rows]].dropna(subset=NEEDS))
    except (ValueError, TypeError) as error:
        raise BadInput(f"{uri}: a column holds something else than it should ({error}); {FORMS}") from None
    kept = believable(table)
    if kept.empty:
        raise BadInput(f"{uri}: holds no pair of a forecast and an observation that belong together")
    return kept
