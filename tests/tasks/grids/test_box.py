"""Boxes: one order of corners, across the date line, and more around them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tasks.grids.box import Box


def box(north: float, south: float, west: float, east: float) -> Box:
    return Box(north=north, south=south, west=west, east=east)


@pytest.mark.parametrize(
    ("west", "east", "spans"),
    [
        (108.0, 116.0, [(108.0, 116.0)]),
        (170.0, 190.0, [(170.0, 180.0), (-180.0, -170.0)]),
        (-180.0, 180.0, [(-180.0, 180.0)]),
        (10.0, 370.0, [(-180.0, 180.0)]),
    ],
)
def test_a_box_across_the_date_line_has_two_spans(west: float, east: float, spans: list[tuple[float, float]]) -> None:
    assert box(1, 0, west, east).spans == spans


def test_more_around_a_box_ends_at_the_poles_and_goes_on_across_180_degrees() -> None:
    assert box(33, 29, 108, 116).around(0.5) == box(33.5, 28.5, 107.5, 116.5)
    assert box(90, 80, 0, 10).around(1) == box(90, 79, -1, 11)
    assert box(10, -10, -180, -170).around(1) == box(11, -11, 179, 191)
    assert box(10, -10, -180, 179.75).around(0.5) == box(10.5, -10.5, -180, 180)


@pytest.mark.parametrize("corners", [(0, 10, 0, 10), (10, 0, 10, 0), (91, 0, 0, 10)])
def test_corners_in_another_order_are_refused(corners: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValidationError):
        box(*corners)
