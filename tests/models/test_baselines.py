"""Published super-resolution networks: their sizes, any window of queries, how far they see."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.baselines import liif
from models.baselines.edsr import EDSR
from models.baselines.liif import LIIF, Neighbours, ensemble
from models.baselines.lte import LTE
from models.baselines.metasr import MetaSR, projected
from models.baselines.swinir import SwinIR
from models.geometry import Axis, subdivide
from models.operator import MEANS

SMALL: dict[type[nn.Module], dict[str, Any]] = {
    EDSR: {"channels": 8, "blocks": 2},
    SwinIR: {"channels": 12, "depths": (2, 1), "heads": 3, "window": 4},
    MetaSR: {"channels": 8, "blocks": 2, "hidden": 16, "upscaled": 4},
    LIIF: {"channels": 8, "blocks": 2, "hidden": 16, "layers": 2},
    LTE: {"channels": 8, "blocks": 2, "hidden": 16, "layers": 2},
}
EVERY, FIXED, ANY_SCALE = list(SMALL), [EDSR, SwinIR], [MetaSR, LIIF, LTE]
WITH_AND_WITHOUT_STATICS = pytest.mark.parametrize("statics", [0, 3])


def make(kind: type[nn.Module], statics: int = 0, seed: int = 0, **sizes: Any) -> Any:
    """A small network, 2 fields in and out, with biases that say something."""
    torch.manual_seed(seed)
    network = kind(2, 2, statics, **SMALL[kind] | sizes).eval()
    for parameter in network.parameters():
        if parameter.ndim == 1:
            nn.init.normal_(parameter, std=0.1)
    return network


def field(height: int, width: int, channels: int = 2, seed: int = 1) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(0, 1, (1, channels, height, width))).float()


def scales_of(network: Any) -> tuple[float, float]:
    return (network.ratio, network.ratio) if network.ratio else (2.7, 1.4)


def part_of(fine: Tensor, top: int, bottom: int, left: int, right: int, margin: int) -> Tensor:
    return fine[..., top : bottom + 2 * margin, left : right + 2 * margin]


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


# Every number is that of the authors' code for RGB, counted by running it (without its 24 frozen numbers that shift
# the mean colour): MetaSR, LIIF and the encoder of github.com/yinboc/liif, LTE of github.com/jaewon-lee-b/lte with
# configs/train-div2k/train_edsr-baseline-lte.yaml, SwinIR-light of github.com/JingyunLiang/SwinIR.
@pytest.mark.parametrize(
    ("kind", "sizes", "published"),
    [
        (EDSR, {"ratio": 2}, 1_369_859),
        (EDSR, {"ratio": 3}, 1_554_499),
        (EDSR, {"ratio": 4}, 1_517_571),
        (SwinIR, {"ratio": 2}, 910_152),
        (SwinIR, {"ratio": 3}, 918_267),
        (SwinIR, {"ratio": 4}, 929_628),
        (MetaSR, {}, 1_665_536),
        (LIIF, {}, 1_567_299),
        (LTE, {}, 1_714_243),
    ],
)
def test_networks_have_as_many_parameters_as_published(
    kind: type[nn.Module], sizes: dict[str, int], published: int
) -> None:
    assert count(kind(3, 3, **sizes)) == published


@pytest.mark.parametrize(("ratio", "thousands"), [(2, 878), (3, 886), (4, 897)])
def test_the_table_of_swinir_leaves_position_biases_out(ratio: int, thousands: int) -> None:
    # arXiv:2108.10257, table 3; the difference to what the code has is the 24 tables of 15 x 15 biases for 6 heads
    network = SwinIR(3, 3, ratio=ratio)
    biases = sum(p.numel() for name, p in network.named_parameters() if name.endswith("attention.bias"))
    assert round((count(network) - biases) / 1000) == thousands


@WITH_AND_WITHOUT_STATICS
@pytest.mark.parametrize("kind", EVERY)
def test_any_window_of_queries_is_a_crop_of_the_whole(kind: type[nn.Module], statics: int) -> None:
    network = make(kind, statics)
    sy, sx = scales_of(network)
    rows, cols = subdivide(9, sy), subdivide(11, sx)
    features = network.encode(field(9, 11), rows, cols, MEANS)
    for margin in (2, 3):
        fine = field(len(rows) + 2 * margin, len(cols) + 2 * margin, statics, seed=2)
        whole = network.decode(features, fine, rows, cols, MEANS)
        assert whole.shape == (1, 2, len(rows), len(cols))
        assert whole.dtype == torch.float32
        for top, bottom, left, right in [(0, 5, 3, 4), (4, 11, 0, len(cols)), (7, 8, 8, 13)]:
            part = part_of(fine, top, bottom, left, right, margin)
            got = network.decode(features, part, rows.part(top, bottom), cols.part(left, right), MEANS)
            torch.testing.assert_close(got, whole[..., top:bottom, left:right], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ANY_SCALE)
def test_any_scale_and_phase_gives_the_shape_of_its_queries(kind: type[nn.Module]) -> None:
    network = make(kind, 1)
    features = network.encode(field(7, 8), subdivide(7, 1.0), subdivide(8, 1.0), MEANS)
    for wy, wx in [(1.0, 1.0), (1 / np.pi, 0.73), (0.125, 1 / 3)]:
        rows, cols = Axis(-0.6 + wy * np.arange(5), wy), Axis(2.37 + wx * np.arange(7), wx)
        out = network.decode(features, field(9, 11, 1), rows, cols, MEANS)
        assert out.shape == (1, 2, 5, 7)
        assert out.isfinite().all()


@pytest.mark.parametrize("ratio", [2, 3, 4])
@pytest.mark.parametrize("statics", [0, 2])
@pytest.mark.parametrize("kind", FIXED)
def test_a_fixed_ratio_network_is_the_plain_forward_of_its_layers(
    kind: type[nn.Module], statics: int, ratio: int
) -> None:
    network = make(kind, statics, ratio=ratio)
    rows, cols = subdivide(8, ratio), subdivide(12, ratio)
    features = network.encode(field(8, 12), rows, cols, MEANS)
    fine = field(len(rows) + 6, len(cols) + 6, statics, seed=2)
    plain = network.upsample(features)
    if statics:
        plain = F.relu(network.fuse(torch.cat([plain, fine[..., 3:-3, 3:-3]], dim=1)))
    if statics or kind is EDSR:
        plain = network.last(plain)
    torch.testing.assert_close(network.decode(features, fine, rows, cols, MEANS), plain, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", FIXED)
def test_what_a_fixed_ratio_network_cannot_do_is_refused(kind: type[nn.Module]) -> None:
    network = make(kind)
    rows, cols = subdivide(8, 2.0), subdivide(8, 2.0)
    features = network.encode(field(8, 8), rows, cols, MEANS)
    fine = torch.zeros(1, 0, 16, 16)
    with pytest.raises(ValueError, match="by 2 and nothing else, not by 3"):
        network.decode(features, fine, rows, subdivide(8, 3.0), MEANS)
    with pytest.raises(ValueError, match=r"0\.2 of a query cell off"):
        network.decode(features, fine, rows.shifted(0.1), cols, MEANS)
    with pytest.raises(ValueError, match="not all inside 8 cells"):
        network.decode(features, fine, rows, cols.shifted(1.0), MEANS)
    with pytest.raises(ValueError, match="by 1"):
        make(kind, ratio=1)


def test_statics_without_a_margin_are_refused() -> None:
    network, axis = make(EDSR, 1), subdivide(6, 2.0)
    with pytest.raises(ValueError, match="no margin of 2"):
        network.decode(network.encode(field(6, 6), axis, axis, MEANS), field(14, 14, 1), axis, axis, MEANS)


@WITH_AND_WITHOUT_STATICS
@pytest.mark.parametrize("kind", EVERY)
def test_gradient_reaches_every_parameter(kind: type[nn.Module], statics: int) -> None:
    network = make(kind, statics)
    sy, sx = scales_of(network)
    rows, cols = subdivide(8, sy), subdivide(9, sx)
    x = field(8, 9).contiguous(memory_format=torch.channels_last)
    fine = field(len(rows) + 4, len(cols) + 4, statics)
    network.decode(network.encode(x, rows, cols, MEANS), fine, rows, cols, MEANS).square().mean().backward()
    silent = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not silent


@WITH_AND_WITHOUT_STATICS
@pytest.mark.parametrize("kind", EVERY)
def test_without_its_last_layer_a_network_says_nothing(kind: type[nn.Module], statics: int) -> None:
    network = make(kind, statics)
    assert isinstance(network.last, nn.Conv2d | nn.Linear)
    nn.init.zeros_(network.last.weight)
    nn.init.zeros_(network.last.bias)
    rows = cols = subdivide(6, 2.0)
    out = network.decode(network.encode(field(6, 6), rows, cols, MEANS), field(16, 16, statics), rows, cols, MEANS)
    assert not out.any()


@pytest.mark.parametrize("kind", EVERY)
def test_bfloat16_gives_float32_and_nearly_the_same(kind: type[nn.Module]) -> None:
    network = make(kind, 1)
    rows = cols = subdivide(6, 2.0)

    def run() -> Tensor:
        out: Tensor = network.decode(
            network.encode(field(6, 6), rows, cols, MEANS), field(16, 16, 1), rows, cols, MEANS
        )
        return out

    with torch.inference_mode():
        want = run()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            got = run()
    assert got.dtype == torch.float32
    assert (got - want).abs().max() < 0.1 * want.abs().max()


@pytest.mark.parametrize("statics", [0, 1])
@pytest.mark.parametrize("kind", EVERY)
def test_no_query_sees_beyond_the_reach(kind: type[nn.Module], statics: int) -> None:
    network = make(kind, statics)
    if kind is SwinIR:  # its initial attention is too even to be noticed from afar
        network = make(kind, statics, depths=(2,))
        for parameter in network.parameters():
            nn.init.normal_(parameter, std=0.5)
    sy, sx = scales_of(network)
    n, reach = 32, network.reach
    rows, cols = subdivide(n, sy), subdivide(n, sx)
    fine = field(len(rows) + 4, len(cols) + 4, statics, seed=2)

    def run(x: Tensor) -> Tensor:
        with torch.inference_mode():
            out: Tensor = network.decode(network.encode(x, rows, cols, MEANS), fine, rows, cols, MEANS)
        return out[0].abs().amax(dim=0)

    before = run(field(n, n))
    seen_at = 0
    for y, x in [(12, 17), (13, 18), (14, 15), (15, 16), (0, n - 1)]:
        changed = field(n, n)
        changed[..., y, x] += 3.0
        differs = ((run(changed) - before).abs() > 1e-6).numpy()
        distance = np.maximum.outer(np.abs(rows.nearest(n) - y), np.abs(cols.nearest(n) - x))
        assert not differs[distance > reach].any()
        seen_at = max(seen_at, int(distance[differs].max()))
    assert seen_at >= reach - 1  # and the reach is no more than it has to be


@pytest.mark.parametrize("kind", [EDSR, *ANY_SCALE])
def test_a_tile_with_its_halo_equals_the_whole(kind: type[nn.Module]) -> None:
    network = make(kind)
    sy, sx = scales_of(network)
    n, halo = 30, network.reach
    rows, cols = subdivide(n, sy), subdivide(n, sx)
    x, fine = field(n, n), torch.zeros(1, 0, 1, 1)
    whole = network.decode(network.encode(x, rows, cols, MEANS), fine, rows, cols, MEANS)
    inside = [np.flatnonzero((a.nearest(n) >= 11) & (a.nearest(n) < 17)) for a in (rows, cols)]
    (top, bottom), (left, right) = ((int(i[0]), int(i[-1]) + 1) for i in inside)
    start, stop = 11 - halo, 17 + halo
    r, c = rows.part(top, bottom).shifted(start), cols.part(left, right).shifted(start)
    got = network.decode(network.encode(x[..., start:stop, start:stop], r, c, MEANS), fine, r, c, MEANS)
    torch.testing.assert_close(got, whole[..., top:bottom, left:right], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [(3, 5), (8, 8), (9, 14), (1, 4)])
def test_swinir_takes_inputs_that_are_not_whole_windows(shape: tuple[int, int]) -> None:
    network = make(SwinIR, ratio=3)
    rows, cols = (subdivide(n, 3.0) for n in shape)
    out = network.decode(network.encode(field(*shape), rows, cols, MEANS), torch.zeros(1, 0, 1, 1), rows, cols, MEANS)
    assert out.shape == (1, 2, 3 * shape[0], 3 * shape[1])


@pytest.mark.parametrize("kind", [LIIF, LTE])
def test_inference_in_batches_changes_nothing(kind: type[nn.Module], monkeypatch: pytest.MonkeyPatch) -> None:
    network = make(kind, 1)
    rows, cols = subdivide(5, 2.0), subdivide(6, 1.5)
    x, fine = torch.cat([field(5, 6), field(5, 6, seed=3)]), field(14, 13, 1).expand(2, -1, -1, -1)
    features = network.encode(x, rows, cols, MEANS)
    want = network.decode(features, fine, rows, cols, MEANS)
    monkeypatch.setattr(liif, "QUERY_BATCH", 14)  # 7 of each field
    with torch.no_grad():
        got = network.decode(features, fine, rows, cols, MEANS)
    torch.testing.assert_close(got, want)


def test_the_local_ensemble_of_values_is_bilinear() -> None:
    x = field(6, 7, 3)
    rows, cols = (Neighbours.of(subdivide(n, s), n, x.device) for n, s in ((6, 2.5), (7, 3.0)))
    out = ensemble(x.flatten(2).transpose(1, 2), x.new_zeros(1, 0, 15, 21), rows, cols, lambda seen, *_: seen)
    want = F.interpolate(x, size=(15, 21), mode="bilinear", align_corners=False)
    torch.testing.assert_close(out, want)


def test_offsets_of_liif_are_two_a_cell() -> None:
    at = Neighbours.of(Axis(np.array([1.25, 2.0]), 0.5), 4, torch.device("cpu"))
    assert at.cells == range(1, 4)
    assert (at.index + at.cells.start).tolist() == [[1, 2], [2, 3]]
    assert at.offset.tolist() == [[0.5, 0.0], [-1.5, -2.0]]
    torch.testing.assert_close(at.weight, torch.tensor([[0.75, 1.0], [0.25, 0.0]]))
    assert at.size == 1.0


def test_metasr_projects_first_edges() -> None:
    index, offset = projected(subdivide(4, 1.5), 4)
    assert index.tolist() == [0, 0, 1, 2, 2, 3]
    np.testing.assert_allclose(offset, [0, 2 / 3, 1 / 3, 0, 2 / 3, 1 / 3], atol=1e-12)
