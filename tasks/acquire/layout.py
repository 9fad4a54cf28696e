"""ECMWF open data's layout through the years, in one dated table: streams, lead times, where files lie.

After ECMWF's page "Open data: real-time forecasts from IFS and AIFS" and `ecmwf-opendata`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tasks.errors import BadInput
from tasks.storage import join


@dataclass(frozen=True)
class Layout:
    """What holds from a cycle on: stream of the 06 and 18 UTC cycles, how far each kind reaches, where files lie."""

    since: datetime
    short_stream: str
    reach: int  # hours, of 00 and 12 UTC
    short_reach: int  # of 06 and 18 UTC
    folder: str = "ifs"  # between cycle and resolution; empty: none
    resol: str = "0p25"  # what was served before there was 0p25


# Dates of IFS paths: ecmwf/ecmwf-opendata issues 32 (0.25 degree, published from 31 January 2024 on, is whole from the
# next day; 0.4 degree went on beside it until cycle 49r1) and 34 (`ifs/` from 06 UTC of 28 February 2024), and Herbie's
# template of the IFS, which has the same two. AIFS Single became operational with 06 UTC of 25 February 2025; what was
# served before lay elsewhere, and its rain was in metres.
LAYOUTS = {
    "ifs": (
        Layout(datetime(1, 1, 1, tzinfo=UTC), "scda", 240, 90),  # older than open data: as the demo cycle is shipped
        Layout(datetime(2022, 1, 18, tzinfo=UTC), "scda", 240, 90, "", "0p4-beta"),
        Layout(datetime(2024, 2, 1, tzinfo=UTC), "scda", 240, 90, ""),
        Layout(datetime(2024, 2, 28, 6, tzinfo=UTC), "scda", 240, 90),
        Layout(datetime(2024, 11, 12, 6, tzinfo=UTC), "scda", 360, 144),  # cycle 49r1
        # cycle 50r1; the client takes the whole day for it
        Layout(datetime(2026, 5, 12, tzinfo=UTC), "oper", 360, 144),
    ),
    "aifs": (Layout(datetime(2025, 2, 25, 6, tzinfo=UTC), "oper", 360, 360, "aifs-single"),),
    # members 1 to 50; the control was among them until cycle 50r1 made it `oper`. Stream enfo at all hours
    "ens": (Layout(datetime(2024, 2, 28, 6, tzinfo=UTC), "enfo", 360, 144),),
    # ECMWF's catalogue is open since then; of a run Open-Meteo's files hold as much
    "ifs9km": (Layout(datetime(2025, 10, 1, tzinfo=UTC), "oper", 360, 144),),
}
# Hours up to which every one is there, or every third; every sixth beyond. What IFS has to 144 h its index says.
HOURLY_TO = {"ifs": 144, "aifs": -1, "ifs9km": 90, "ens": -1}
THREE_HOURLY_TO = {"ifs": 144, "aifs": -1, "ifs9km": 144, "ens": 144}
KIND = {"ens": "ef"}  # of forecast, in files' names; others are fc
SPLIT = {"0p1": "-sfc"}  # resolutions whose files are split by kind of level
# Cycles are commonly complete so long after they start: all lead times appear together, at 07:34, 12:27, 19:34 and
# 00:27 UTC in autumn 2026; those of AIFS some hours after the analysis that they start from
READY_AFTER = {  # of 00 and 12 UTC, of 06 and 18
    "ifs": (timedelta(hours=7, minutes=40), timedelta(hours=6, minutes=30)),
    "aifs": (timedelta(hours=6, minutes=30), timedelta(hours=6, minutes=30)),
    "ifs9km": (timedelta(hours=8, minutes=30), timedelta(hours=7, minutes=30)),
    "ens": (timedelta(hours=8, minutes=45), timedelta(hours=7, minutes=45)),  # its day 15 is an hour after HRES
}
COMPLETE_AFTER = 12  # hours after its initial time, at the latest: what is not there then will not come


def layout_of(time: datetime, source: str = "ifs") -> Layout:
    """The layout that a cycle has; BadInput for one before its source began."""
    found = [e for e in LAYOUTS[source] if e.since <= time]
    if not found:
        first = LAYOUTS[source][0].since
        raise BadInput(f"{source}/{time:%Y-%m-%dT%H}: {source} begins with {first:%Y-%m-%dT%H}; name a later cycle")
    return found[-1]


def stream_of(time: datetime, source: str = "ifs") -> str:
    """Stream of a cycle's high-resolution forecast."""
    return "oper" if time.hour in (0, 12) and source != "ens" else layout_of(time, source).short_stream


def reach_of(time: datetime, source: str = "ifs") -> int:
    """Last lead time of a cycle in hours."""
    layout = layout_of(time, source)
    return layout.reach if time.hour in (0, 12) else layout.short_reach


def ready_after(time: datetime, source: str = "ifs") -> timedelta:
    """How long after its start a cycle is commonly complete."""
    return READY_AFTER[source][time.hour not in (0, 12)]


def lead_times(hours: list[int], source: str = "ifs") -> list[int]:
    """Those of the hours asked for that there can be."""
    return [h for h in hours if h % 6 == 0 or (h <= THREE_HOURLY_TO[source] and h % 3 == 0) or h <= HOURLY_TO[source]]


def between(source: str, after: int, last: int) -> list[int]:
    """All lead times in hours that a source has after one, up to and with another."""
    return lead_times(list(range(after + 1, last + 1)), source)


def resol_of(time: datetime, resol: str = "0p25", source: str = "ifs") -> str:
    """Resolution in which a cycle is served, of one that is asked for: 0.4 degree before there was 0.25.

    Of the ensemble there is no finer one.
    """
    return layout_of(time, source).resol if resol == "0p25" or source == "ens" else resol


def file_uri(root: str, time: datetime, step: int, resol: str = "0p25", source: str = "ifs") -> str:
    """URI of one lead time's GRIB file, without the ending."""
    stream, served = stream_of(time, source), resol_of(time, resol, source)
    name = f"{time:%Y%m%d%H%M%S}-{step}h-{stream}-{KIND.get(source, 'fc')}{SPLIT.get(served, '')}"
    folders = [f for f in (layout_of(time, source).folder, served, stream) if f]
    return join(root, f"{time:%Y%m%d}", f"{time:%H}z", *folders, name)
