"""What is said of sums in an export that do not follow one another, or are left out."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from flows.products.export.wanted import Wanted
from tasks.variables import VARIABLES

SHOWN = 3  # gaps that a line names


def notes(wanted: Wanted) -> Iterator[str]:
    """Lines for people: which time the sums that are written do not have."""
    amounts = [n for n in wanted.names if VARIABLES[n].amount]
    if not amounts or wanted.hourly:
        return
    hours, steps = wanted.chosen.entry.lead_hours, wanted.steps
    # a sum is of the time since the product's lead time before, whichever of them are written
    gaps = [(hours[a], hours[b - 1]) for a, b in pairwise(steps) if b - a > 1]
    if gaps:
        named = ", ".join(f"{a:g} to {b:g} h" for a, b in gaps[:SHOWN])
        named += f" and {len(gaps) - SHOWN} more" if len(gaps) > SHOWN else ""
        yield (
            f"gaps between lead times: {', '.join(amounts)} of {named} is in no sum that is written; each is of the "
            "time since the product's lead time before; without --lead-hours all are there"
        )
