"""How far the truth is from a downscaled field: noise that is the same in any window, scores with known answers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from models import contents
from models.dressing import TERMS, Dressing, crps, logistic, noise, reach, terms_of
from models.geometry import subdivide
from models.package import ModelPackage
from models.training.dress import fit


def test_noise_is_the_same_at_a_point_whatever_window_is_asked_for() -> None:
    whole = noise(7, 1000, 2000, 150, 140, 1.25)
    np.testing.assert_array_equal(noise(7, 1030, 2050, 70, 80, 1.25), whole[30:100, 50:130])
    assert not np.array_equal(noise(8, 1000, 2000, 150, 140, 1.25), whole)
    assert np.isfinite(noise(7, -3, -5, 10, 10, 1.25)).all(), "beyond a pole and 180 degrees too"


def test_noise_has_variance_one_and_goes_together_as_far_as_its_length() -> None:
    field = np.stack([noise(seed, 0, 0, 200, 200, 1.25) for seed in range(8)])
    assert field.mean() == pytest.approx(0, abs=0.02)
    assert field.std() == pytest.approx(1, abs=0.02)
    beside = (field[..., 1:] * field[..., :-1]).mean()
    assert beside == pytest.approx(np.exp(-1 / (4 * 1.25**2)), abs=0.03)
    assert abs((field[..., 8:] * field[..., :-8]).mean()) < 0.03


def test_a_normal_value_becomes_a_logistic_one_as_likely_to_be_exceeded() -> None:
    found = logistic(np.array([-1.2815516, 0.0, 1.2815516, 40.0], np.float32))
    np.testing.assert_allclose(found[:3], [-np.log(9), 0, np.log(9)], atol=1e-4)
    assert np.isfinite(found[3])


def test_crps_is_that_of_the_definition() -> None:
    x = torch.linspace(-60, 60, 240_001, dtype=torch.float64)
    for error, scale in ((0.0, 1.0), (2.0, 0.7), (-5.0, 3.0)):
        step = (x >= error).double()
        wanted = float(torch.trapezoid((torch.sigmoid(x / scale) - step) ** 2, x))
        found = float(crps(torch.tensor(error, dtype=torch.float64), torch.tensor(scale, dtype=torch.float64)))
        assert found == pytest.approx(wanted, abs=1e-3)


def test_fitting_finds_what_errors_were_made_with() -> None:
    generator = torch.Generator().manual_seed(0)
    terms = torch.randn(40_000, len(TERMS), generator=generator, dtype=torch.float64)
    terms[:, 0], terms[:, 6] = 1.0, -3.0
    wanted = torch.tensor([-0.5, 0.8, 0.3, 0.0, -0.2, 0.5, 0.0], dtype=torch.float64)
    uniform = torch.rand(40_000, generator=generator, dtype=torch.float64)
    found = fit(terms, (terms @ wanted).exp() * torch.logit(uniform))
    np.testing.assert_allclose(found, wanted, atol=0.03)
    assert found[6] == 0, "of what does not vary nothing is known"


def test_the_scale_at_a_point_depends_on_nothing_further_away_than_reach() -> None:
    rows = cols = subdivide(30, 2.5)
    rng = np.random.default_rng(0)
    field = (101_300 + rng.normal(size=(75, 75)).cumsum(0) * 30).astype(np.float32)
    height = rng.normal(size=(75, 75)).astype(np.float32) * 300
    dressing = Dressing({"msl": [-5.6, 0.7, 0.4, 0.1, 0.2, 0.6, 0.0]})
    whole = dressing.scale("msl", field, height, rows, cols, 20.0, amount=False)
    r = reach(2.5)
    part = dressing.scale(
        "msl", field[10:50, 20:70], height[10:50, 20:70], rows.part(10, 50), cols.part(20, 70), 20.0, amount=False
    )
    np.testing.assert_array_equal(part[r:-r, r:-r], whole[10 + r : 50 - r, 20 + r : 70 - r])


def test_errors_are_smallest_at_the_inputs_points_and_where_nothing_varies() -> None:
    rows = cols = subdivide(20, 3.0)  # every third query lies on a point
    dressing = ModelPackage.open(Path("models/pretrained/inr-hres")).dressing
    assert dressing is not None
    flat, height = np.full((60, 60), 280.0), np.zeros((60, 60))
    hills = 280 - 0.0065 * 800 * np.abs(np.random.default_rng(0).normal(size=(60, 60)))
    calm, rough = (dressing.scale("t2m", f, height, rows, cols, 0.5, amount=False) for f in (flat, hills))
    assert (rough > calm).all()
    assert calm[1, 1] < 0.5 * calm[0, 0]
    assert (calm[1::3, 1::3] == calm.min()).all()


@pytest.mark.parametrize("dressing", [[], {"t2m": [1.0]}, {"t2m": ["1"] * 7}, {"t2m": [float("nan")] * 7}])
def test_a_package_with_another_dressing_is_refused(tmp_path: Path, dressing: object) -> None:
    file = tmp_path / "model.json"
    data = json.loads(Path("models/pretrained/inr-hres/model.json").read_text()) | {"dressing": dressing}
    file.write_text(json.dumps(data))
    with pytest.raises(ValueError, match="dressing"):
        contents.metadata(file, data["format"])
    assert len(TERMS) == contents.DRESSED_BY


def test_terms_are_as_many_as_their_names() -> None:
    axis = subdivide(4, 2.0)
    assert len(terms_of("tp", np.zeros((8, 8)), np.zeros((8, 8)), axis, axis, 1.0, amount=True)) == len(TERMS)
