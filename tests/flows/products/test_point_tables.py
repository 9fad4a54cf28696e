"""A place's forecast as people read it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import pytest

from flows.products.point import _steps
from flows.products.point_tables import _rounded
from flows.products.series import Cell, Series
from tasks.present import display
from tests.conftest import ROOT

CASES = json.loads((ROOT / "tasks/page/web/tests/rounding.json").read_text())


@pytest.mark.parametrize(("name", "value", "text"), CASES)
def test_a_value_reads_as_on_the_page(name: str, value: float, text: str) -> None:
    """The page is held to the same cases."""
    stored = np.array([value], dtype=np.float32).astype(np.float64)
    values, units = {name: display.of(name).shown(stored)}, {name: display.of(name).unit}
    cell = Cell(0, 0, 30.6, 114.3, None, None)
    series = Series(cell, [datetime(2026, 11, 22, tzinfo=UTC)], [0.0], [0.0], values, units, {})
    [step] = _steps(series, UTC)
    assert _rounded(name, step.__pydantic_extra__[name]) == text
