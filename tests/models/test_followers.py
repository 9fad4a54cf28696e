"""What follows the network's own variables, and leaves these as they are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.cell_means import CellMeans
from models.downscaler import Downscaler
from models.followers import FOLLOWERS, Leader, unknown_to
from models.following import Following, following
from models.geometry import subdivide
from models.interpolation import bicubic
from models.limits import Limits, deviations, hold_signs
from models.operator import IFS, Seen
from models.statics import Statics, cell_sizes
from models.statistics import Statistics, VariableStatistics
from models.training.methods import build
from tests.models.laws import law

SEEN: Seen = IFS.on(27.0)
SIZE, SCALE = 12, 3
ROWS = COLS = subdivide(SIZE, SCALE)
NAMES = ["t2m", "u10", "v10", "sp"]


@pytest.fixture(scope="module")
def network() -> Downscaler:
    """Small, with random weights in the head too."""
    torch.manual_seed(3)
    laws = {
        "t2m": VariableStatistics(280.0, 15.0, law(0.3, 0.8)),
        "u10": VariableStatistics(0.0, 5.0, law(0.2, 0.9)),
        "v10": VariableStatistics(0.0, 5.0, law(0.2, 0.9)),
        "sp": VariableStatistics(9.5e4, 5e3, law(100.0, 0.9)),
    }
    sizes = {"channels": 8, "blocks": 2, "aggregate_every": 2, "hidden": 16, "heads": 2, "terrain_channels": 4}
    model = build("inr", Statistics(laws), sizes).eval()
    assert isinstance(model, Downscaler)
    torch.nn.init.normal_(model.network.head.last.weight, std=0.2)
    return model


@pytest.fixture
def statics() -> Statics:
    return Statics.unknown(SIZE, SIZE, ROWS, COLS, cell_sizes(np.linspace(32, 30, SIZE), 0.25, 0.25))


def own_fields(times: int = 2) -> torch.Tensor:
    """(times, V, H, W) of NAMES."""
    noise = torch.randn(times, len(NAMES), SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    size, mean = torch.tensor([10.0, 4.0, 4.0, 3e3]), torch.tensor([280.0, 1.0, 2.0, 9.5e4])
    return noise * size[:, None, None] + mean[:, None, None]


@torch.inference_mode()
def run(method: Downscaler | Following, x: torch.Tensor, statics: Statics, present: list[float]) -> torch.Tensor:
    out: torch.Tensor = method(x, torch.tensor([present]), statics, ROWS, COLS, SEEN)
    return out


def test_the_network_s_own_variables_stay_the_same_to_the_bit(network: Downscaler, statics: Statics) -> None:
    own = own_fields()
    method, names = following(network, ["t2m", "u100", "tcc"])
    assert names == [*NAMES, "u100", "tcc"]
    beside = run(method, torch.cat([own, own[:, :2]], dim=1), statics, [1.0] * 6)
    assert torch.equal(beside[:, :4], run(network, own, statics, [1.0] * 4))


def test_a_downscaler_that_knows_all_is_itself(network: Downscaler) -> None:
    assert following(network, ["sp", "t2m"]) == (network, NAMES)


@pytest.mark.parametrize("name", [n for n, leader in FOLLOWERS.items() if leader is not None])
def test_a_follower_is_its_interpolation_and_a_share_of_what_its_leader_gets(
    network: Downscaler, statics: Statics, name: str
) -> None:
    own, leader = own_fields(), FOLLOWERS[name]
    assert isinstance(leader, Leader)
    field = 20.0 + torch.rand(2, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(2))
    method, _ = following(network, [name])
    fine = run(method, torch.cat([own, field], dim=1), statics, [1.0] * 5)
    of = [NAMES.index(n) for n in leader.names]
    led, plain = (
        f[:, of].square().sum(dim=1).sqrt() if len(of) > 1 else f[:, of[0]] for f in (fine, bicubic(own, ROWS, COLS))
    )
    itself = bicubic(field, ROWS, COLS)[:, 0]
    share = itself / plain if leader.relative else 1.0
    torch.testing.assert_close(fine[:, 4], itself + leader.gain * share * (led - plain), rtol=1e-4, atol=1e-4)
    assert (fine[:, 4] - itself).abs().max() > 1e-3, "the network has added something"


def test_without_its_leader_a_follower_is_interpolated(network: Downscaler, statics: Statics) -> None:
    own = own_fields()
    own[:, 1] = 0.0
    method, _ = following(network, ["u100", "fg10"])
    fine = run(
        method, torch.cat([own, own[:, 2:3] + 9.0, own[:, 2:3] + 5.0], dim=1), statics, [1.0, 0.0, 1.0, 1.0, 1.0, 1.0]
    )
    for i, more in ((4, 9.0), (5, 5.0)):
        torch.testing.assert_close(fine[:, i], bicubic(own[:, 2], ROWS, COLS) + more)


def test_who_is_neither_known_nor_a_follower_is_unknown() -> None:
    assert unknown_to(["t2m"], ["t2m", "tcc", "sp", "u100"]) == ["sp"]


def test_what_has_bounds_is_cut_to_them() -> None:
    fine = {"tcc": np.array([[[-0.1, 0.4, 1.2]]], np.float32), "t2m": np.array([[[-0.1, 0.4, 1.2]]], np.float32)}
    hold_signs(fine, set(), {"tcc": (0.0, 1.0)})
    np.testing.assert_array_equal(fine["tcc"][0, 0], np.float32([0.0, 0.4, 1.0]))
    assert fine["t2m"][0, 0, 0] < 0


def test_means_of_what_has_bounds_are_given_back_within_them() -> None:
    """Cloud that is all or nothing over half of the input's cells."""
    n = 24
    axis = subdivide(n, SCALE)
    means, rng = CellMeans(axis, axis, n, n), np.random.default_rng(4)
    coarse = {"tcc": np.clip(rng.normal(0.5, 0.6, (1, n, n)), 0, 1).astype(np.float32)}
    fine = {
        "tcc": np.repeat(np.repeat(coarse["tcc"], SCALE, 1), SCALE, 2)
        + rng.normal(0, 0.2, (1, n * 3, n * 3)).astype(np.float32)
    }
    Limits(means, set(), bounds={"tcc": (0.0, 1.0)}).hold(fine, coarse, deviations(coarse))
    assert 0 <= fine["tcc"].min() < fine["tcc"].max() <= 1
    assert means.error(fine["tcc"], coarse["tcc"]) < 0.1
