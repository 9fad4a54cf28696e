"""What a source has when: by the dates of 2022 to 2026."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tasks.acquire.catalogue import LACKING, lacking, served
from tasks.errors import BadInput
from tasks.handover.cycle import Cycle
from tasks.region import search as regions
from tasks.variables import VARIABLES

FIRST = {"t2m", "u10", "v10", "sp", "msl", "tp", "skt", "tcwv"}  # of January 2022
SPRING = {"d2m", "u100", "v100", "ssrd", "strd"}  # of March 2024
AUTUMN = {"fg10", "mx2t", "mn2t"}  # of November 2024


def cycle(text: str, source: str = "ifs") -> Cycle:
    """As the command line names it."""
    return Cycle(source=source, time=datetime.fromisoformat(text).replace(tzinfo=UTC))


@pytest.mark.parametrize(
    ("time", "there"),
    [
        ("2022-01-21T00", FIRST), ("2023-06-27T06", FIRST), ("2024-02-01T00", FIRST), ("2024-03-05T00", FIRST),
        ("2024-03-05T06", FIRST | SPRING), ("2024-11-12T18", FIRST | SPRING),
        ("2024-11-13T00", FIRST | SPRING | AUTUMN), ("2025-11-20T18", FIRST | SPRING | AUTUMN),
        ("2025-11-21T00", set(VARIABLES)), ("2026-05-12T06", set(VARIABLES)), ("2026-11-29T00", set(VARIABLES)),
        ("2021-12-10T12", set(VARIABLES)),  # before open data: of one's own mirror
    ],
)  # fmt: skip
@pytest.mark.parametrize("source", ["ifs", "ens"])
def test_what_open_data_has_by_date(time: str, there: set[str], source: str) -> None:
    assert set(VARIABLES) - lacking(cycle(time, source)) == there


@pytest.mark.parametrize("source", ["aifs", "ifs9km", "demo"])
def test_other_sources_have_the_same_from_their_first_cycle_on(source: str) -> None:
    assert lacking(cycle("2025-02-25T06", source)) == lacking(cycle("2026-11-29T00", source)) == LACKING[source]


def test_what_is_required_is_refused_with_the_date_it_comes() -> None:
    hubei = regions.load("hubei")
    region = hubei.model_copy(update={"variables": ["t2m", "fg10", "tcc"], "required": ["t2m"]})
    assert served(region, cycle("2024-06-01T00")) == ["t2m"]
    assert served(region, cycle("2024-12-01T00")) == ["t2m", "fg10"]
    needs = region.model_copy(update={"required": ["t2m", "fg10"]})
    expected = r"^ifs/2024-06-01T00: has no fg10 yet \(fg10 from 2024-11-13T00 on\); it was asked for by .*region\.yaml"
    with pytest.raises(BadInput, match=expected):
        served(needs, cycle("2024-06-01T00"))


def test_a_cycle_with_none_of_the_variables_is_refused() -> None:
    region = regions.load("hubei").model_copy(update={"variables": ["tcc", "sf"], "required": []})
    with pytest.raises(BadInput, match=r"^ifs/2024-06-01T00: has none of tcc, sf yet .*; ask for others"):
        served(region, cycle("2024-06-01T00"))
    dry = region.model_copy(update={"variables": ["sd", "tcwv"]})
    with pytest.raises(BadInput, match=r"^aifs: has none of sd, tcwv; ask for others .* or take another source$"):
        served(dry, cycle("2026-06-01T00", "aifs"))
