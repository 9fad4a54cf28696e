"""Stations whose elevation is published differently."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.tasks.observations.networks.elevations import doubtful_elevations, elevation_spread


def test_only_a_disagreement_of_more_than_30_m_is_doubtful() -> None:
    one = pd.Series({"a": 100.0, "b": 100.0, "c": 100.0, "d": np.nan})
    two = pd.Series({"a": 130.0, "b": 131.0, "d": 5.0})
    assert doubtful_elevations(one, two).to_dict() == {"b": 31.0}
    assert doubtful_elevations(one, two, limit=20).index.tolist() == ["b", "a"]
    assert elevation_spread(one, two)[["c", "d"]].isna().all()  # known to one list only


def test_published_elevations_of_hubei_conflict(shared_data: Path) -> None:
    published = pd.read_csv(shared_data / "stations/hubei_station_conflicts.csv").set_index("id")
    found = doubtful_elevations(*(published[c] for c in ("elev", "g_elev", "b_elev", "ms_elev")))
    assert found.index[0] == "576330-99999"
    assert found.iloc[0] == pytest.approx(163)
    assert "574610-99999" in found  # Yichang: 257.7 m in NOAA's lists, 134 m elsewhere
    assert len(found) == 6
