"""Keys of GRIB messages: the same values as by ecCodes' own message, and what becomes of those that are not there."""

from __future__ import annotations

import eccodes
import pytest
from eccodes.highlevel.message import GRIBMessage

from tasks.grib.keys import integer, number, text
from tests.conftest import DEMO_GRIB
from tests.grib import messages


@pytest.fixture
def message() -> GRIBMessage:
    """Temperature of the demo cycle."""
    return GRIBMessage(eccodes.codes_new_from_message(next(iter(messages(DEMO_GRIB)))))


def test_keys_are_those_of_eccodes_own_message(message: GRIBMessage) -> None:
    for key in ("paramId", "Ni", "Nj", "level", "dataDate", "dataTime", "validityDate", "edition", "iScansNegatively"):
        assert integer(message, key) == int(message[key]), key
    for key in ("latitudeOfFirstGridPointInDegrees", "iDirectionIncrementInDegrees"):
        assert number(message, key) == pytest.approx(float(message[key])), key
    for key in ("shortName", "typeOfLevel", "stepType", "gridType", "units", "class", "stream"):
        assert text(message, key) == str(message[key]), key


def test_a_key_that_is_not_there_is_a_keyerror_or_the_default(message: GRIBMessage) -> None:
    for read in (integer, number, text):
        with pytest.raises(KeyError, match="colour"):
            read(message, "colour")
    assert integer(message, "colour", 7) == 7
    assert text(message, "colour", "") == ""


def test_a_key_without_a_value_is_not_there(message: GRIBMessage) -> None:
    eccodes.codes_set_missing(message._handle, "scaledValueOfFirstFixedSurface")
    with pytest.raises(KeyError):
        integer(message, "scaledValueOfFirstFixedSurface")
    assert integer(message, "scaledValueOfFirstFixedSurface", 0) == 0
