"""Constants stand once: in models/constants.py, and as numbers nowhere else."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from models import constants

ROOT = Path(__file__).parents[2]
ROOMS = ("benchmarks", "deployments", "flows", "models", "tasks")
VALUES = {abs(v): name for name, v in vars(constants).items() if isinstance(v, float)}


def numbers(path: Path) -> list[tuple[int, float]]:
    """(line, value) of every float that is written in a module."""
    tree = ast.walk(ast.parse(path.read_text()))
    return [(n.lineno, n.value) for n in tree if isinstance(n, ast.Constant) and isinstance(n.value, float)]


@pytest.mark.parametrize("room", ROOMS)
def test_no_module_writes_a_constant_as_a_number(room: str) -> None:
    files = [p for p in sorted((ROOT / room).rglob("*.py")) if p != Path(constants.__file__)]
    files = [p for p in files if "node_modules" not in p.parts]
    assert files
    again = [f"{p.relative_to(ROOT)}:{line}: {VALUES[v]}" for p in files for line, v in numbers(p) if v in VALUES]
    assert not again


def test_the_scan_sees_the_constants_where_they_stand() -> None:
    assert {v for _, v in numbers(Path(constants.__file__))} >= set(VALUES)


def test_temperature_falls_with_height_in_the_standard_atmosphere() -> None:
    """One sign: what is added per metre upwards."""
    assert constants.STANDARD_LAPSE_RATE == -0.0065
    at_1500_m = constants.STANDARD_TEMPERATURE + 1500 * constants.STANDARD_LAPSE_RATE
    assert at_1500_m == pytest.approx(278.4)  # ISO 2533, table 5


def test_scale_height_is_that_of_air_at_the_melting_point() -> None:
    assert pytest.approx(constants.SCALE_HEIGHT, rel=1e-3) == constants.DRY_AIR * constants.KELVIN / constants.GRAVITY
