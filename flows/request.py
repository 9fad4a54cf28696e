"""What a run is asked for, by names and files, looked up: whatever is wrong with it is said before anything starts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from models.followers import unknown_to
from models.package import ModelPackage
from tasks.acquire import Source, choose_cycle, open_source
from tasks.acquire.files import assert_present
from tasks.errors import BadInput, ModelMismatch
from tasks.handover.cycle import Cycle
from tasks.packages import open_package
from tasks.present.quicklook import outline
from tasks.region import search as regions
from tasks.region.document import Region


@dataclass(frozen=True)
class Request:
    """A run's parameters, looked up: nothing in it is a name any more."""

    region: Region
    package: ModelPackage
    model: str  # as it was named: the package's name, or the path of its folder
    source: Source | None  # None: files are handed in
    cycle: Cycle | None  # None: the files say which


def resolve(
    region: str,
    source: str,
    cycle: str | None,
    inputs: list[str] | None,
    model: str | None,
    spacing: float | None,
    scheduled: datetime | None = None,
    input_is: str | None = None,
    rain_interval: str | None = None,
) -> Request:
    """Look up every name and file; the first that is wrong is an error, before anything is started."""
    wanted = regions.load(region)
    if spacing is not None:
        wanted = wanted.with_spacing(spacing)
    if input_is is not None:
        wanted = wanted.with_input_is(input_is)
    if rain_interval is not None:
        wanted = wanted.with_rain_interval(rain_interval)
    outline(wanted.boundary_file)  # what pictures are drawn with last must not fail a run whose work is done
    package = open_package(model or wanted.model)
    if unknown := unknown_to(package.variables, wanted.variables):
        raise ModelMismatch(
            f"model {package.model_id} does not know {', '.join(unknown)} of region {wanted.name}; "
            f"it knows {', '.join(package.variables)}"
        )
    if inputs:
        if cycle is not None:
            raise BadInput("--cycle and --input exclude each other: a file says itself which cycle it is")
        assert_present(inputs)
        return Request(wanted, package, model or wanted.model, None, None)
    service = open_source(source)
    if service.name == "ens":
        wanted = wanted.for_ensemble()
    if service.spacing is not None and service.spacing < wanted.input_spacing:
        wanted = wanted.with_input_spacing(max(service.spacing, wanted.spacing))
    return Request(wanted, package, model or wanted.model, service, choose_cycle(service, wanted, cycle, scheduled))
