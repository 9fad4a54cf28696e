"""What the files of a model package have to hold, proved before anything is made of them.

Sums prove that a file is the one that was sealed; these, that what was sealed can be used. ValueError says what is
wrong.
"""

from __future__ import annotations

import json
import math
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

from safetensors import safe_open

from models.operator import Sampling
from models.sizes import INRConfig
from models.statistics import Statistics, residual_terms

LARGEST_TEXT = 10_000_000  # bytes of model.json and stats.json, which have some thousand
LARGEST_SIZE = 1024  # of a number in `network`: channels, blocks; the shipped one has 64 at most
LARGEST_HALO = 1000  # input cells
DRESSED_BY = 7  # len(models.dressing.TERMS), for which torch would be imported
SCALES = 1.0, 100.0  # as `finescale field --scale` allows


def _object(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except RecursionError:
        raise ValueError("is nested too deep") from None
    if not isinstance(found, dict):
        raise ValueError(f"holds a {type(found).__name__}, not an object of names and values")
    return found


def _get(data: dict[str, Any], name: str) -> Any:
    if name not in data:
        raise ValueError(f"{name} is missing")
    return data[name]


def _number(value: Any, what: str, low: float, high: float, whole: bool = False) -> float:
    good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not good or not low <= value <= high or (whole and value != int(value)):
        kind = "a whole number" if whole else "a number"
        raise ValueError(f"{what} is {str(value)[:80]!r}, where {kind} from {low:g} to {high:g} is wanted")
    return float(value)


def _pair(value: Any, what: str, low: float, high: float) -> tuple[float, float]:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError(f"{what} is {str(value)[:80]!r}, where two numbers are wanted, the lower first")
    first, last = (_number(v, what, low, high) for v in value)
    if first > last:
        raise ValueError(f"{what} is {value}, where the lower comes first")
    return first, last


def metadata(path: Path, wanted: int) -> dict[str, Any]:
    """model.json of format `wanted`."""
    data = _object(path)
    found = _get(data, "format")
    if found != wanted or isinstance(found, bool):
        raise ValueError(
            f"format {str(found)[:80]}, this finescale reads {wanted}, whose networks know whether input values are "
            "samples or cell means"
        )
    _number(_get(data, "halo"), "halo", 0, LARGEST_HALO, whole=True)
    _pair(_get(data, "scale_range"), "scale_range", *SCALES)
    operators = _get(data, "operators")
    if not isinstance(operators, dict) or not operators or not operators.keys() <= set(Sampling):
        raise ValueError(f"operators are {str(operators)[:80]!r}; known are {', '.join(Sampling)}")
    for name, known in operators.items():
        if not isinstance(known, dict):
            raise ValueError(f"operators: {name} is no object")
        if name == Sampling.SAMPLES:
            _pair(_get(known, "footprint"), "operators: samples: footprint", 0, 10_000)
    _network(_get(data, "network"))
    _dressing(data.get("dressing", {}))
    return data


def _dressing(known: Any) -> None:
    """Coefficients of each of `models.dressing.TERMS` by variable."""
    if not isinstance(known, dict):
        raise ValueError(f"dressing is {str(known)[:80]!r}, no object of variables")
    for name, coefficients in known.items():
        if not isinstance(coefficients, list) or len(coefficients) != DRESSED_BY:
            raise ValueError(f"dressing: {name[:80]} has not {DRESSED_BY} coefficients")
        for value in coefficients:
            _number(value, f"dressing: {name[:80]}", -1000, 1000)


def _network(sizes: Any) -> None:
    if not isinstance(sizes, dict):
        raise ValueError(f"network is {str(sizes)[:80]!r}, no object of sizes")
    kinds = get_type_hints(INRConfig)
    known = {f.name for f in fields(INRConfig)}
    if unknown := sorted(sizes.keys() - known):
        raise ValueError(f"network: {', '.join(unknown)[:80]}: unknown; known are {', '.join(sorted(known))}")
    for name, value in sizes.items():
        if kinds[name] is int:
            _number(value, f"network: {name}", 0, LARGEST_SIZE, whole=True)
        elif kinds[name] is float:
            _number(value, f"network: {name}", 0, LARGEST_SIZE)
        elif kinds[name] in (bool, str) and not isinstance(value, kinds[name]):
            raise ValueError(f"network: {name} is {str(value)[:80]!r}, no {kinds[name].__name__}")


def statistics(path: Path) -> Statistics:
    """stats.json."""
    _object(path)
    try:
        found = Statistics.load(path)
    except (TypeError, KeyError) as error:
        raise ValueError(f"is not what statistics hold ({error})") from None
    if not found.variables:
        raise ValueError("has no variables")
    for name, one in found.variables.items():
        for key in ("mean", "low", "high"):
            _number(getattr(one, key), f"{name}: {key}", -1e9, 1e9)
        for key in ("std", "spread"):
            if _number(getattr(one, key), f"{name}: {key}", 0, 1e9) == 0:
                raise ValueError(f"{name}: {key} is 0, and fields are divided by it")
        if one.low >= one.high:
            raise ValueError(f"{name}: low {one.low:g} is not below high {one.high:g}")
        for key in ("amount", "hydrostatic"):
            if not isinstance(getattr(one, key), bool):
                raise ValueError(f"{name}: {key} is neither true nor false")
        _residual(name, one.residual)
    return found


def _residual(name: str, residual: Any) -> None:
    terms = len(residual_terms(0.0, 0.0))
    if not isinstance(residual, dict) or not residual or not residual.keys() <= set(Sampling):
        raise ValueError(f"{name}: residual is {str(residual)[:80]!r}; known are {', '.join(Sampling)}")
    for sampling, numbers in residual.items():
        if not isinstance(numbers, list) or len(numbers) != terms:
            raise ValueError(f"{name}: residual of {sampling} has not {terms} numbers")
        for number in numbers:
            _number(number, f"{name}: residual of {sampling}", -1e3, 1e3)


def assert_weights(path: Path, expected: dict[str, tuple[int, ...]]) -> None:
    """Every weight of the network, of its shape, and no other; reads the file's header alone."""
    with safe_open(path, framework="pt") as file:
        found = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    if lacking := sorted(expected.keys() - found.keys()):
        raise ValueError(f"{lacking[0]} is missing, and {len(lacking) - 1} more")
    if more := sorted(found.keys() - expected.keys()):
        raise ValueError(f"{more[0][:80]} is no weight of this network")
    for name, shape in expected.items():
        if found[name] != shape:
            raise ValueError(f"{name} has shape {found[name]}, the network's is {shape}")
