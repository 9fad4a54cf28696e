"""SYNOP in BUFR: the WMO's templates for land stations (307080 and its like), and ECMWF's archive form.

Messages are walked key by key with eccodes, because an amount's period stands before it under the same name as the
wind's and the sunshine's; pdbufr's reader of SYNOP is five times slower here, and does not know the amount of one hour.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import eccodes
import numpy as np
import pandas as pd

from tasks.errors import UnreadableFile
from tasks.observations.networks.rows import Column, direction_of_wind, long_form
from tasks.observations.networks.table import table

log = logging.getLogger(__name__)

LAND = 0  # data category of BUFR's table A: surface data, land
PERIOD, AMOUNT = "timePeriod", "totalPrecipitationOrTotalWaterEquivalent"
HOURS = {"004024": 1.0, "004025": 1 / 60, "004026": 1 / 3600}  # of PERIOD's three descriptors
AMOUNTS = {f"totalPrecipitationPast{h}Hour{'s' if h > 1 else ''}": float(h) for h in (1, 3, 6, 12, 24)}
VALUES = {
    "airTemperatureAt2M": "t2m",
    "airTemperature": "t2m",
    "dewpointTemperatureAt2M": "d2m",
    "dewpointTemperature": "d2m",
    "nonCoordinatePressure": "sp",
    "pressureReducedToMeanSeaLevel": "msl",
    "windSpeedAt10M": "wind_speed",
    "windSpeed": "wind_speed",
    "windDirectionAt10M": "wind_direction",
    "windDirection": "wind_direction",
}
WIGOS = ["wigosIdentifierSeries", "wigosIssuerOfIdentifier", "wigosIssueNumber", "wigosLocalIdentifierCharacter"]
NUMBER = ["blockNumber", "stationNumber"]
TIME = ["year", "month", "day", "hour", "minute"]
HEIGHTS = {"heightOfStationGroundAboveMeanSeaLevel": "elevation", "heightOfStation": "elevation"}
NAMES = {
    **VALUES,
    **HEIGHTS,
    **{n: n for n in [*NUMBER, *WIGOS, *TIME, "latitude", "longitude", PERIOD, AMOUNT, *AMOUNTS]},
}
Step = tuple[str, str, float]  # key, name, hours of one unit of a period


def read_synop(data: bytes, name: str) -> pd.DataFrame:
    """The table of a file of BUFR messages, compressed or not; stations by WMO number, or WIGOS identifier.

    Elevation is the ground's. UnreadableFile for a file that is cut, or without a message of land stations.
    """
    structures: dict[Any, list[list[Step]]] = {}  # in the order of keys, which is slow to get; a file has few
    reports: list[dict[str, Any]] = []
    bad = 0
    for message in _messages(data, name):
        try:
            reports += _reports(message, structures)
        except eccodes.CodesInternalError as error:
            bad, why = bad + 1, str(error)
    if bad:
        log.warning("%s: %d messages cannot be decoded and are left out (%s)", name, bad, why)
    frame = pd.DataFrame(reports)
    if frame.empty or not {"latitude", "longitude", *TIME[:4]} <= set(frame):
        raise UnreadableFile(
            f"{name}: holds no SYNOP of land stations in BUFR that can be decoded; is it the right file?"
        )
    return _table(frame)


def _messages(data: bytes, name: str) -> Iterator[bytes]:
    """The BUFR messages; what is between them (headings of the GTS) is passed over."""
    at = data.find(b"BUFR")
    while at >= 0:
        length = int.from_bytes(data[at + 4 : at + 7], "big")
        if length < 8 or data[at + length - 4 : at + length] != b"7777":
            raise UnreadableFile(f"{name}: the BUFR message at byte {at} is cut; fetch the file again")
        yield data[at : at + length]
        at = data.find(b"BUFR", at + length)


def _reports(message: bytes, structures: dict[Any, list[list[Step]]]) -> list[dict[str, Any]]:
    """One dictionary a subset, values as they are coded."""
    handle = eccodes.codes_new_from_message(message)
    try:
        if eccodes.codes_get(handle, "dataCategory") != LAND:
            return []
        count = eccodes.codes_get(handle, "numberOfSubsets")
        compressed = eccodes.codes_get(handle, "compressedData")
        kind = (count, compressed, _array(handle, "unexpandedDescriptors"))
        if structures.get(kind) == []:
            return []
        eccodes.codes_set(handle, "skipExtraKeyAttributes", 1)
        eccodes.codes_set(handle, "unpack", 1)
        shape = (*kind, repeats) if (repeats := _array(handle, "delayedDescriptorReplicationFactor")) else kind
        if shape not in structures:
            structures[shape] = _structure(message)
        out = []
        for steps in structures[shape]:
            out += _walked(handle, steps, count if compressed else 1)
        return out
    finally:
        eccodes.codes_release(handle)


def _structure(message: bytes) -> list[list[Step]]:
    """The keys that are wanted, in the message's order, by subset; empty without a value among them."""
    handle = eccodes.codes_new_from_message(message)
    subsets: list[list[Step]] = [[]]
    try:
        eccodes.codes_set(handle, "unpack", 1)
        keys = eccodes.codes_bufr_keys_iterator_new(handle)
        while eccodes.codes_bufr_keys_iterator_next(keys):
            key = eccodes.codes_bufr_keys_iterator_get_name(keys)
            name = key.rsplit("#", 1)[-1]
            if key == "subsetNumber":
                subsets.append([])
            elif name in NAMES and key.startswith("#"):
                hours = HOURS.get(eccodes.codes_get(handle, f"{key}->code", str), np.nan) if name == PERIOD else 0.0
                subsets[-1].append((key, name, hours))
        eccodes.codes_bufr_keys_iterator_delete(keys)
    finally:
        eccodes.codes_release(handle)
    useful = {*VALUES, AMOUNT, *AMOUNTS}
    return [steps for steps in subsets if any(name in useful for _, name, _ in steps)]


