"""Degrees as people write them."""

from __future__ import annotations

import pytest

from flows.products.places import degrees


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("30.6", 30.6), ("30.6N", 30.6), ("N30.6", 30.6), ("30.6 n", 30.6), ("+30.6", 30.6), (" .5 ", 0.5),
        ("30°36'", 30.6), ("30°36'0\"N", 30.6), ("30° 36′ 36″ N", 30.61), ("30°36’36”", 30.61), ("30°N", 30.0),
        ("-77.5", -77.5), ("77.5W", -77.5), ("77°30'W", -77.5), ("S12", -12.0), ("-77°30'", -77.5),
    ],
)  # fmt: skip
def test_every_way_is_read(text: str, value: float) -> None:
    assert degrees(text) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize(
    "text",
    ["", "north", "30,6", "30°75'", "30°36'99\"", "N30.6N", "-30.6S", "30.6Q", "30 36", "nan", "inf", "0x1e", "30.6.1"],
)
def test_what_is_none_is_said(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no number|is no place's"):
        degrees(text)
