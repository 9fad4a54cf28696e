"""A product's terrain and input, and products of versions that kept neither."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
from fsspec.core import url_to_fs

from tasks.storage import join
from tasks.store.product import open_input, open_product
from tests.published import GRID, INPUT_GRID, cycle_of, put_product

CYCLE = cycle_of(datetime(2026, 11, 20, tzinfo=UTC))


def test_a_product_holds_its_terrain_and_its_input_with_theirs(store: str) -> None:
    uri = join(store, *put_product(store, CYCLE).split("/"))
    product, coarse = open_product(uri), open_input(uri)
    assert coarse is not None
    assert (product.grid, coarse.grid) == (GRID, INPUT_GRID)
    for found in (product, coarse):
        assert found.height is not None
        np.testing.assert_array_equal(found.height, np.full((found.grid.rows, found.grid.cols), 100.0))
        assert found.fields["t2m"].dims == ("step", "latitude", "longitude")
        assert "surface_altitude" in found.fields["t2m"].coords
    assert "t2m" in coarse.fields


def test_a_product_without_an_input_has_none(store: str) -> None:
    import zarr

    from tasks.arrays import zarr_store

    uri = join(store, *put_product(store, CYCLE).split("/"))
    fs, path = url_to_fs(join(uri, "input"))
    fs.rm(path, recursive=True)
    zarr.consolidate_metadata(zarr_store(uri))
    assert open_input(uri) is None
    assert open_product(uri).grid == GRID
