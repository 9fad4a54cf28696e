"""What a GRIB message says of itself: parameter, level, times, origin. By key, never by order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import eccodes
from eccodes.highlevel.message import GRIBMessage

from tasks.errors import FinescaleError
from tasks.grib.keys import integer, text
from tasks.names import WMO_UNITS, by_level, by_param_id, by_wmo
from tasks.variables import Variable

SURFACE_LEVELS = {"surface", "meanSea", "heightAboveGround", "entireAtmosphere"}
# step types of ecCodes: what a field is of its steps
SUMS, MEANS = {"accum", "diff"}, {"avg", "avgd", "avgfc"}
EXTREMES = {"max", "min", "range", "sd", "rms", "cov", "ratio"}  # no field of one moment
OF_EXTREME = {"maximum": {"max", "instant"}, "minimum": {"min", "instant"}}  # GRIB 1 may say of neither
MONTHLY = {"moda", "edmo", "mnth", "wamo"}  # streams of ECMWF that hold means over a month


@dataclass(frozen=True)
class Header:
    """One message's identity. Times are UTC.

    `start`..`valid`: interval of an amount; both equal for an instant. `start` is None for an amount that does not say.
    """

    param_id: int
    short_name: str
    variable: Variable | None  # None: none of ours
    level_type: str
    level: int
    init: datetime
    start: datetime | None
    valid: datetime
    grib_class: str  # od, ea, ...; empty where the centre has none
    grib_type: str  # an, fc, ...
    expver: str
    member: int  # 0: not of an ensemble, or its control
    derived: int | None  # code table 4.7 of GRIB2: what was made of an ensemble's members
    units: str  # as ecCodes names them
    step_type: str  # instant, accum, avg, ...
    monthly: bool  # of a month, whose first day is `valid`

    @property
    def lead(self) -> timedelta:
        """Lead time."""
        return self.valid - self.init

    @property
    def lead_hours(self) -> float:
        """Lead time in hours."""
        return self.lead / timedelta(hours=1)

    @property
    def of_surface(self) -> bool:
        """Whether it lies where our variables do."""
        return self.level_type in SURFACE_LEVELS


def read_header(message: GRIBMessage, fault: type[FinescaleError], label: str, remedy: str) -> Header:
    """The header of a message; `fault` where a key does not decode or times contradict each other."""
    try:
        param_id, short_name = integer(message, "paramId"), text(message, "shortName")
        level_type, level = text(message, "typeOfLevel"), integer(message, "level", 0)
        step_type = text(message, "stepType", "")
        variable = by_param_id(param_id) or by_level(short_name, level_type, level) or _by_wmo(message)
        init, valid = _time(message, "data"), _time(message, "validity")
        start: datetime | None = valid
        monthly = text(message, "stream", "") in MONTHLY
        if monthly:
            start = valid = init
        elif variable is not None and variable.amount:
            start = _start(message, init, valid, step_type)
        header = Header(
            param_id=param_id, short_name=short_name, variable=variable, level_type=level_type, level=level,
            init=init, start=start, valid=valid, grib_class=text(message, "class", ""),
            grib_type=text(message, "type", ""), expver=text(message, "expver", ""),
            member=integer(message, "perturbationNumber", 0), derived=_derived(message),
            units=_units(message, variable), step_type=step_type, monthly=monthly,
        )  # fmt: skip
    except (eccodes.CodesInternalError, KeyError, ValueError) as error:
        raise fault(f"{label}: header does not decode ({error}); {remedy}") from None
    if not init <= (start or valid) <= valid:
        begin = start or valid
        raise fault(
            f"{label}: valid from {begin:%Y-%m-%dT%H} to {valid:%Y-%m-%dT%H}, initial time {init:%Y-%m-%dT%H}; {remedy}"
        )
    return header


def _start(message: GRIBMessage, init: datetime, valid: datetime, step_type: str) -> datetime | None:
    """When the interval of an amount begins; None where the message is of one instant after the start."""
    message.set("stepUnits", 0, check_values=False)  # minutes: lead times need not be whole hours
    start = init + timedelta(minutes=integer(message, "startStep"))
    whole = step_type in SUMS | MEANS or valid == init
    return start if whole and (start < valid or valid == init) else None


def _units(message: GRIBMessage, variable: Variable | None) -> str:
    """Of the values; by WMO's table where ecCodes does not know the parameter."""
    units = text(message, "units", "unknown")
    if units not in ("unknown", "~") or variable is None:
        return units
    key = integer(message, "parameterCategory", -1), integer(message, "parameterNumber", -1)
    return WMO_UNITS.get(key, variable.units)


def _by_wmo(message: GRIBMessage) -> Variable | None:
    """Of a GRIB2 message that ecCodes has no name for."""
    if integer(message, "edition") != 2 or integer(message, "discipline") != 0:
        return None
    keys = "parameterCategory", "parameterNumber", "typeOfFirstFixedSurface", "level"
    return by_wmo(*(integer(message, key, -1) for key in keys))


def _derived(message: GRIBMessage) -> int | None:
    found = integer(message, "derivedForecast", -1)
    return None if found == -1 else found


def _time(message: GRIBMessage, which: str) -> datetime:
    date, time = integer(message, f"{which}Date"), integer(message, f"{which}Time")
    return datetime.strptime(f"{date:08d}{time:04d}", "%Y%m%d%H%M").replace(tzinfo=UTC)
