"""METAR, reports of airports: the last days from aviationweather.gov (JSON), history from Iowa's IEM (CSV).

Whole degrees (0.29 K of noise) and whole knots or m/s. The altimeter setting (QNH) is neither station nor sea-level
pressure as SYNOP has it, and is not used.
"""

from __future__ import annotations

import io
import json

import numpy as np
import pandas as pd

from tasks.errors import UnreadableFile
from tasks.validate.stations.table import table

NOW_BASE, HISTORY_BASE = "https://aviationweather.gov/api/data", "https://mesonet.agron.iastate.edu/cgi-bin/request"
ZERO_CELSIUS, KNOT, INCH, HPA = 273.15, 1852 / 3600, 0.0254, 100.0
NEAR = pd.Timedelta(minutes=10)  # of a full hour: reports of :50 are those of the hour that follows
TRACE = 0.0001  # in, as IEM writes it


def _on_the_hour(time: pd.Series) -> pd.Series:
    """Times near a full hour as that hour, others missing: special reports tell of a moment's change."""
    hour = time.dt.round("h")
    return hour.where((time - hour).abs() <= NEAR)


def _rows(common: pd.DataFrame, values: dict[tuple[str, float], pd.Series]) -> pd.DataFrame:
    parts = [
        common.assign(network="metar", variable=variable, period=period, value=value)
        for (variable, period), value in values.items()
    ]
    # nearest to the hour last, which is the one that is kept
    return table([p[p["time"].notna()] for p in parts])


def read_metar(data: bytes) -> pd.DataFrame:
    """Observations from aviationweather.gov's JSON; UnreadableFile if it is something else."""
    try:
        reports = json.loads(data) if data.strip() else []
        frame = pd.DataFrame(reports)
        if frame.empty:
            return table([])
        seconds = pd.to_numeric(frame["obsTime"], errors="coerce")
        time = pd.to_datetime(seconds, unit="s", errors="coerce").astype("datetime64[ns]")
        common = pd.DataFrame(
            {"station": frame["icaoId"].astype(str), "latitude": frame["lat"], "longitude": frame["lon"],
             "elevation": frame.get("elev", np.nan), "time": _on_the_hour(time)}
        )  # fmt: skip
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableFile(
            f"METAR: not what aviationweather.gov's JSON looks like ({error}); ask again later"
        ) from None

    def number(name: str) -> pd.Series:
        column = frame[name] if name in frame else pd.Series(np.nan, frame.index)
        return pd.to_numeric(column, errors="coerce")  # VRB is no direction

    speed = number("wspd") * KNOT
    return _rows(
        common,
        {
            ("t2m", 0.0): number("temp") + ZERO_CELSIUS, ("d2m", 0.0): number("dewp") + ZERO_CELSIUS,
            ("msl", 0.0): number("slp") * HPA, ("wind_speed", 0.0): speed,
            ("wind_direction", 0.0): number("wdir").where(speed > 0), ("tp", 1.0): number("precip") * INCH,
            ("tp", 6.0): number("pcp6hr") * INCH,
        },
    )  # fmt: skip


def read_iem(data: bytes) -> pd.DataFrame:
    """Observations from IEM's `asos.py` (format=onlycomma, latlon=yes, elev=yes, tz=UTC); UnreadableFile otherwise."""
    lines = [line for line in data.decode("utf-8", errors="replace").splitlines() if not line.startswith("#")]
    try:
        frame = pd.read_csv(io.StringIO("\n".join(lines)), dtype=str)
        time = pd.to_datetime(frame["valid"], errors="coerce").astype("datetime64[ns]")
        number = lambda name: pd.to_numeric(frame.get(name, pd.Series(np.nan, frame.index)), errors="coerce")  # noqa: E731
        common = pd.DataFrame(
            {"station": frame["station"], "latitude": number("lat"), "longitude": number("lon"),
             "elevation": number("elevation"), "time": _on_the_hour(time)}
        )  # fmt: skip
    except (ValueError, KeyError, pd.errors.EmptyDataError) as error:
        raise UnreadableFile(f"IEM: not a table of METARs with station, valid, lat and lon ({error})") from None
    celsius = lambda name: (number(name) - 32.0) / 1.8 + ZERO_CELSIUS  # noqa: E731
    speed, rain = number("sknt") * KNOT, number("p01i").mask(frame.get("p01i") == "T", TRACE)
    return _rows(
        common,
        {
            ("t2m", 0.0): celsius("tmpf"), ("d2m", 0.0): celsius("dwpf"), ("msl", 0.0): number("mslp") * HPA,
            ("wind_speed", 0.0): speed, ("wind_direction", 0.0): number("drct").where(speed > 0),
            ("tp", 1.0): (rain * INCH).mask(rain <= TRACE, 0.0),
        },
    )  # fmt: skip
