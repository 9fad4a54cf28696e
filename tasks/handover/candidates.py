"""What is held against a station: which field, read in which way, brought to the station's height in which way.

`pairs.parquet` has a column of forecasts for each candidate; scores name them; reports give them their titles.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

FIELDS = {"product": "product", "raw": "product before calibration", "input": "input"}
METHODS = {"nearest": "nearest point", "bilinear": "bilinear", "similar": "nearest land point of most similar height"}
HEIGHTS = {"none": "", "standard": "6.5 K/km", "own": "own lapse rate"}


@dataclass(frozen=True)
class Candidate:
    """One way to say what a station should measure."""

    field: str  # of FIELDS
    method: str  # of METHODS
    height: str = "none"  # of HEIGHTS

    @property
    def name(self) -> str:
        """As in columns and scores: product_bilinear_standard."""
        return f"{self.field}_{self.method}_{self.height}"

    @property
    def title(self) -> str:
        """For people: product, bilinear, 6.5 K/km."""
        return ", ".join(p for p in (FIELDS[self.field], METHODS[self.method], HEIGHTS[self.height]) if p)

    @classmethod
    def parse(cls, name: str) -> Candidate:
        """From its name."""
        return cls(*name.split("_"))


def candidates(variable: str) -> list[Candidate]:
    """All of a variable, the product's first; `raw` is there where it was calibrated.

    Temperature is brought to height in two ways, pressure in one.
    """
    heights = {"t2m": ["none", "standard", "own"], "sp": ["none", "standard"]}.get(variable, ["none"])
    return [Candidate(f, m, h) for f in FIELDS for m in METHODS for h in heights]


def headline(variable: str) -> Candidate:
    """The one that is the product's score: bilinear; brought to the station's height as in WMO-No. 485 (2.2.34)."""
    return Candidate("product", "bilinear", "standard" if variable in ("t2m", "sp") else "none")


def before(variable: str) -> Candidate:
    """The same of the product before calibration."""
    return replace(headline(variable), field="raw")


def baselines(variable: str) -> list[Candidate]:
    """What a forecaster would use otherwise: the input's nearest point, bilinear, bilinear at the station's height."""
    heights = {c.height for c in candidates(variable)} - {"none"}
    plain = [Candidate("input", "nearest"), Candidate("input", "bilinear")]
    return plain + [Candidate("input", "bilinear", h) for h in HEIGHTS if h in heights]


# columns of pairs.parquet beside the candidates'
PAIR_COLUMNS = [
    "station", "network", "latitude", "longitude", "elevation",
    "above",  # m, station above the product's terrain (bilinear); NaN: unknown
    "time", "lead_hours", "variable", "period", "observed",
    "land",  # share, of the product there (bilinear); NaN: unknown
    "left_out", "own",  # what calibration expected the forecast's error to be (tasks/handover/calibrated.py)
    # of an ensemble: its members' standard deviation before calibration; of wind, the median of their speeds, which is
    # what people are shown, and that before calibration; NaN: none
    "spread", "middle", "middle_raw",
]  # fmt: skip
EXPECTED = ("left_out", "own")

# groups of stations by their height above or below the product's terrain: up to NEAR, up to FAR, beyond
NEAR, FAR = 100.0, 300.0  # m
HEADLINE, APART, CASES = "within 100 m", "100 to 300 m", "above 300 m"
ALL = "all"
