"""A region: one YAML that says what to make for whom. Refused with key, value and what is allowed."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    field_validator,
    model_validator,
)

from models.operator import Sampling
from tasks.errors import InvalidRegion, short
from tasks.grids.box import Box
from tasks.grids.grid import Grid, lattice
from tasks.locations import RESERVED
from tasks.region.ensemble import EnsembleSettings, assert_of
from tasks.region.limits import GateLimits
from tasks.region.settings import (
    SHAPE_NOTHING,
    AcquireSettings,
    CalibrationSettings,
    CatchUpSettings,
    InferenceSettings,
    Keep,
    ObservationSettings,
    Schedule,
    once,
)
from tasks.storage import has_userinfo
from tasks.timezones import zone_of
from tasks.variables import VARIABLES, meant

POINT_MEMORY = 24  # bytes a point: terrain and land in float64 while they are read, and their copies; measured: globe
BLOCK_MEMORY = 1700  # bytes a point of a block of seven variables: 1.7 GB of 1024 x 1024


def _seen(text: str) -> str:
    if not text.isprintable():
        raise ValueError("holds characters that cannot be seen, or several lines")
    return text


def _zone(name: str) -> str:
    try:
        zone_of(name)
    except ValueError:
        raise ValueError(f"no time zone is called {short(name)!r}: give a name like Asia/Shanghai, or UTC") from None
    if "/" not in name and name != "UTC":
        raise ValueError(f"{short(name)} knows no summer time: give a name like Asia/Shanghai, or UTC")
    return name


Text = Annotated[str, Field(max_length=500), AfterValidator(_seen)]
FileName = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_seen)]


class LeadTimes(BaseModel):
    """Lead times asked of a forecast source, hours: start, start + step, ..., stop."""

    model_config = ConfigDict(extra="forbid")

    start: Annotated[int, Field(ge=0, le=360)] = 0
    stop: Annotated[int, Field(ge=0, le=360)] = 144
    step: Annotated[int, Field(ge=1, le=24)] = 3

    @model_validator(mode="after")
    def _forward(self) -> LeadTimes:
        if self.stop < self.start:
            raise ValueError(f"start {self.start} h is after stop {self.stop} h; lead times go forward")
        return self

    def hours(self) -> list[int]:
        """All of them."""
        return list(range(self.start, self.stop + 1, self.step))


class Region(BaseModel):
    """What to make: box, spacing, variables, lead times, files, limits."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[
        str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=64, description="lower case, digits and dashes")
    ]
    title: Text
    title_zh: Text = ""  # of the page in Chinese; default: `title`
    box: Box
    timezone: Annotated[str, Field(max_length=60), AfterValidator(_zone)] = "UTC"  # of who reads, UTC stays beside it
    spacing: Annotated[float, Field(ge=1e-4, le=1)] = 0.05  # 1e-4: ten metres
    input_spacing: Annotated[float, Field(ge=1e-4, le=5)] = 0.25
    input_is: Sampling | None = None  # what the input's values are; default: as its source or file says
    # what amounts cover where files do not say: 1h, 6h ..., or since when they are counted: start, day, step
    rain_interval: Annotated[str, Field(pattern=r"^(\d+(\.\d+)?h|start|day|step)$")] | None = None
    variables: Annotated[list[str], Field(min_length=1)]
    required: list[str] | None = None  # of `variables`: without these there is no product; default all
    lead_times: LeadTimes = LeadTimes()
    terrain: FileName | None = None  # file in the region's folder
    boundary: FileName | None = None
    places: FileName | None = None  # whom people know by name: tasks/region/gazetteer.py
    attribution: Text = ""  # of the region's own files, joined to that of the fields
    model: FileName = "inr-hres"
    ensemble: EnsembleSettings | None = None  # of source ens
    gate: GateLimits = GateLimits()
    acquire: AcquireSettings = AcquireSettings()
    inference: InferenceSettings = InferenceSettings()
    observations: ObservationSettings = ObservationSettings()
    calibration: CalibrationSettings = CalibrationSettings()
    keep: Keep = Keep()
    catch_up: CatchUpSettings = CatchUpSettings()
    schedule: Schedule = Schedule()

    _folder: Path = PrivateAttr(default=Path())
    _for_ensemble: bool = PrivateAttr(default=False)

    @field_validator("name")
    @classmethod
    def _free(cls, name: str) -> str:
        if name in RESERVED:
            raise ValueError(f"is what stores and workspaces call something else; so are {', '.join(sorted(RESERVED))}")
        return name

    @field_validator("variables", "required")
    @classmethod
    def _known(cls, names: list[str] | None) -> list[str] | None:
        for name in names or []:
            if name not in VARIABLES:
                raise ValueError(f"{short(name)!r} is not one of {', '.join(VARIABLES)}{meant(name)}")
        return once(names) if names is not None else None

    @model_validator(mode="after")
    def _consistent(self) -> Region:
        if self.required is None:
            self.required = list(self.variables)
        for name in self.required:
            if name not in self.variables:
                raise ValueError(f"required: {name!r} is not among variables")
        extremes = [n for n in self.variables if VARIABLES[n].extreme]
        if extremes and self.lead_times.start == 0:
            raise ValueError(
                f"variables: {', '.join(extremes)} is of the time before each lead time, and there is none before 0 h; "
                "let lead_times start later"
            )
        rows, cols = self._points()
        if min(rows, cols) < 2:
            raise ValueError(f"box holds {(rows, cols)} points of {self.spacing:g} degree; at least 2 x 2 are needed")
        if rows * cols > self.inference.most_points:
            raise ValueError(self._too_many(rows, cols))
        if self.spacing > self.input_spacing:
            raise ValueError(f"spacing {self.spacing:g} must not be above input_spacing {self.input_spacing:g}")
        return self

    def _points(self) -> tuple[int, int]:
        """Rows and columns of multiples of the spacing inside the box."""
        b, d = self.box, self.spacing
        count = lambda low, high: math.floor(high / d + 1e-6) - math.ceil(low / d - 1e-6) + 1  # noqa: E731
        return count(b.south, b.north), count(b.west, b.east)

    def _too_many(self, rows: int, cols: int) -> str:
        """What a grid beyond `inference: most_points` would take, and how to have it all the same."""
        fields = len(self.lead_times.hours()) * len(self.variables)
        memory = POINT_MEMORY * rows * cols + BLOCK_MEMORY * min(self.inference.block**2, rows * cols)
        return (
            f"spacing {self.spacing:g} makes {rows:,} x {cols:,} points, more than {self.inference.most_points:,}: "
            f"about {memory / 2**30:,.0f} GiB of memory, and up to {4 * rows * cols * fields / 2**30:,.0f} GiB a "
            f"product of {fields} fields; a wider spacing, or most_points: {rows * cols} under `inference:` if that is "
            "meant"
        )

    @property
    def folder(self) -> Path:
        """Where region.yaml lies."""
        return self._folder

    @property
    def target(self) -> Grid:
        """The product's grid."""
        return lattice(self.box.north, self.box.south, self.box.west, self.box.east, self.spacing)

    @property
    def terrain_file(self) -> Path | None:
        """Path of the terrain file, if there is one."""
        return self._folder / self.terrain if self.terrain else None

    @property
    def boundary_file(self) -> Path | None:
        """Path of the boundary file, if there is one."""
        return self._folder / self.boundary if self.boundary else None

    @property
    def places_file(self) -> Path | None:
        """Path of the table of places, if there is one."""
        return self._folder / self.places if self.places else None

    @property
    def of_ensemble(self) -> EnsembleSettings:
        """What is asked of source ens, by the YAML or as a matter of course."""
        return self.ensemble or EnsembleSettings()

    @property
    def fingerprint(self) -> str:
        """Short hash of all that shapes a product: the YAML's content but for SHAPE_NOTHING, and the terrain file."""
        unsaid = SHAPE_NOTHING | (set() if self._for_ensemble else {"ensemble"})
        digest = hashlib.sha256(json.dumps(self.model_dump(exclude=unsaid), sort_keys=True).encode())
        if self.terrain_file is not None:
            digest.update(self.terrain_file.read_bytes())
        return digest.hexdigest()[:16]

    def for_ensemble(self) -> Region:
        """The same region with what it asks of an ensemble alone; InvalidRegion if it asks for what it has not."""
        try:
            assert_of(self.of_ensemble, self.variables, self.lead_times.hours())
        except ValueError as error:
            raise InvalidRegion(f"region {self.name}: {error}") from None
        chosen = self.of_ensemble.chosen(self.variables)
        only = {"variables": chosen, "required": chosen, "ensemble": self.of_ensemble.model_dump()}
        return parse(self.model_dump() | only, self._folder, "ensemble").with_ensemble()

    def with_ensemble(self) -> Region:
        """The same region, whose products its ensemble's settings shape."""
        region = self.model_copy()
        region._for_ensemble = True
        return region

    def with_input_is(self, sampling: str) -> Region:
        """The same region for input whose values are `samples` or `means`; InvalidRegion for anything else."""
        return parse(self.model_dump() | {"input_is": sampling}, self._folder, "--input-is")

    def with_rain_interval(self, interval: str) -> Region:
        """The same region for input whose amounts cover `1h`, `6h` ... or are since `start`, `day` or `step`."""
        return parse(self.model_dump() | {"rain_interval": interval}, self._folder, "--rain-interval")

    def with_input_spacing(self, spacing: float) -> Region:
        """The same region for an input of another spacing; InvalidRegion if that is not allowed."""
        return parse(self.model_dump() | {"input_spacing": spacing}, self._folder, "input_spacing")

    def with_spacing(self, spacing: float) -> Region:
        """The same region on another target grid; InvalidRegion if the spacing is not allowed."""
        return parse(self.model_dump() | {"spacing": spacing}, self._folder, "--spacing")


