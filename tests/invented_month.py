"""A month of forecasts and stations over Hubei that never were, with a systematic error that is known everywhere.

Stations and their values are those of truth_stations.py, so that forecasts are near the demo's own. An error is
systematic(place) + a station's own + one of the day, had in common + one of each pair, by the standard deviations below
times a variable's SCALE.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.calibrate.rolling import rolling
from tasks.handover.cycle import Cycle
from tasks.store.history import write_history
from tests.truth_stations import truth_at_stations

START = datetime(2021, 12, 10, 12, tzinfo=UTC)  # of the demo's cycle, the month's last day but one
DAYS, STATIONS, MANY = 30, 60, 80  # MANY: stations of the file of observations, of which the month knows the first ones
SCALE = {"t2m": 1.0, "d2m": 1.0, "sp": 60.0, "msl": 60.0, "wind_speed": 0.25}
OWN, DAY, PAIR = 0.3, 0.3, 0.8  # standard deviations
WEIGHTS = 0.04  # sum of squared weights of a mean of 30 errors that forgets: half of it in 10, half in 60 pairs
SAMPLING = float(np.sqrt(OWN**2 + WEIGHTS * (DAY**2 + PAIR**2)))  # error of what one station can say: 0.34


def systematic(latitude: np.ndarray, longitude: np.ndarray, height: np.ndarray) -> np.ndarray:
    """Forecast minus observation, over SCALE; standard deviation 0.8 over Hubei."""
    return np.asarray(1.0 * np.sin((longitude - 108) * 0.6) * np.cos((latitude - 29) * 0.5) + height / 1000.0)


def month(
    places: pd.DataFrame,
    variables: tuple[str, ...] = tuple(SCALE),
    lead_hours: tuple[float, ...] = (8.0,),
    *,
    days: int = DAYS,
    seed: int = 1,
    weather: float | None = None,
) -> pd.DataFrame:
    """Pairs, the oldest first, without what was expected of them. places: of `places_of`.

    weather: standard deviation, over SCALE, of what forecasts of a day differ from those of others; without it they
    go up and down by 2, so that there is none unlike all before.
    """
    rng, parts = np.random.default_rng(seed), []
    count = len(places)
    la, lo, z = (places[c].to_numpy() for c in ("latitude", "longitude", "elevation"))
    own = rng.normal(0, OWN, count)
    for day in range(days, 0, -1):
        begun = START.replace(tzinfo=None) - timedelta(days=day)
        for hours in lead_hours:
            for name in variables:
                noise = rng.normal(0, DAY) + rng.normal(0, PAIR, count)
                error = SCALE[name] * (systematic(la, lo, z) + own + noise)
                today = 2.0 * np.cos(2.4 * day) if weather is None else rng.normal(0, weather)
                forecast = places[name].to_numpy() + SCALE[name] * today
                pairs = places[["station", "latitude", "longitude", "elevation"]].assign(
                    land=1.0, time=pd.Timestamp(begun + timedelta(hours=hours)), lead_hours=hours, variable=name,
                    forecast=forecast, observed=forecast - error, simple=np.nan,
                )  # fmt: skip
                parts.append(pairs)
    return pd.concat(parts, ignore_index=True)


def places_of(file: Path, stations: int = STATIONS) -> pd.DataFrame:
    """The first stations of truth_stations.py's file, a row each, with what they measured by variable."""
    table = pd.read_csv(truth_at_stations(file, stations=MANY))
    values = table.pivot(index="station", columns="variable", values="value")
    places = table.drop_duplicates("station").set_index("station")[["latitude", "longitude", "elevation"]]
    return places.join(values).reset_index().head(stations)


def put(store: str | Path, pairs: pd.DataFrame, source: str = "demo", region: str = "hubei") -> None:
    """Write the region's history, a file a cycle; pairs of `rolling`."""
    begun = pairs["time"] - pd.to_timedelta(pairs["lead_hours"], unit="h")
    for time, rows in pairs.groupby(begun):
        cycle = Cycle(source=source, time=pd.Timestamp(time).to_pydatetime().replace(tzinfo=UTC))
        write_history(str(store), region, cycle, rows)


@pytest.fixture(scope="session")
def places(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The month's stations. To be read only."""
    return places_of(tmp_path_factory.mktemp("places") / "truth.csv")


@pytest.fixture(scope="session")
def invented(places: pd.DataFrame) -> pd.DataFrame:
    """The month, with what each run would have expected of its pairs. To be read only."""
    return rolling(month(places))


@pytest.fixture(scope="session")
def t2m_month(invented: pd.DataFrame) -> pd.DataFrame:
    """Its temperatures."""
    return invented[invented["variable"] == "t2m"].reset_index(drop=True)
