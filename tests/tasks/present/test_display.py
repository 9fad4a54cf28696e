"""The one table of how variables are shown."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import numpy as np
import pytest

from tasks.present import colours, display
from tasks.present.quicklook import colour_map
from tasks.units import conversion
from tasks.variables import VARIABLES
from tests.conftest import ROOT

COPY = ROOT / "tasks/page/web/src/display.json"


def test_the_page_is_built_from_the_table() -> None:
    made = subprocess.run([sys.executable, "-m", "tasks.present.display"], cwd=ROOT, capture_output=True, check=True)
    assert COPY.read_bytes() == made.stdout, "python -m tasks.present.display > tasks/page/web/src/display.json"


@pytest.mark.parametrize("name", VARIABLES)
def test_what_is_shown_in_a_unit_reads_back_as_what_it_was(name: str) -> None:
    how, variable = display.of(name), VARIABLES[name]
    back = conversion(how.unit, variable.units, variable.amount)
    assert back is not None
    values = np.array([variable.low, (variable.low + variable.high) / 2, variable.high])
    np.testing.assert_allclose(how.shown(values) * back.factor + back.offset, values, rtol=1e-12)


def test_all_variables_and_what_is_made_of_them_are_in_it() -> None:
    assert set(display.TABLE) == {
        *VARIABLES, "wind_speed", "wind_direction", "wind_vector", "wind_speed_100", "wind_direction_100",
        "wind_speed_hub", "rh", "chance",
    }  # fmt: skip


def test_what_is_not_in_it_is_shown_as_it_is() -> None:
    how = display.of("cape", "J kg-1")
    assert (how.title, how.unit, how.shown(12.5)) == ("cape", "J kg-1", 12.5)


def test_titles_say_what_amounts_are_summed_over() -> None:
    assert display.title("tp", 6) == "precipitation, 6 h"
    assert display.title("t2m", 0) == "2 metre temperature"


def test_variables_are_sorted_as_the_table_has_them_and_unknown_ones_come_last() -> None:
    keys = [("cape", 0.0), ("tp", 24.0), ("tp", 6.0), ("t2m", 0.0), ("wind_speed", 0.0), ("d2m", 0.0)]
    found = sorted(keys, key=lambda k: display.order(*k))
    assert found == [("t2m", 0), ("d2m", 0), ("wind_speed", 0), ("tp", 6), ("tp", 24), ("cape", 0)]


@pytest.mark.parametrize("name", sorted({d.colours for d in display.TABLE.values()} | {display.ERRORS}))
def test_pictures_have_the_page_s_colours(name: str) -> None:
    """At the stops, between which both of them mix."""
    stops = re.findall("..", json.loads(COPY.read_text())["colours"][name])
    page = np.array([int(s, 16) for s in stops]).reshape(-1, 3)
    ours = colour_map(name)(np.linspace(0, 1, len(page)))[:, :3] * 255
    np.testing.assert_allclose(ours, page, atol=0.5)


def test_a_map_is_reversed_by_its_name() -> None:
    assert colours.stops("deep_r") == colours.stops("deep")[::-1]
    with pytest.raises(KeyError):
        colours.stops("jet")


def test_errors_of_temperatures_are_in_kelvin_and_all_else_in_its_units() -> None:
    assert (display.of_difference("t2m").unit, display.of_difference("t2m").shown(1.5)) == ("K", 1.5)
    assert (display.of_difference("tp").unit, display.of_difference("tp").shown(0.001)) == ("mm", 1.0)
    assert display.of_difference("other", "m2") == display.of("other", "m2")