def _walked(handle: Any, steps: list[Step], count: int) -> list[dict[str, Any]]:
    """A subset's values, or those of all compressed subsets; of what comes twice, the first."""
    columns: dict[str, Any] = {}
    period: Any = [np.nan]
    amounts = 0
    for key, name, hours in steps:
        values = eccodes.codes_get_array(handle, key)
        if name == PERIOD:
            period = np.abs(np.asarray(values, dtype=float) * hours)
        elif name == AMOUNT or name in AMOUNTS:
            columns[f"rain{amounts}"] = values
            columns[f"hours{amounts}"] = period if name == AMOUNT else [AMOUNTS[name]]
            amounts += 1
        else:
            columns.setdefault(NAMES[name], values)
    return [{n: v[i if len(v) == count else 0] for n, v in columns.items()} for i in range(count)]


def _table(frame: pd.DataFrame) -> pd.DataFrame:
    for column in frame.columns.difference(["wigosLocalIdentifierCharacter"]):
        number = pd.to_numeric(frame[column], errors="coerce").astype(float)
        missing = (number == eccodes.CODES_MISSING_LONG) | (number <= eccodes.CODES_MISSING_DOUBLE)
        frame[column] = number.mask(missing)
    minute = frame["minute"].fillna(0) if "minute" in frame else 0
    time = pd.to_datetime(frame[TIME[:4]].assign(minute=minute), errors="coerce")
    reports = frame.assign(station=_stations(frame), network="synop", time=time)
    if "elevation" not in reports:
        reports["elevation"] = np.nan
    reports = reports.dropna(subset=["station", "latitude", "longitude", "time"])
    if {"wind_speed", "wind_direction"} <= set(reports):
        reports["wind_direction"] = direction_of_wind(reports["wind_direction"], reports["wind_speed"])
    parts = long_form(reports, {v: Column(v) for v in VALUES.values()})
    for rain in (c for c in reports if c.startswith("rain")):
        amount = reports[rain].mask(reports[rain].between(-0.2, 0.0), 0.0)  # -0.1 kg m-2: a trace
        for hours, some in reports.assign(**{rain: amount}).groupby(reports[rain.replace("rain", "hours")].round(3)):
            parts += long_form(some, {rain: Column("tp", 1e-3, period=float(hours))})
    return table(parts)


def _stations(frame: pd.DataFrame) -> pd.Series:
    """WMO number in five figures, also where WIGOS says it (0-20000-0-57494); else the whole WIGOS identifier."""
    station = pd.Series(None, index=frame.index, dtype=object)
    if set(WIGOS) <= set(frame):
        whole = frame[WIGOS[:3]].notna().all(axis=1) & frame[WIGOS[3]].notna()
        numbers = frame.loc[whole, WIGOS[:3]].astype(int).astype(str).agg("-".join, axis=1)
        identifier = numbers + "-" + frame.loc[whole, WIGOS[3]].str.strip()
        station[whole] = identifier.str.replace(r"^0-20000-0-(?=\d{5}$)", "", regex=True)
    if set(NUMBER) <= set(frame):
        known = frame[NUMBER].notna().all(axis=1)
        number = frame.loc[known, NUMBER[0]] * 1000 + frame.loc[known, NUMBER[1]]
        station[known] = number.astype(int).map("{:05d}".format)
    return station


def _array(handle: Any, key: str) -> tuple[Any, ...]:
    try:
        return tuple(eccodes.codes_get_array(handle, key))
    except eccodes.KeyValueNotFoundError:
        return ()
