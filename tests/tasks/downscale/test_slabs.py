"""A slab: the same values whatever the tile, clear errors for a wrong device or package, shards in their place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
import zarr

from models.downscaler import Downscaler
from models.geometry import Axis
from models.operator import Operator, Sampling, Seen
from models.statics import Statics
from tasks.acquire.files import local_files
from tasks.downscale.slabs import choose_device, compute
from tasks.errors import DeviceUnavailable, ModelMismatch, OutOfMemory
from tasks.handover.prepared import Prepared
from tasks.handover.shards import blocks, digest, field_digest
from tasks.handover.slab import Slab, merged
from tasks.packages import open_package
from tasks.prepare import prepare
from tasks.region import search as regions
from tasks.region.document import Region
from tasks.variables import VARIABLES
from tests.conftest import DEMO_GRIB


@pytest.fixture
def slab(tmp_path: Path) -> Slab:
    """The demo's only lead time."""
    return staged(tmp_path, regions.load("hubei"), 1024)


def staged(tmp_path: Path, region: Region, block: int) -> Slab:
    """The demo's only lead time for a region, in blocks of at most so many points a side."""
    package = open_package("inr-hres")
    region = region.model_copy(update={"inference": region.inference.model_copy(update={"block": block})})
    info = prepare.fn(local_files([str(DEMO_GRIB)]), region, None, str(tmp_path / "store"), str(tmp_path), package.halo)
    return Slab(
        product=info.product, terrain=info.terrain, coarse=info.grid, operator=info.operator,
        report=str(tmp_path / "slabs/0.json"),
        start=0, stop=1, deviations=info.deviations, model="inr-hres", model_sha256=package.digest,
        target=region.target,
    )  # fmt: skip


def values(slab: Slab) -> dict[str, np.ndarray]:
    with xr.open_zarr(slab.product) as ds:
        return {str(n): ds[n].values for n in ds.data_vars if "latitude" in ds[n].dims}


def test_slab_knows_the_deviations_of_the_whole_input(slab: Slab) -> None:
    """Of the values as they are stored, so that every block is held to what one of the whole domain would be."""
    fields = Prepared.load(slab.product, slab.terrain, slab.coarse, slab.operator).fields
    assert slab.deviations == {n: [float(f.std()) for f in fields[n].values] for n in slab.deviations}
    assert set(slab.deviations) == {n for n in fields.data_vars if n in VARIABLES}


def test_slab_writes_its_lead_times_and_leaves_a_report(slab: Slab) -> None:
    report = compute(slab)
    assert json.loads(Path(slab.report).read_text()) == report.model_dump()
    found = values(slab)
    assert {n: [[digest(v[0])]] for n, v in found.items()} == report.digests
    assert all(np.isfinite(v).all() for v in found.values())


@pytest.mark.parametrize("spacing", [0.0125, 0.016])  # cells that tile the input's, and that straddle their edges
def test_blocks_are_the_whole(tmp_path: Path, spacing: float) -> None:
    region = regions.load("hubei").with_spacing(spacing)
    whole, parts = (staged(tmp_path / str(block), region, block) for block in (1024, 256))
    one, several = compute(whole), compute(parts)
    sides = zarr.open_group(parts.product)["t2m"].shards[1:]
    assert len(several.digests["t2m"][0]) == len(blocks(region.target.rows, region.target.cols, *sides)) >= 4
    assert one.tile_cols == []
    assert several.tile_cols == list(range(sides[1], region.target.cols, sides[1]))
    right, found = values(whole), values(parts)
    for name, field in right.items():  # apart from where rounding falls to the other side
        difference = np.abs(found[name] - field)
        assert np.sqrt((difference**2).mean()) < 1e-3 * field.std(), name
        assert difference.max() < 0.02 * field.std(), name
    # other slabs may write other blocks of the same lead times: together they are the same product
    first, rest = (parts.model_copy(update={"first": a, "last": b}) for a, b in ((0, 2), (2, 100)))
    assert merged([compute(rest), compute(first)]) == merged([several])
    array = values(parts)["t2m"][0]
    assert merged([several])["t2m"] == [field_digest(array, *sides)]


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError("numpy's")], ids=type)
def test_out_of_memory_takes_smaller_tiles_and_gives_the_same(
    slab: Slab, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    assert compute(slab).tile == 1280
    expected, pieces = values(slab), Downscaler.pieces

    def small_memory(
        self: Downscaler, x: torch.Tensor, present: torch.Tensor, statics: Statics, rows: Axis, cols: Axis, seen: Seen
    ) -> Iterator[tuple[slice, slice, torch.Tensor]]:
        if len(rows.centres) * len(cols.centres) > 100 * 100:
            raise error
        return pieces(self, x, present, statics, rows, cols, seen)

    monkeypatch.setattr(Downscaler, "pieces", small_memory)
    report = compute(slab)
    assert report.tile == 80
    assert report.tile_cols
    found = values(slab)
    for name, right in expected.items():  # apart from where rounding falls to the other side
        difference = np.abs(found[name] - right)
        assert np.sqrt((difference**2).mean()) < 1e-3 * right.std(), name
        assert difference.max() < 0.01 * right.std(), name


def test_a_damaged_shard_of_an_earlier_try_is_replaced(slab: Slab) -> None:
    report = compute(slab)
    (shard,) = (f for f in Path(slab.product, "t2m/c").rglob("*") if f.is_file())
    shard.write_bytes(shard.read_bytes()[:-100])
    assert compute(slab).digests == report.digests
    assert [[digest(values(slab)["t2m"][0])]] == report.digests["t2m"]


def test_no_memory_at_all_is_an_error_that_says_what_to_do(slab: Slab, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_: object) -> Iterator[torch.Tensor]:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Downscaler, "pieces", no_memory)
    with pytest.raises(OutOfMemory, match="lead times 0 to 0: not enough memory for a tile of 40 x 40 points"):
        compute(slab)
    assert not Path(slab.report).exists()


def test_another_package_than_the_run_began_with_is_refused(slab: Slab) -> None:
    with pytest.raises(ModelMismatch, match="bring this machine's models up to date"):
        compute(slab.model_copy(update={"model_sha256": "0" * 64}))


def test_an_input_that_the_package_was_not_trained_on_is_refused(slab: Slab) -> None:
    with pytest.raises(ModelMismatch, match="inr-hres was not trained on samples with a footprint of 300 km"):
        compute(slab.model_copy(update={"operator": Operator(Sampling.SAMPLES, 300.0)}))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_named() -> None:
    assert choose_device("auto") == choose_device("cpu") == "cpu"
    with pytest.raises(DeviceUnavailable, match=r"device cuda:1: torch .* sees no GPU here"):
        choose_device("cuda:1")
