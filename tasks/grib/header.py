"""What a GRIB message says of itself: parameter, level, times, origin. By key, never by order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import eccodes
from eccodes.highlevel.message import GRIBMessage

from tasks.errors import FinescaleError
from tasks.variables import Variable, by_param_id

SURFACE_LEVELS = {"surface", "meanSea", "heightAboveGround"}


@dataclass(frozen=True)
class Header:
    """One message's identity. `start`..`valid`: interval of an amount; both equal for an instant. Times are UTC."""

    param_id: int
    short_name: str
    variable: Variable | None  # None: none of ours
    level_type: str
    level: int
    init: datetime
    start: datetime
    valid: datetime
    grib_class: str  # od, ea, ...; empty where the centre has none
    grib_type: str  # an, fc, ...
    expver: str
    member: int  # 0: not of an ensemble, or its control

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
        param_id = int(message["paramId"])
        variable = by_param_id(param_id)
        init, valid = _time(message, "data"), _time(message, "validity")
        start = valid
        if variable is not None and variable.amount:
            message["stepUnits"] = 1  # hours
            start = init + timedelta(hours=int(message["startStep"]))
        header = Header(
            param_id=param_id, short_name=str(message["shortName"]), variable=variable,
            level_type=str(message["typeOfLevel"]), level=int(message.get("level", 0)), init=init, start=start,
            valid=valid, grib_class=_text(message, "class"), grib_type=_text(message, "type"),
            expver=_text(message, "expver"), member=int(message.get("perturbationNumber", 0)),
        )  # fmt: skip
    except (eccodes.CodesInternalError, KeyError, ValueError) as error:
        raise fault(f"{label}: header does not decode ({error}); {remedy}") from None
    if not init <= start <= valid:
        raise fault(
            f"{label}: valid from {start:%Y-%m-%dT%H} to {valid:%Y-%m-%dT%H}, initial time {init:%Y-%m-%dT%H}; {remedy}"
        )
    return header


def _text(message: GRIBMessage, key: str) -> str:
    """A key that not every centre's GRIB has."""
    return str(message.get(key, ""))


def _time(message: GRIBMessage, which: str) -> datetime:
    return datetime.strptime(f"{message[f'{which}Date']:08d}{message[f'{which}Time']:04d}", "%Y%m%d%H%M").replace(
        tzinfo=UTC
    )
