"""The measure of information that kept bits rest on, requests as they are counted, and the page as its results say."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.packing.bits import conservation, information, needed
from benchmarks.packing.shapes import by_zarrita
from benchmarks.packing.suite import PAGE, page
from tasks.store.packing import round_to


def smooth(noise: float, seed: int = 0) -> np.ndarray:
    """A smooth field between 256 and 512 K, and noise in its low bits."""
    rng = np.random.default_rng(seed)
    rows, cols = np.meshgrid(np.linspace(0, 6, 400), np.linspace(0, 6, 700), indexing="ij")
    field = 300 + 20 * np.sin(rows) * np.cos(cols) + rng.normal(0, noise, rows.shape)
    return field.astype(np.float32)


def test_noise_holds_no_information() -> None:
    noise = np.random.default_rng(0).integers(0, 2**23, (300, 500), dtype=np.uint32) | np.uint32(0x43800000)
    field = noise.view(np.float32)  # one exponent, every mantissa
    info = information(field[:, :-1], field[:, 1:])
    assert info.max() < 1e-3


def test_more_noise_leaves_fewer_bits() -> None:
    kept = []
    for noise in (0.01, 0.1, 1.0):
        field = smooth(noise)
        kept.append(needed(information(field[:, :-1], field[:, 1:]), 0.99))
    assert kept == [10, 9, 6]  # noise of ten times as much takes a bit, then three


def test_rounding_moves_means_by_no_more_than_it_errs() -> None:
    field = smooth(0.2)
    ratio = conservation(field, round_to(field.copy(), 12))
    assert 0 < ratio.max() < 2.0**-5  # half a step over areas that deviate by more than 1 K
    assert conservation(field, field).max() == 0


@pytest.mark.parametrize(("read", "requests"), [("map", 62), ("quarter", 26), ("point", 32)])
def test_requests_are_those_that_zarrita_makes(read: str, requests: int) -> None:
    # counted once by a server that zarrita.js 0.7.5 read from: (4, 128, 128) the same but for 20 of a point
    assert by_zarrita((2, 128, 128), (8, 768, 640), read, (49, 720, 1240)) == requests


def test_the_page_is_what_its_results_say() -> None:
    assert PAGE.read_text() == page()
