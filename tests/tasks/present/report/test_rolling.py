"""The picture of a region's last month."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tasks.handover.candidates import ALL, HEADLINE, baselines, headline
from tasks.present.report import rolling
from tasks.present.report.rolling import rolling_picture


def table(days: int, group: str = HEADLINE, variables: tuple[str, ...] = ("t2m", "sp", "tp")) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    rows = []
    for cycle in pd.date_range("2026-08-01", periods=2 * days, freq="12h"):
        for variable in variables:
            for candidate in (headline(variable), *baselines(variable)):
                rmse = rng.gamma(40, 0.04)
                rows.append(
                    {
                        "cycle": cycle, "variable": variable, "period": 6.0 if variable == "tp" else 0.0,
                        "candidate": candidate.name, "group": group, "count": 90, "bias": 0.1, "rmse": rmse,
                        "low": 0.9 * rmse, "high": 1.1 * rmse,
                    }
                )  # fmt: skip
    return pd.DataFrame(rows)


@pytest.mark.parametrize(("days", "group"), [(100, HEADLINE), (1, ALL)])
def test_picture_is_a_png_whatever_there_is(days: int, group: str) -> None:
    with Image.open(io.BytesIO(rolling_picture(table(days, group), "Hubei, ifs"))) as image:
        assert image.format == "PNG"
        assert image.width > 900


def test_stations_far_from_the_terrain_are_not_mixed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    both = pd.concat([table(3), table(3, ALL)])
    assert set(rolling._one_group(both)["group"]) == {HEADLINE}
    assert set(rolling._one_group(table(3, ALL))["group"]) == {ALL}


def test_one_variable_without_its_input() -> None:
    found = table(40, variables=("t2m",))
    alone = found[found["candidate"] == headline("t2m").name]
    with Image.open(io.BytesIO(rolling_picture(alone, "Hubei"))) as image:
        assert image.height > 200
