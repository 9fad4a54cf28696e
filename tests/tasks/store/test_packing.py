"""Rounding of product values: error, order, what must not change; and what products say of it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tasks.handover.shards import SHARD_SIDE, SHARD_STEPS, shapes
from tasks.store.packing import (
    CONTAINER,
    KEPT_BITS,
    attributes,
    compressors,
    container_attributes,
    largest_error,
    relative_error,
    round_field,
)
from tasks.variables import VARIABLES

floats = st.floats(-(2.0**100), 2.0**100, width=32)
fields = arrays(np.float32, (2, 3, 4), elements=floats)
names = st.sampled_from(sorted(VARIABLES))


def rounded(name: str, values: object) -> np.ndarray:
    return round_field(name, np.array(values, dtype=np.float32))


def test_every_variable_has_its_bits() -> None:
    assert set(KEPT_BITS) == set(VARIABLES)
    assert all(1 <= bits <= 22 for bits in KEPT_BITS.values())  # CF-1.12 allows 23, at which nothing is rounded


@given(name=names, field=fields)
def test_the_error_is_within_what_products_say(name: str, field: np.ndarray) -> None:
    error = np.abs(rounded(name, field).astype(np.float64) - field)
    normal = np.abs(field) >= np.finfo(np.float32).tiny
    assert (error <= relative_error(name) * np.abs(field.astype(np.float64)))[normal].all()


@given(name=names, field=fields)
def test_rounding_twice_changes_nothing(name: str, field: np.ndarray) -> None:
    once = rounded(name, field)
    assert rounded(name, once).tobytes() == once.tobytes()


@given(name=names, field=fields)
def test_only_the_kept_bits_are_left(name: str, field: np.ndarray) -> None:
    below = (1 << (23 - KEPT_BITS[name])) - 1
    assert not (rounded(name, field).view(np.uint32) & np.uint32(below)).any()


@given(name=names, a=fields, b=fields)
def test_order_stays(name: str, a: np.ndarray, b: np.ndarray) -> None:
    assert (rounded(name, np.minimum(a, b)) <= rounded(name, np.maximum(a, b))).all()


@given(temperature=arrays(np.float32, (3, 4), elements=st.floats(173, 335, width=32)))
def test_dew_point_stays_at_or_below_temperature(temperature: np.ndarray) -> None:
    dew_point = np.nextafter(temperature, np.float32(0))  # as near as two values can be
    assert (rounded("d2m", dew_point) <= rounded("t2m", temperature)).all()


@pytest.mark.parametrize("name", VARIABLES)
def test_zero_stays_zero_and_signs_stay(name: str) -> None:
    assert rounded(name, [0.0, -0.0]).tobytes() == np.array([0.0, -0.0], np.float32).tobytes()
    assert (rounded(name, [-3.7, 3.7]) == rounded(name, [3.7, -3.7])[::-1]).all()
    smallest = np.finfo(np.float32).smallest_subnormal
    assert (rounded(name, [smallest, 1e-40, 1e-30]) >= 0).all()  # rain never falls below zero


def test_halves_go_to_the_even_neighbour() -> None:
    step = 2.0 ** (8 - KEPT_BITS["t2m"])  # between 256 and 512 K
    halves = 256.0 + step * np.array([0.5, 1.5, 2.5, 3.5])
    assert (rounded("t2m", halves) == 256.0 + step * np.array([0, 2, 2, 4])).all()


@pytest.mark.parametrize("name", VARIABLES)
def test_what_is_not_finite_stays_to_the_bit(name: str) -> None:
    # among them NaN whose mantissa would carry into the sign or would be cut to infinity
    bits = np.array([0x7FC00000, 0x7FFFFFFF, 0xFFFFFFFF, 0x7F800001, 0x7F800000, 0xFF800000], dtype=np.uint32)
    field = np.concatenate([bits.view(np.float32), np.float32([285.123])])
    out = round_field(name, field.copy())
    assert (out[:-1].view(np.uint32) == bits).all()
    assert out[-1] == rounded(name, [285.123])[0]


def test_rounds_in_place_where_it_can_and_copies_where_it_must() -> None:
    values = np.random.default_rng(0).normal(285, 5, (2, 6, 8))
    field = values.astype(np.float32)
    kept = field.copy()
    part = field[:, ::2, 1:5]  # a view with gaps
    assert round_field("t2m", part) is part
    assert (part == rounded("t2m", kept[:, ::2, 1:5])).all()
    assert (field[:, 1::2] == kept[:, 1::2]).all()
    kept.setflags(write=False)
    assert (round_field("t2m", kept) == rounded("t2m", values)).all()
    double = round_field("t2m", values)
    assert double.dtype == np.float32
    assert (double == rounded("t2m", values)).all()


def test_products_say_how_they_were_rounded() -> None:
    said = attributes("t2m")
    assert said["quantization"] == CONTAINER
    assert said["quantization_nsb"] == KEPT_BITS["t2m"]
    assert container_attributes()["algorithm"] == "bitround"
    assert container_attributes()["implementation"].startswith("finescale version ")
    dense = np.linspace(173.0, 335.0, 200_001).astype(np.float32)
    worst = float(np.abs(rounded("t2m", dense).astype(np.float64) - dense).max())
    assert 0.9 * said["rounding_largest_error"] < worst <= said["rounding_largest_error"]


def test_errors_stay_below_a_tenth_of_that_against_stations() -> None:
    against_stations = {"t2m": 1.5, "d2m": 2.2, "u10": 1.4, "v10": 1.4, "sp": 300.0, "msl": 100.0}
    assert all(largest_error(n) <= rmse / 10 for n, rmse in against_stations.items())
    assert largest_error("tp", 0.05) <= 1e-3 / 10  # of 50 mm since the previous lead time


@given(steps=st.integers(1, 300), rows=st.integers(1, 8000), cols=st.integers(1, 8000))
def test_shards_are_whole_chunks_cover_the_domain_and_fit_into_memory(steps: int, rows: int, cols: int) -> None:
    chunks, shards = shapes(steps, rows, cols)
    assert all(shard % chunk == 0 for shard, chunk in zip(shards, chunks, strict=True))
    assert shards[0] <= SHARD_STEPS
    assert max(shards[1:]) <= SHARD_SIDE
    assert all(
        math.ceil(n / shard) == math.ceil(n / SHARD_SIDE) for n, shard in zip((rows, cols), shards[1:], strict=True)
    )
    assert 2 * 7 * 4 * math.prod(shards) < 500e6  # bytes: seven variables, computed and being packed


@pytest.mark.parametrize(
    ("shape", "chunks", "shards"),
    [
        ((49, 720, 1240), (2, 128, 128), (8, 768, 640)),  # China at 0.05 degree
        ((49, 88, 166), (8, 88, 128), (8, 88, 256)),  # Hubei
        ((1, 720, 1240), (1, 256, 256), (1, 768, 768)),
        ((3, 720, 1240), (2, 128, 128), (4, 768, 640)),
        ((240, 3600, 7200), (2, 128, 128), (8, 1024, 1024)),  # the whole Earth
    ],
)
def test_shapes(shape: tuple[int, int, int], chunks: tuple[int, ...], shards: tuple[int, ...]) -> None:
    assert shapes(*shape) == (chunks, shards)


def test_rounded_values_come_back_from_an_array_packed_so(tmp_path: Path) -> None:
    field = np.random.default_rng(1).normal(285, 5, (11, 150, 300)).astype(np.float32)
    kept = round_field("t2m", field.copy())
    sizes = []
    for i, values in enumerate((field, kept)):
        chunks, shards = shapes(*field.shape)
        array = zarr.create_array(
            tmp_path / str(i), shape=field.shape, chunks=chunks, shards=shards, dtype="float32", fill_value=np.nan,
            compressors=compressors(),
        )  # fmt: skip
        array[:] = values
        assert np.asarray(zarr.open_array(tmp_path / str(i), mode="r")[:]).tobytes() == values.tobytes()
        sizes.append(sum(f.stat().st_size for f in (tmp_path / str(i)).rglob("*") if f.is_file()))
    assert sizes[1] < 0.8 * sizes[0]
