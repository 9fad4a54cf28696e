"""Scenes: coarse fields are samples or means of what they are scored against."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from models.geometry import subdivide
from models.operator import Sampling
from models.statics import FINE_MARGIN, cell_sizes
from models.training.batches import Batch
from models.training.data import STATIC_FIELDS, Box, Dataset, load
from models.training.scenes import EDGE, box_scene, with_edges
from tests.models.training.test_train import write_pack

BOX = Box(50.0, 40.0, 60.0, 72.0)  # 41 x 49 pixels
NAMES = ["t2m", "u10", "tp"]
SCALES = pytest.mark.parametrize(("sy", "sx"), [(2.0, 2.0), (2.5, 2.5), (4.0, 2.0), (1.6, 4.1)])


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return load(write_pack(tmp_path_factory.mktemp("scenes") / "pack.npz"), ())["hres"]


def block_means(y: Tensor, scale: float, dim: int) -> Tensor:
    """Means of `scale` pixels, by cutting each pixel into equal parts; a last cell that is not whole is left out."""
    parts = next(k for k in range(1, 20) if abs(k * scale - round(k * scale)) < 1e-9)
    y, block = y.repeat_interleave(parts, dim), round(parts * scale)
    whole = y.shape[dim] // block
    return y.narrow(dim, 0, whole * block).unflatten(dim, (whole, block)).mean(dim + 1)


def core(t: Tensor, edge: int = EDGE) -> Tensor:
    return t[..., edge:-edge, edge:-edge]


@SCALES
def test_coarse_cells_are_area_means_of_the_target(sy: float, sx: float, dataset: Dataset) -> None:
    scene = box_scene(dataset, BOX, 0, NAMES, sy, sx, sampling=Sampling.MEANS)
    h, w = int(41 / sy), int(49 / sx)
    assert scene.x.shape == (1, 3, h + 2 * EDGE, w + 2 * EDGE)
    assert scene.target.shape == (1, 3, round(h * sy), round(w * sx))
    top, left, *_ = dataset.box(BOX)
    torch.testing.assert_close(
        scene.target[0, 0].numpy(), dataset.window("t2m", 0, top, left, *scene.target.shape[-2:]), rtol=0, atol=0
    )
    want = block_means(block_means(scene.target.double(), sy, 2), sx, 3)
    rows, cols = want.shape[-2:]
    assert rows >= h - 1
    assert cols >= w - 1
    torch.testing.assert_close(core(scene.x)[..., :rows, :cols].double(), want, rtol=1e-6, atol=1e-6)


@SCALES
def test_queries_begin_where_the_first_cell_does(sy: float, sx: float, dataset: Dataset) -> None:
    scene = box_scene(dataset, BOX, 0, NAMES, sy, sx, sampling=Sampling.MEANS)
    for axis, scale, n in ((scene.rows, sy, scene.target.shape[2]), (scene.cols, sx, scene.target.shape[3])):
        assert len(axis) == n
        assert axis.width == pytest.approx(1 / scale)
        assert axis.centres[0] - axis.width / 2 == pytest.approx(EDGE - 0.5)
        assert np.diff(axis.centres) == pytest.approx(1 / scale)


@SCALES
def test_samples_of_a_scene_are_the_field_at_its_points(sy: float, sx: float, dataset: Dataset) -> None:
    scene = box_scene(dataset, BOX, 0, NAMES, sy, sx)
    whole = [
        [i for i in range(n) if abs(i * s - round(i * s)) < 1e-9] for n, s in ((int(40 / sy), sy), (int(48 / sx), sx))
    ]
    at = [[round(i * s) for i in some] for some, s in zip(whole, (sy, sx), strict=True)]
    for coarse, fine in ((scene.x, scene.target), (scene.statics.coarse, core(scene.statics.fine, FINE_MARGIN))):
        got, want = core(coarse)[..., whole[0], :][..., whole[1]], fine[..., at[0], :][..., at[1]]
        torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-4)
    assert scene.rows.centres[0] == EDGE
    assert scene.rows.width == pytest.approx(1 / sy)


@pytest.mark.parametrize("ratio", [2, 3, 4])
def test_centred_points_lie_in_the_middle_of_their_queries(ratio: int, dataset: Dataset) -> None:
    """As the pixels of a network of one ratio do."""
    scene = box_scene(dataset, BOX, 0, NAMES, ratio, ratio, centred=True)
    assert scene.target.shape[-2:] == (41 // ratio * ratio, 49 // ratio * ratio)
    np.testing.assert_allclose(scene.rows.centres, subdivide(41 // ratio, ratio).centres + EDGE)
    first, last = (ratio - 1) // 2, ratio // 2  # at even ratios between two pixels of each axis
    corners = [scene.target[..., i::ratio, j::ratio] for i in (first, last) for j in (first, last)]
    torch.testing.assert_close(core(scene.x), sum(corners) / 4, rtol=1e-5, atol=1e-4)


def test_around_a_scene_its_edge_is_repeated(dataset: Dataset) -> None:
    scene = box_scene(dataset, BOX, 0, NAMES, 2.5, 2.5)
    m = FINE_MARGIN
    for field, edge in ((scene.x, EDGE), (scene.statics.coarse, EDGE), (scene.statics.fine, m)):
        for dim in (-2, -1):
            for outer, last in ((range(edge), edge), (range(-edge, 0), -edge - 1)):
                for i in outer:
                    assert torch.equal(field.select(dim, i), field.select(dim, last))
    assert core(scene.x).std() > 1


@SCALES
def test_statics_of_a_scene_lie_on_its_cells_and_queries(sy: float, sx: float, dataset: Dataset) -> None:
    scene = box_scene(dataset, BOX, 0, NAMES, sy, sx, sampling=Sampling.MEANS)
    top, left, *_ = dataset.box(BOX)
    size = scene.target.shape[-2:]
    for i, name in enumerate(STATIC_FIELDS):
        fine = torch.from_numpy(dataset.window(name, 0, top, left, *size))
        assert torch.equal(core(scene.statics.fine, FINE_MARGIN)[0, i], fine)
        want = block_means(block_means(fine.double(), sy, 0), sx, 1)
        rows, cols = want.shape
        coarse = core(scene.statics.coarse)[0, i, :rows, :cols].double()
        torch.testing.assert_close(coarse, want, rtol=1e-5, atol=1e-5)
    assert scene.statics.known.tolist() == [[1.0, 1.0]]
    latitudes = torch.from_numpy(50 - 0.25 * np.arange(size[0]))
    # a whole cell's middle is the mean of its pixels' latitudes
    cells = len(block_means(latitudes, sy, 0)) - 1
    middle = block_means(latitudes, sy, 0).numpy()[:cells]
    want = cell_sizes(middle, 0.25 * sy, 0.25 * sx)
    torch.testing.assert_close(scene.statics.spacing[..., EDGE : EDGE + cells], want, rtol=1e-3, atol=0)


def test_degradation_is_drawn_from_the_generator_alone(dataset: Dataset) -> None:
    def scene(seed: int | None) -> Batch:
        return box_scene(dataset, BOX, 0, NAMES, 3.0, 3.0, None if seed is None else np.random.default_rng(seed))

    clean, one, again, other = scene(None), scene(1), scene(1), scene(2)
    assert torch.equal(one.x, again.x)
    assert not torch.equal(one.x, other.x)
    assert torch.equal(one.target, clean.target)
    assert torch.equal(one.statics.coarse, clean.statics.coarse)
    for v in range(len(NAMES)):
        share = float((core(one.x) - core(clean.x))[0, v].std() / core(clean.x)[0, v].std())
        assert 1e-3 < share < 0.2, "degraded, but the same weather"


@pytest.mark.parametrize("degraded", [False, True])
def test_a_variable_that_the_data_lack_is_absent(degraded: bool, dataset: Dataset) -> None:
    less = replace(dataset, fields={n: f for n, f in dataset.fields.items() if n != "u10"})
    rng = np.random.default_rng(1) if degraded else None
    scene = box_scene(less, BOX, 0, NAMES, 2.0, 2.0, rng)
    assert scene.present.tolist() == [[1.0, 0.0, 1.0]]
    assert scene.x[:, 1].abs().max() == 0
    assert scene.target[:, 1].abs().max() == 0
    assert scene.x[:, 0].abs().max() > 0


def test_edges_are_an_input_cell_of_queries_more_and_their_terrain_is_that_of_the_edge(dataset: Dataset) -> None:
    scene = box_scene(dataset, BOX, 0, NAMES, 2.5, 4.0)
    work, (top, left) = with_edges(scene)
    assert (top, left) == (3, 4)
    np.testing.assert_allclose(work.rows.centres[top:-top], scene.rows.centres)
    np.testing.assert_allclose(np.diff(work.cols.centres), scene.cols.width)
    assert work.statics.fine.shape[-2:] == (len(work.rows) + 2 * FINE_MARGIN, len(work.cols) + 2 * FINE_MARGIN)
    assert torch.equal(work.statics.fine[..., top:-top, left:-left], scene.statics.fine)
    assert torch.equal(work.statics.fine[..., 0, left:-left], scene.statics.fine[..., 0, :])
    assert torch.equal(work.x, scene.x)
