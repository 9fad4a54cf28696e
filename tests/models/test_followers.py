"""What follows the network's own variables, and leaves these as they are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.cell_means import CellMeans
from models.downscaler import Downscaler
from models.followers import FOLLOWERS, Leader, unknown_to
from models.following import Following, following, snow_share
from models.geometry import subdivide
from models.interpolation import bicubic, bilinear
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


@pytest.mark.parametrize("name", [n for n, leader in FOLLOWERS.items() if isinstance(leader, Leader)])
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


@pytest.mark.parametrize(("celsius", "share"), [(0.74, 0.5), (-3.0, 0.995), (2.3, 0.1), (7.0, 1.46e-4)])
def test_half_of_what_falls_just_above_freezing_is_snow(celsius: float, share: float) -> None:
    assert float(snow_share(torch.tensor(celsius + 273.15))) == pytest.approx(share, rel=0.06)


@pytest.fixture(scope="module")
def of_rain() -> Downscaler:
    """Small, with random weights in the head: temperature and rain."""
    torch.manual_seed(5)
    laws = {
        "t2m": VariableStatistics(280.0, 15.0, law(0.3, 0.8)),
        "tp": VariableStatistics(0.0, 5e-3, law(1e-3, 0.9), amount=True),
    }
    sizes = {"channels": 8, "blocks": 2, "aggregate_every": 2, "hidden": 16, "heads": 2, "terrain_channels": 4}
    model = build("inr", Statistics(laws), sizes).eval()
    assert isinstance(model, Downscaler)
    torch.nn.init.normal_(model.network.head.last.weight, std=0.2)
    return model


def test_snowfall_is_the_input_s_share_and_what_the_finer_temperature_adds(
    of_rain: Downscaler, statics: Statics
) -> None:
    """Everywhere 0.5 degC: the network's own fine structure decides; 20 degrees: none falls, whatever it does."""
    rain = 0.004 + 0.002 * torch.rand(1, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(7))
    method, names = following(of_rain, ["sf"])
    for kelvin, share in ((273.65, 0.55), (293.15, 0.0), (258.15, 1.0)):
        x = torch.cat([torch.full_like(rain, kelvin), rain, share * rain], dim=1)
        fine = run(method, x, statics, [1.0, 1.0, 1.0])
        t2m, tp, sf = (fine[0, names.index(n)] for n in ("t2m", "tp", "sf"))
        expected = (share + snow_share(t2m) - snow_share(torch.tensor(kelvin))).clamp(0, 1) * tp.clamp(min=0)
        torch.testing.assert_close(sf, expected, rtol=1e-4, atol=1e-7)
        assert (sf <= tp.clamp(min=0)).all()
        if share not in (0.0, 1.0):
            assert float((sf / tp.clamp(min=1e-4)).std()) > 0.02, "it is not the share everywhere"
        alone = run(method, x, statics, [0.0, 1.0, 1.0])[0, names.index("sf")]
        torch.testing.assert_close(alone, bilinear(x[0, 2], ROWS, COLS))


def test_a_snow_line_is_kept_between_the_values_on_both_sides(network: Downscaler, statics: Statics) -> None:
    snow = torch.zeros(1, 1, SIZE, SIZE)
    snow[..., : SIZE // 2] = 10.0
    method, _ = following(network, ["sd"])
    fine = run(method, torch.cat([own_fields(1), snow], dim=1), statics, [1.0] * 5)[:, 4]
    assert (float(fine.min()), float(fine.max())) == (0.0, 10.0)


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
