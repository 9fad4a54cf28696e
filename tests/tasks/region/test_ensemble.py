"""What a region may ask of an ensemble."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tasks.errors import InvalidRegion
from tasks.handover.members import chance_name
from tasks.passing import Passing
from tasks.region.document import parse
from tasks.region.search import load
from tests.conftest import RegionMaker


@pytest.mark.parametrize(
    ("ensemble", "why"),
    [
        ({"members": 51}, "less than or equal to 50"),
        ({"members": 1}, "greater than or equal to 2"),
        ({"every": 5}, "multiple of 3"),
        ({"variables": ["t3m"]}, "'t3m' is not one of t2m"),
        ({"variables": ["tcc"]}, "of tcc variables has none whose ranges are known"),
        ({"thresholds": ["t2m=0"]}, "write it like t2m<0"),
        ({"thresholds": ["u10>5"]}, "ranges are known of t2m"),
        ({"thresholds": ["t2m/24h>5"]}, "t2m is no amount"),
        ({"thresholds": ["msl<980"]}, "threshold msl<980: ranges are of t2m, tp, wind_speed"),
        ({"thresholds": ["t2m<0", "t2m < 0.0"]}, "t2m<0 is there twice"),
        ({"thresholds": ["tp/8h>5"]}, "8 h is no multiple of every 6 h"),
        ({"thresholds": ["tp/150h>5"]}, "threshold tp/150h>5: no two lead times are 150 h apart"),
        ({"variables": ["u10"]}, "of wind, both components have to be there"),
        ({"member": 10}, "unknown key; allowed are: members, every, variables, keep, thresholds"),
    ],
)
def test_what_it_may_not_ask_is_refused_with_why(make_region: RegionMaker, ensemble: dict, why: str) -> None:
    with pytest.raises(InvalidRegion, match="ensemble") as error:
        load(str(make_region(ensemble=ensemble))).for_ensemble()
    assert why in str(error.value)


def test_what_is_asked_of_an_ensemble_shapes_its_products_alone() -> None:
    folder = Path("deployments/regions/hubei")
    text = yaml.safe_load((folder / "region.yaml").read_text()) | {"ensemble": None}
    plain, more = (parse(text | {"ensemble": e}, folder, "here") for e in (None, {"members": 20}))
    assert plain.fingerprint == more.fingerprint
    assert plain.for_ensemble().fingerprint != more.for_ensemble().fingerprint
    assert plain.for_ensemble().fingerprint != plain.fingerprint
    assert plain.of_ensemble.members == 10
    assert plain.for_ensemble().variables == ["t2m", "u10", "v10", "tp"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("t2m<-5", "t2m_below_minus5"),
        ("wind_speed > 10.8", "wind_speed_above_10p8"),
        ("tp/24h>50", "tp_24h_above_50"),
        ("t2m<-0.0", "t2m_below_0"),
        ("tp>1000000", "tp_above_1000000"),
        ("msl<1013.2512", "msl_below_1013p2512"),
    ],
)
def test_thresholds_have_names_that_any_reader_takes(text: str, name: str) -> None:
    passing = Passing.parse(text)
    assert chance_name(passing) == name
    assert Passing.parse(str(passing)) == passing
