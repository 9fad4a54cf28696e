"""The report beside a product: one self-contained page."""

from __future__ import annotations

from html import escape
from pathlib import Path

import pandas as pd
import xarray as xr

from tasks.candidates import Candidate
from tasks.publish.ledger import LedgerEntry


def report(
    entry: LedgerEntry,
    product: xr.Dataset,
    coarse: xr.Dataset,
    pairs: pd.DataFrame | None,
    boundary: Path | None,
    title: str,
) -> bytes:
    """Verdict and scores."""
    del product, coarse, pairs, boundary
    found = entry.scorecard.verification
    rows = "".join(
        f"<tr><td>{escape(s.variable)}<td>{escape(Candidate.parse(s.candidate).title)}<td>{s.count}<td>{s.rmse:.4g}"
        for s in (found.scores if found else [])
    )
    why = "".join(f"<li>{escape(w)}" for w in entry.scorecard.why)
    text = f"<!doctype html><title>{escape(title)}</title><h1>{entry.quality}</h1><ul>{why}</ul><table>{rows}</table>"
    return text.encode()
