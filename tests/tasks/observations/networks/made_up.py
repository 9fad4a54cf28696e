"""Small files in the formats of the services, with made up values."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import eccodes

HISTORY = (
    b'"USAF","WBAN","STATION NAME","CTRY","STATE","ICAO","LAT","LON","ELEV(M)","BEGIN","END"\n'
    b'"999010","99999","HILL","CH","","","+30.500","+111.500","+0257.0","19560820","20250827"\n'
    b'"999020","99999","AIRPORT","CH","","ZZZZ","+30.800","+114.200","+0034.0","19560820","20250827"\n'
    b'"999021","99999","FAR AWAY","CH","","","+18.300","+109.400","-0999.0","20040713","20250827"\n'
    b'"999030","99999","NOWHERE","CH","","","","","","19560820","20250827"\n'
    b'"999040","99999","NULL ISLAND","CH","","","+00.000","+000.000","+0001.0","19560820","20250827"\n'
    b'"999050","99999","CLOSED","CH","","","+30.600","+111.600","+0100.0","19560820","19991231"\n'
)
GHCNH_LIST = (
    b"GHCN_ID,LATITUDE,LONGITUDE,ELEVATION,STATE,NAME,GSN,(US)HCN_(US)CRN,WMO_ID,ICAO\n"
    b"CHM00099901,30.5000,111.5000,257.0,,HILL,,,99901,\n"
    b"CHM00099902,30.8000,114.2000,-999.9,,AIRPORT,,,99902,ZZZZ\n"
    b"CHM00099903,48.0000,11.0000,500.0,,ELSEWHERE,,,99903,\n"
)
START = datetime(2021, 1, 1)


def isd_line(time: datetime, t: int = 51, td: int = 20, slp: int = 10200, wind: tuple[int, int] = (90, 20),
             rain: tuple[int, int] = (-9999, -9999)) -> str:  # fmt: skip
    """A line of ISD-Lite, in its tenths."""
    values = (t, td, slp, *wind, -9999, *rain)
    return f"{time:%Y %m %d %H}" + "".join(f"{v:6d}" for v in values)


def isd_file(lines: list[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()


def three_hourly(count: int = 16, **values: Any) -> bytes:
    return isd_file([isd_line(START + timedelta(hours=3 * i), **values) for i in range(count)])


def psv(rows: list[dict[str, str]], old: bool = False) -> bytes:
    """A GHCNh file with the newer heading or the older one; a variable's five columns follow it."""
    names = list(dict.fromkeys(n.split(":")[0] for row in rows for n in row if n != "DATE"))
    extra = {"m": "Measurement_Code", "q": "Quality_Code", "r": "Report_Type", "s": "Source_Code"}
    place = ["STATION", "Station_name", "DATE", "LATITUDE", "LONGITUDE", "ELEVATION"]
    if old:
        place = [
            "Station_ID",
            "Station_name",
            "Year",
            "Month",
            "Day",
            "Hour",
            "Minute",
            "Latitude",
            "Longitude",
            "Elevation",
        ]
    head = place + [c for n in names for c in (n, *(f"{n}_{e}" for e in extra.values()))]
    lines = ["|".join(head)]
    for row in rows:
        time = datetime.fromisoformat(row["DATE"])
        when = [str(x) for x in time.timetuple()[:5]] if old else [row["DATE"]]
        cells = ["CHM00099901", "HILL", *when, "30.5", "111.5", "257.0"]
        cells += [c for n in names for c in (row.get(n, ""), *(row.get(f"{n}:{k}", "") for k in extra))]
        lines.append("|".join(cells))
    return ("\n".join(lines) + "\n").encode()


def metar(station: str, time: datetime, **values: Any) -> dict[str, Any]:
    """A report as aviationweather.gov gives it."""
    epoch = int((time - datetime(1970, 1, 1)).total_seconds())
    report = {"icaoId": station, "obsTime": epoch, "lat": 30.8, "lon": 114.2, "elev": 34, "metarType": "METAR"}
    return report | {"temp": 12, "dewp": 5, "wdir": 90, "wspd": 10, "altim": 1020, "slp": None} | values


def report(number: int = 461, **values: Any) -> dict[str, Any]:
    """A report of a station of Hubei, by the template's keys."""
    return {
        "blockNumber": 57, "stationNumber": number, "year": 2025, "month": 1, "day": 1, "hour": 6, "minute": 0,
        "latitude": 30.7, "longitude": 111.3, "heightOfStationGroundAboveMeanSeaLevel": 133.0,
        "airTemperature": 281.5, "dewpointTemperature": 279.0, "nonCoordinatePressure": 100_500.0,
        "pressureReducedToMeanSeaLevel": 102_100.0, "windDirection": 90, "windSpeed": 3.0,
        # present weather, sunshine twice, rain twice, four of extreme temperatures, wind and two gusts
        "timePeriod": [-6, -1, -24, -6, -24, 0, 0, 0, 0, -10, -10, -60],
        "totalPrecipitationOrTotalWaterEquivalent": [4.2, 11.0],
    } | values  # fmt: skip


def bufr(reports: list[dict[str, Any]], compressed: bool = False, wigos: bool = False) -> bytes:
    """One message with a subset a report; values by the template's keys without rank, a list for what comes again."""
    handle = eccodes.codes_bufr_new_from_samples("BUFR4")
    try:
        eccodes.codes_set(handle, "masterTablesVersionNumber", 36)
        eccodes.codes_set(handle, "dataCategory", 0)
        eccodes.codes_set(handle, "compressedData", int(compressed))
        eccodes.codes_set(handle, "numberOfSubsets", len(reports))
        eccodes.codes_set_array(handle, "inputDelayedDescriptorReplicationFactor", [0] * 2 * len(reports))
        eccodes.codes_set_array(handle, "unexpandedDescriptors", [301150, 307080] if wigos else [307080])
        for name in dict.fromkeys(n for report in reports for n in report):
            many = [r[name] if isinstance(r[name], list) else [r[name]] for r in reports]
            for rank in range(len(many[0])):
                if compressed:
                    values = [m[rank] for m in many]
                    eccodes.codes_set_array(handle, f"#{rank + 1}#{name}", values)
                    continue
                for subset, m in enumerate(many):
                    eccodes.codes_set(
                        handle, f"#{subset * _repeats(handle, name, len(reports)) + rank + 1}#{name}", m[rank]
                    )
        eccodes.codes_set(handle, "pack", 1)
        return bytes(eccodes.codes_get_message(handle))
    finally:
        eccodes.codes_release(handle)


def _repeats(handle: Any, name: str, subsets: int) -> int:
    """How often a key comes in one subset."""
    return int(eccodes.codes_get_size(handle, name) / subsets)


def surface(station: str = "57001", place: str = "111.50 30.50 257", **values: Any) -> str:
    """A record of MICAPS diamond 1; what is not given is 9999."""
    names = [
        "level", "cloud", "direction", "speed", "pressure", "tendency", "past1", "past2", "rain", "low", "amount",
        "height", "dew", "visibility", "weather", "temperature", "middle", "high", "mark1", "mark2",
    ]  # fmt: skip
    assert set(values) <= {*names, "changes"}
    return " ".join(
        [station, place, *(str(values.get(n, 9999)) for n in names), *str(values.get("changes", "")).split()]
    )


def diamond(kind: int, head: str, records: list[str], description: str = "地面观测") -> str:
    """A MICAPS text file; `head` is all of the header but the number of stations, which is that of the records."""
    return "\n".join([f"diamond {kind} {description}", f"{head} {len(records)}", *records]) + "\n"
