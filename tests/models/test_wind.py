"""What terrain does to wind: slopes in metres a metre, speed-up, and nothing where there is no wind."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.cell_means import area_mean
from models.downscaler import Downscaler
from models.geometry import subdivide, with_margin
from models.ground import SLOPE_UNIT
from models.interpolation import conservative_bicubic
from models.operator import MEANS
from models.statics import FINE_MARGIN, HEIGHT, UNIT, Statics, cell_sizes, slopes
from models.statistics import Statistics, VariableStatistics
from models.training.fitting import predictors
from models.training.methods import build
from tests.models.laws import law

NAMES = ("t2m", "u10", "v10")
SMALL = {"channels": 8, "blocks": 1, "hidden": 8, "heads": 2, "terrain_channels": 0}


def model(names: tuple[str, ...] = NAMES) -> Downscaler:
    laws = {n: VariableStatistics(0.0, 5.0, law(0.2 if n == "u10" else 0.4, 0.0)) for n in names}
    built = build("inr", Statistics(laws), SMALL)
    assert isinstance(built, Downscaler)
    return built.eval()


@pytest.mark.parametrize("latitude", [0.0, 60.0])
def test_slopes_of_a_plane_are_its_own_at_any_latitude_and_scale(latitude: float) -> None:
    spacing = cell_sizes(np.full(12, latitude), 0.25, 0.25)
    rows, cols = subdivide(12, 2.5), subdivide(10, 4.0)
    km = spacing[0, :, 0].tolist()
    north = 0.02 * 1000 * km[0] * rows.width * -np.arange(len(rows))  # rows go south
    east = -0.01 * 1000 * km[1] * cols.width * np.arange(len(cols))
    plane = torch.from_numpy(np.add.outer(north, east)).float()[None, None]
    found = slopes(plane, spacing, rows, cols)[0, :, 1:-1, 1:-1]
    torch.testing.assert_close(found[0], torch.full_like(found[0], -0.01), atol=1e-5, rtol=1e-3)
    torch.testing.assert_close(found[1], torch.full_like(found[1], 0.02), atol=1e-5, rtol=1e-3)


def scene(names: tuple[str, ...] = NAMES) -> tuple[torch.Tensor, torch.Tensor, Statics]:
    """Wind of 3 and -4 m/s over random terrain."""
    rng = np.random.default_rng(2)
    rows = cols = subdivide(12, 3.0)
    z = torch.from_numpy(rng.uniform(0, 500, (1, 2, len(rows) + 2 * FINE_MARGIN, len(cols) + 2 * FINE_MARGIN))).float()
    z[:, 1] = 1.0
    m = FINE_MARGIN
    unknown = Statics.unknown(12, 12, rows, cols)
    coarse = area_mean(z[..., m:-m, m:-m], rows, cols, 12, 12)
    statics = replace(unknown, coarse=coarse, fine=z, known=torch.ones(1, 2))
    winds = {"u10": 3.0, "v10": -4.0}
    x = torch.stack([torch.full((12, 12), winds.get(n, 280.0)) for n in names])[None]
    return x, torch.ones(1, len(names)), statics


def wind_predictors(of: Downscaler, x: torch.Tensor, present: torch.Tensor, statics: Statics) -> torch.Tensor:
    """(V, 3, Qy, Qx): of every variable slopes east and north, and height times the wind."""
    rows = cols = subdivide(12, 3.0)
    with torch.inference_mode():
        encoded = of.encode(x, present, statics, rows, cols, MEANS)
        return predictors(of, encoded, statics, rows, cols)[0][0, :, -3:]


def test_speed_up_is_height_above_the_coarse_terrain_times_the_wind() -> None:
    x, present, statics = scene()
    t2m, u10, v10 = wind_predictors(model(), x, present, statics)
    rows = cols = subdivide(12, 3.0)
    wide = with_margin(rows, FINE_MARGIN), with_margin(cols, FINE_MARGIN)
    height = statics.fine[:, HEIGHT] - conservative_bicubic(statics.coarse, *wide)[:, HEIGHT]
    m = FINE_MARGIN
    slope = slopes(height[:, None], statics.spacing, *wide)[0, :, m:-m, m:-m] / SLOPE_UNIT
    height = height[:, m:-m, m:-m]
    torch.testing.assert_close(u10[2], 3.0 * height[0] / UNIT[HEIGHT] / 0.2)
    torch.testing.assert_close(v10[2], -4.0 * height[0] / UNIT[HEIGHT] / 0.4)
    torch.testing.assert_close(u10[:2], slope / 0.2)
    torch.testing.assert_close(v10[:2], slope / 0.4)
    assert float(t2m.abs().max()) == 0, "slopes are for wind"


def test_wind_that_is_absent_speeds_nothing_up() -> None:
    x, _, statics = scene()
    x[:, 1] = 0.0
    _, u10, v10 = wind_predictors(model(), x, torch.tensor([[1.0, 0.0, 1.0]]), statics)
    assert float(u10[2].abs().max()) == 0
    assert float(v10[2].abs().max()) > 1


def test_a_wind_of_one_component_is_regressed_all_the_same() -> None:
    whole, (x, present, statics) = wind_predictors(model(), *scene()), scene(("t2m", "v10"))
    torch.testing.assert_close(wind_predictors(model(("t2m", "v10")), x, present, statics)[1], whole[2])


def test_without_terrain_there_is_no_slope() -> None:
    x, present, statics = scene()
    assert float(wind_predictors(model(), x, present, statics.without(torch.zeros(1, 2))).abs().max()) == 0


def test_a_mirrored_world_has_mirrored_slopes() -> None:
    x, present, statics = scene()
    flipped = replace(statics, coarse=statics.coarse.flip(-1), fine=statics.fine.flip(-1))
    mirrored = x.clone()
    mirrored[:, 1] *= -1
    a, b = (wind_predictors(model(), f, present, s).cpu() for f, s in ((x, statics), (mirrored, flipped)))
    u10, v10 = (b.flip(-1)[i] for i in (1, 2))
    torch.testing.assert_close(u10[0], -a[1, 0], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(u10[1], a[1, 1], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(u10[2], -a[1, 2], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(v10[2], a[2, 2], atol=1e-4, rtol=1e-4)
