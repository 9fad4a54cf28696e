"""Made-up forecasts, observations and their scores: what a report is made of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import xarray as xr

from tasks.handover.candidates import candidates
from tasks.handover.scorecard import Check, Scorecard, TruthScore, Verification
from tasks.store.ledger import LedgerEntry
from tasks.validate.scores import score

CYCLE = datetime(2026, 11, 20, tzinfo=UTC)
# variable, period -> mean and spread of what is observed, error of the product and of the input
OBSERVED = {
    ("t2m", 0.0): (285.0, 6.0, 1.2, 1.9), ("d2m", 0.0): (279.0, 4.0, 1.6, 1.8),
    ("sp", 0.0): (98000.0, 2000.0, 60.0, 90.0), ("msl", 0.0): (102000.0, 500.0, 50.0, 52.0),
    ("wind_speed", 0.0): (4.0, 2.0, 1.3, 1.6),
    ("wind_direction", 0.0): (180.0, 90.0, 30.0, 33.0), ("wind_vector", 0.0): (0.0, 0.0, 1.8, 2.2),
    ("tp", 6.0): (0.003, 0.004, 0.002, 0.0025), ("tp", 24.0): (0.01, 0.01, 0.005, 0.006),
}  # fmt: skip


def fields(leads: list[float], spacing: float, seed: int = 1) -> xr.Dataset:
    """Smooth noise around plausible values, SI."""
    rng = np.random.default_rng(seed)
    lat, lon = np.arange(33.0, 29.0, -spacing), np.arange(109.0, 116.0, spacing)
    step = np.array([int(h * 3600) for h in leads], "timedelta64[s]").astype("timedelta64[ns]")
    start = np.datetime64(CYCLE.replace(tzinfo=None), "ns")
    phase = np.arange(len(leads))[:, None, None]
    wave = np.sin(3 * lat[:, None] + phase) * np.cos(2 * lon[None, :])
    values = {
        "t2m": 285 + 6 * wave, "d2m": 279 + 4 * wave, "u10": 3 * wave, "v10": 2 - wave, "sp": 98000 + 2000 * wave,
        "msl": 102000 + 500 * wave, "tp": np.clip(0.002 * wave, 0, None),
    }  # fmt: skip
    noisy = {
        n: (("step", "latitude", "longitude"), (v + rng.normal(0, 0.02 * v.std(), v.shape)).astype("f4").clip(
            0 if n == "tp" else None)) for n, v in values.items()
    }  # fmt: skip
    coords = {"step": step, "latitude": lat, "longitude": lon, "time": start, "valid_time": ("step", start + step)}
    return xr.Dataset(noisy, coords)


def pairs(leads: list[float], stations: int = 24, seed: int = 1, wanted: list[str] | None = None) -> pd.DataFrame:
    """Noise around the observed value: less of it for the product, more for what is read without correction."""
    rng = np.random.default_rng(seed)
    far = rng.uniform(310, 700, stations)
    place = pd.DataFrame(
        {
            "station": [f"{57400 + i}" for i in range(stations)], "network": "synop",
            "latitude": rng.uniform(29.2, 32.8, stations), "longitude": rng.uniform(109.2, 115.8, stations),
            "elevation": rng.uniform(20, 900, stations).round(),
            "above": np.where(np.arange(stations) % 6 == 5, far, rng.normal(0, 90, stations)),
        }
    )  # fmt: skip
    parts = []
    for (variable, period), (mean, spread, ours, theirs) in OBSERVED.items():
        if wanted is not None and variable not in wanted:
            continue
        for lead in (h for h in leads if h >= period):
            observed = rng.normal(mean, spread, stations)
            if variable == "wind_direction":
                observed %= 360
            elif variable in ("wind_speed", "tp"):
                observed = np.abs(observed)
            part = place.assign(
                time=pd.Timestamp(CYCLE.replace(tzinfo=None)) + pd.Timedelta(hours=lead), lead_hours=lead,
                variable=variable, period=period, observed=observed.astype("f4"),
            )  # fmt: skip
            growth = 1 + lead / 120
            daily = 0.4 * np.sin(2 * np.pi * lead / 24)
            common = rng.normal(0, 0.7, stations)
            for c in (c for c in candidates(variable) if c.field != "raw"):  # none is calibrated
                size = ours if c.field == "product" else theirs
                size *= {"nearest": 1.1, "similar": 1.05, "bilinear": 1.0}[c.method] * (
                    1 if c.height != "none" else 1.05
                )
                error = size * growth * (0.7 * rng.normal(0, 1, stations) + common + daily)
                value = np.abs(error) if variable == "wind_vector" else observed + error
                if variable == "wind_direction":
                    value %= 360
                elif variable in ("wind_speed", "tp"):
                    value = np.clip(value, 0, None)
                part[c.name] = value.astype("f4")
            parts.append(part)
    return pd.concat(parts, ignore_index=True)


def entry(
    found: pd.DataFrame | None, leads: list[float], *, quality: str = "verified", why: list[str] | None = None
) -> LedgerEntry:
    """An entry with the scores of these pairs."""
    checks = [
        Check(name="seam", variable="t2m", value=1.2, limit=1.5, passed=True),
        Check(name="recoarsening", variable="tp", value=0.004, limit=0.01, passed=True),
    ]
    verification = None
    if found is not None:
        made = score(found)
        verification = Verification(
            observations=["SYNOP (OGIMET)", "ISD-Lite"], complete=False, first=CYCLE + timedelta(hours=leads[0]),
            last=CYCLE + timedelta(hours=leads[-1]), stations=found["station"].nunique(), count=len(found),
            rejected={"unlike its neighbours": 14, "frozen value": 3}, scores=made.scores, skill=made.skill,
            judged=made.judged, events=made.events, cases=made.cases,
        )  # fmt: skip
    truth = [TruthScore(variable="t2m", units="K", count=9, product=0.61, bilinear=0.9, bicubic=0.8)]
    name = f"hubei/ifs/2026/11/{CYCLE:%Y-%m-%dT%H}"
    return LedgerEntry(
        region="hubei", cycle=f"ifs/{CYCLE:%Y-%m-%dT%H}", state="published", quality=quality, product=f"{name}.zarr",
        quicklook=f"{name}.png", revision=1, fingerprint="0123456789abcdef", published_at=CYCLE + timedelta(hours=9),
        lead_hours=leads, variables=["t2m", "d2m", "u10", "v10", "sp", "msl", "tp"], absent=[], inputs=[], origin="ifs",
        expver="0001", model="inr-hres", model_sha256="ab" * 32, code_version="0.1.0", region_fingerprint="cd" * 8,
        spacing=0.05, timings={}, digests={},
        scorecard=Scorecard(
            quality=quality, why=why or [], checks=checks, truth=truth, verification=verification
        ),
    )  # fmt: skip
