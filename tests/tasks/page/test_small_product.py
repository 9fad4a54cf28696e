"""The product that the tests of the page's TypeScript open is still what the pipeline writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import xarray as xr
import zarr

from tests.tasks.page.small_product import CALIBRATED, EXPECTED, KEPT, PRODUCT, write

RENEW = "python -m tests.tasks.page.small_product writes the kept one anew"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small")
    write(folder)
    return folder


@pytest.mark.parametrize(
    ("product", "group"),
    [(PRODUCT, None), (PRODUCT, "input"), (CALIBRATED, None), (CALIBRATED, "input"), (CALIBRATED, "calibration")],
)
def test_kept_product_has_the_values_and_metadata_that_are_written_today(
    written: Path, product: str, group: str | None
) -> None:
    ours, kept = (xr.open_zarr(folder / product, group=group).load() for folder in (written, KEPT))
    for ds in (ours, kept):
        ds.variables.get("quantization_info", xr.Variable((), 0)).attrs.pop("implementation", None)  # our version
    try:
        xr.testing.assert_identical(ours, kept)
    except AssertionError as difference:
        pytest.fail(f"{RENEW}: {difference}")


@pytest.mark.parametrize("product", [PRODUCT, CALIBRATED])
def test_kept_product_is_packed_as_products_are_today(written: Path, product: str) -> None:
    def layout(folder: Path) -> dict[str, object]:
        group = zarr.open_group(folder / product, mode="r")
        arrays = dict(group.members(max_depth=None))
        return {n: (a.chunks, a.shards, a.compressors, a.dtype) for n, a in arrays.items() if isinstance(a, zarr.Array)}

    assert layout(written) == layout(KEPT), RENEW


def test_what_is_to_be_read_in_it_is_what_xarray_reads(written: Path) -> None:
    ours, kept = (json.loads((folder / EXPECTED).read_text()) for folder in (written, KEPT))
    assert ours == kept, RENEW
