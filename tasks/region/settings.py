"""How a region's products are made: what its YAML says of fetching, inference, observations, schedule and keeping."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from tasks.region.cron import checked
from tasks.storage import has_userinfo

# the region's keys that are in here: they shape no product, but for `calibration`, whose history is another every day
SHAPE_NOTHING = {
    "title_zh",
    "acquire", "calibration", "catch_up", "inference", "keep", "observations", "places", "schedule", "timezone",
}  # fmt: skip
Positive = Annotated[float, Field(gt=0, le=1e9)]  # no infinity: durations and counts are made of them


def once(names: list[str]) -> list[str]:
    """The names; ValueError if one is there twice."""
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise ValueError(f"{', '.join(twice)} is there twice")
    return names


def _without_password(address: str) -> str:
    if has_userinfo(address):
        raise ValueError("holds a user or password before an @, which would be stored and shown; take it out")
    return address


Address = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_without_password)]  # a name, or a URL
ObservationSource = Literal["ghcnh", "metar", "iem", "isd-lite", "synop", "wis2"]


class AcquireSettings(BaseModel):
    """How a cycle's files are fetched."""

    model_config = ConfigDict(extra="forbid")

    mirrors: Annotated[list[Address], Field(min_length=1, max_length=20), AfterValidator(once)] = [
        "ecmwf",
        "aws",
        "google",
        "azure",
    ]  # or URLs; first one first
    native: Address = "https://openmeteo.s3.amazonaws.com/data_spatial/ecmwf_ifs"  # of source ifs9km
    resol: Literal["0p25", "0p1"] = "0p25"
    confirm: bool = True  # fetch each message from a second mirror too: GRIB carries no check of its own
    in_flight: Annotated[int, Field(ge=1, le=32)] = 8  # requests at once
    wait_minutes: Annotated[float, Field(ge=0, le=1e6)] = (
        180  # for a cycle that was asked for, or a service that is down
    )
    timeout_seconds: Positive = 30  # without a byte
    pause_seconds: Positive = 15  # of a mirror that failed three times in a row; doubled each time
    poll_seconds: Positive = 60  # between looks for what is not there yet
    slowest: Positive = 20_000  # bytes a second: a mirror below that counts as dead
    # ERA5 from the CDS's queue, from the archive, or the archive first and the queue where it cannot
    era5_from: Literal["queue", "archive", "either"] = "queue"
    archive: Address = (
        "https://arco.datastores.ecmwf.int/cadl-arco-geo-002/arco/reanalysis_era5_single_levels/sfc/geoChunked.zarr"
    )
    cds_wait_hours: Positive = 12  # for the CDS to do a request
    cds_checksum: bool = True  # refuse a result whose checksum is another than the CDS says


class InferenceSettings(BaseModel):
    """Where and how the network is run."""

    model_config = ConfigDict(extra="forbid")

    where: Literal["auto", "workers", "here"] = "auto"  # auto: deployment super-resolve/gpu if there is one
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")] = "auto"
    # lead times that one process computes: fewer share the work among more workers, each costs some seconds to start
    slab_steps: Annotated[int, Field(ge=8, multiple_of=8)] = 24
    # points a side that are computed and written at once, and kept in one object: a process's memory goes with its
    # square, 1.7 GB for seven variables
    block: Annotated[int, Field(ge=256, multiple_of=256)] = 1024
    slab_blocks: Annotated[int, Field(ge=1)] = 8  # of these, of the same lead times, that one process computes
    # points of the product's grid: more are a misspelt spacing, unless somebody says so; the globe at 0.05 degree has
    # 26 million
    most_points: Annotated[int, Field(ge=4)] = 40_000_000
    wait_minutes: Annotated[float, Field(ge=0, le=1e6)] = 10  # for a worker to begin
    silent_minutes: Positive = 10  # without news of a slab: its process counts as dead
    attempts: Annotated[int, Field(ge=1)] = 3  # of each slab
    fall_back: bool = True  # compute in the run's own process where no worker begins


class ObservationSettings(BaseModel):
    """Which stations' observations products are held against."""

    model_config = ConfigDict(extra="forbid")

    sources: Annotated[list[ObservationSource], AfterValidator(once)] = ["ghcnh", "metar"]
    services: dict[ObservationSource, Address] = {}  # other addresses than the services' own, of a mirror or a proxy
    late_days: Positive = 4  # after a valid time, by which the last observation of it has come
    deadline_seconds: Positive = 300  # for one source; what has not come by then counts as missing


class CalibrationSettings(BaseModel):
    """Whether and from how much stations correct a product. It needs no thought: what does not help is not used."""

    model_config = ConfigDict(extra="forbid")

    enabled: bool = True
    cycles: Annotated[int, Field(ge=10)] = 60  # the newest, that are learned from
    keep_days: Annotated[int, Field(ge=10)] = 400  # of their pairs


class Keep(BaseModel):
    """How long products are kept."""

    model_config = ConfigDict(extra="forbid")

    days: Annotated[int, Field(ge=1)] | None = None  # since the cycle's initial time; null: for ever


class CatchUpSettings(BaseModel):
    """Which cycles that were due and were not made are made by themselves."""

    model_config = ConfigDict(extra="forbid")

    # since a cycle was due, 0: never; ECMWF keeps a forecast for three and a half days, some mirrors for longer
    ifs_days: Annotated[float, Field(ge=0)] = 3
    ens_days: Annotated[float, Field(ge=0)] = 3
    aifs_days: Annotated[float, Field(ge=0)] = 3
    era5_days: Annotated[float, Field(ge=0)] = 30
    tries: Annotated[int, Field(ge=1, le=20)] = 5  # beside the scheduled run
    pause_minutes: Positive = 10  # after the first of them; doubled after each

    def days(self, source: str) -> float:
        """How far back for a source; 0 for one that has no schedule."""
        days = {"ifs": self.ifs_days, "ens": self.ens_days, "aifs": self.aifs_days, "era5": self.era5_days}
        return days.get(source, 0.0)


class Schedule(BaseModel):
    """When the deployments of a region start by themselves: cron in UTC, null for never."""

    model_config = ConfigDict(extra="forbid")

    # the 00 and 12 UTC forecasts are open then, 06 and 18 UTC at 12:35 and 0:35; what is late is waited for
    ifs: str | None = "45 7,19 * * *"
    ens: str | None = None  # complete an hour after the forecast
    aifs: str | None = None
    era5: str | None = "30 6 * * *"
    maintain: str | None = "15 3 * * *"  # when no cycle is due
    verify: str | None = "30 10,22 * * *"  # between the cycles
    deadline_minutes: Positive = 240  # after a start of `ifs`: no product by then is an alarm

    def of(self, source: str) -> str | None:
        """When cycles of a source are due; None: never."""
        return {"ifs": self.ifs, "ens": self.ens, "aifs": self.aifs, "era5": self.era5}.get(source)

    @field_validator("ifs", "ens", "aifs", "era5", "maintain", "verify")
    @classmethod
    def _cron(cls, text: str | None) -> str | None:
        return checked(text) if text is not None else None
