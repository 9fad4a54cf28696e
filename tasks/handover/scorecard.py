"""What validation found, as plain numbers that travel with the product."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel

from tasks.handover.candidates import ALL, HEADLINE

# quality of a product


class Quality(StrEnum):
    """The gate's word for a product."""

    VERIFIED = "verified"  # against stations
    DEGRADED = "degraded"  # published with a warning
    UNVERIFIED = "unverified"  # no or too few observations so far
    QUARANTINED = "quarantined"  # refused


class Check(BaseModel):
    """One hard check of one variable: `value` against `limit`."""

    name: str
    variable: str
    value: float
    limit: float
    passed: bool


class TruthScore(BaseModel):
    """RMSE of one variable against a finer field of the same forecast, beside the simple ways from the same input.

    `at_height`: bilinear, brought to the product's terrain; None of what has no height, and in older entries.
    """

    variable: str
    units: str
    count: int
    product: float
    bilinear: float | None = None
    bicubic: float
    at_height: float | None = None


class FractionsScore(BaseModel):
    """Fractions skill score of an event, at least `threshold`, in windows of so many degrees; 1 is perfect."""

    variable: str
    units: str
    threshold: float
    window: float
    frequency: float  # share of the truth's points with the event
    product: float
    bilinear: float | None = None
    bicubic: float


class StationScore(BaseModel):
    """Scores of one field, read at stations in one way, over all pairs of a group. Errors are forecast - observed.

    `period`: hours that an amount is summed over, 0 otherwise. `candidate`: see tasks/handover/candidates.py. `group`:
    all, or which heights above or below the product's terrain. `low` and `high`: 95 % interval of the RMSE, block
    bootstrap.
    """

    variable: str
    period: float = 0.0
    units: str
    candidate: str
    group: str
    count: int
    stations: int
    bias: float
    mae: float
    rmse: float
    correlation: float | None = None
    low: float
    high: float


class EventScore(BaseModel):
    """Contingency table of an event, at least `threshold`, and what follows from it; None where nothing can be said."""

    variable: str
    period: float = 0.0
    units: str
    threshold: float
    candidate: str
    hits: int
    misses: int
    false_alarms: int
    correct_negatives: int
    pod: float | None  # probability of detection
    far: float | None  # false alarm ratio
    ets: float | None  # equitable threat score
    frequency_bias: float | None


class Skill(BaseModel):
    """1 - RMSE of the product / RMSE of the best candidate made of the input alone, with its 95 % interval."""

    variable: str
    period: float = 0.0
    units: str
    group: str
    count: int
    stations: int
    product: float  # RMSE
    best: str  # candidate
    baseline: float  # its RMSE
    skill: float
    low: float
    high: float


class CaseStudy(BaseModel):
    """A station whose height is far from the terrain's: not part of the headline, listed by itself."""

    station: str
    latitude: float
    longitude: float
    elevation: float
    above: float  # m, station above the product's terrain
    variable: str
    period: float = 0.0
    count: int
    bias: float
    rmse: float


class MemberScore(BaseModel):
    """An ensemble's ranges of one variable at the stations of a group, in `units`.

    crps: what the mean absolute error `mae` of the mean becomes by ranges. spread_skill: spread over the mean's RMSE, 1
    where ranges are as wide as errors. within_80: how often the observation lay in what is said for eight times in ten.
    between: shares of observations below, between and above the quantiles LEVELS, in their order.
    """

    variable: str
    units: str
    group: str
    count: int
    stations: int
    mae: float
    crps: float
    spread_skill: float
    within_80: float
    between: list[float] = []


class ReliabilityPoint(BaseModel):
    """Pairs whose chance lies in one tenth of 0 to 100 %: the mean of their chances and how often it happened, in %."""

    chance: float
    happened: float
    count: int


class ChanceScore(BaseModel):
    """Chances of a threshold, at stations near the terrain's height: means in %, and Brier scores.

    chance: on the average; happened: how often it did. reference: the Brier score of always saying that. reliability:
    of each tenth of the chances that has pairs, in their order.
    """

    threshold: str
    count: int
    stations: int
    chance: float
    happened: float
    brier: float
    reference: float
    reliability: list[ReliabilityPoint] = []


class Verification(BaseModel):
    """A product against stations."""

    observations: list[str]  # where they are from
    complete: bool  # False: more of them are expected
    first: datetime | None = None  # valid times that have been scored, UTC
    last: datetime | None = None
    stations: int
    count: int  # pairs of all variables
    rejected: dict[str, int]  # reason -> observations
    scores: list[StationScore]
    skill: list[Skill]  # of the headline candidate against the best baseline
    judged: list[Skill] = []  # the same against bilinear interpolation at the same height: what the gate goes by
    events: list[EventScore]
    cases: list[CaseStudy]
    members: list[MemberScore] = []  # of an ensemble
    chances: list[ChanceScore] = []  # of its thresholds

    @property
    def group(self) -> str:
        """The group that counts: the headline's; all stations where no heights are known."""
        return HEADLINE if any(s.group == HEADLINE for s in self.scores) else ALL


class Proof(BaseModel):
    """Whether a correction is used for a variable and day of lead time, and what earlier runs say of it.

    Root mean square errors of forecasts of earlier runs over the same pairs: `raw`, and `corrected` by what each run
    knew when it began, each station left out of its own correction. `low` and `high`: 95 % interval of the gain,
    1 - corrected / raw, block bootstrap. Without enough pairs they are None.
    """

    variable: str
    day: int  # of lead time, from 1
    used: bool
    why: str  # it is not used; "" if it is
    units: str
    count: int = 0  # pairs
    stations: int = 0
    times: int = 0  # days with pairs
    raw: float | None = None
    corrected: float | None = None
    own: float | None = None  # corrected with the station's own earlier pairs too
    simple: float | None = None  # of bilinear interpolation of the input
    gain: float | None = None
    low: float | None = None
    high: float | None = None


class Scorecard(BaseModel):
    """All checks of a product, and its scores where there is something to score against."""

    quality: Quality
    why: list[str] = []  # of a quality other than verified
    checks: list[Check]
    truth: list[TruthScore] = []
    fractions: list[FractionsScore] = []
    verification: Verification | None = None
    calibration: list[Proof] = []  # of every variable and day of lead time that stations are known for

    @property
    def calibrated(self) -> list[str]:
        """Variables whose values are corrected by stations, for some lead times at least."""
        return list(dict.fromkeys(p.variable for p in self.calibration if p.used))

    @property
    def failed(self) -> list[Check]:
        """Checks that keep the product from being published."""
        return [c for c in self.checks if not c.passed]


class Validated(BaseModel):
    """What validation found, and where the pairs and all single scores are; None without observations."""

    scorecard: Scorecard
    pairs: str | None = None
    table: str | None = None
