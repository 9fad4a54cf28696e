"""What validation found, as plain numbers that travel with the product."""

from __future__ import annotations

from pydantic import BaseModel


class Check(BaseModel):
    """One hard check of one variable: `value` against `limit`."""

    name: str
    variable: str
    value: float
    limit: float
    passed: bool


class TruthScore(BaseModel):
    """RMSE of one variable against a finer field of the same forecast, beside interpolation of the same input."""

    variable: str
    units: str
    count: int
    product: float
    bicubic: float
    conservative: float


class Scorecard(BaseModel):
    """All checks of a product, and its scores where there is something to score against."""

    quality: str  # unverified: no observations looked at yet
    checks: list[Check]
    truth: list[TruthScore] = []

    @property
    def failed(self) -> list[Check]:
        """Checks that keep the product from being published."""
        return [c for c in self.checks if not c.passed]