PARTS: dict[str, type[BaseModel]] = {
    "box": Box,
    "lead_times": LeadTimes,
    "gate": GateLimits,
    "acquire": AcquireSettings,
    "ensemble": EnsembleSettings,
    "inference": InferenceSettings,
    "observations": ObservationSettings,
    "calibration": CalibrationSettings,
    "keep": Keep,
    "schedule": Schedule,
}


def _explain(error: ValidationError, label: str) -> InvalidRegion:
    """One line for the first of pydantic's complaints: key, value, what is allowed."""
    complaints = error.errors()  # an unknown key first: of one that is misspelt another complaint is that it is missing
    first = next((c for c in complaints if c["type"] == "extra_forbidden"), complaints[0])
    key = ".".join(str(part) for part in first["loc"]) or "region"
    value: Any = first["input"]
    complaint = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        allowed = Region if len(first["loc"]) == 1 else PARTS[str(first["loc"][0])]
        complaint = f"unknown key; allowed are: {', '.join(allowed.model_fields)}"
    hidden = isinstance(value, dict) or has_userinfo(str(value))  # a password is not repeated
    shown = "" if hidden else f" = {short(repr(value))}"
    return InvalidRegion(f"{label}: {short(key)}{shown}: {complaint}")


def parse(data: Any, folder: Path, label: str) -> Region:
    """A region from plain data; InvalidRegion names key, value and what is allowed."""
    if not isinstance(data, dict):
        raise InvalidRegion(f"{label}: expected keys and values, found {type(data).__name__}")
    try:
        region = Region.model_validate(data)
    except ValidationError as error:
        raise _explain(error, label) from None
    region._folder = folder
    for key in ("terrain", "boundary"):
        file = getattr(region, f"{key}_file")
        if file is not None and not file.is_file():
            raise InvalidRegion(f"{label}: {key} = {short(getattr(region, key))!r}: no such file in {folder}")
    return region
