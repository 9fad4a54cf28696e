"""Is the product that a command reads damaged? Asked once reading it has raised what nobody expected."""

from __future__ import annotations

import errno
import math
from datetime import UTC, datetime

from flows.products.choose import being_read
from tasks.arrays import DAMAGE
from tasks.errors import FinescaleError
from tasks.store.integrity import CHECK_DAYS, summary, verify_product


class DamagedProduct(FinescaleError):
    """A published product that is no longer what was published."""


def damage_behind(error: Exception) -> DamagedProduct | None:
    """What is wrong with the product that is being read, where bytes that are wrong can have raised the error.

    The whole product is read again, by value: of one that is intact the error says something else. None then, and where
    nothing is being read, or the store is away.
    """
    reading = being_read()
    if reading is None or not (isinstance(error, DAMAGE) or getattr(error, "errno", None) == errno.EIO):
        return None
    region, chosen = reading
    try:
        wrong = verify_product(chosen.store, chosen.entry)
    except Exception:
        return None
    if not wrong:
        return None
    age = math.ceil((datetime.now(UTC) - chosen.entry.published_at).total_seconds() / 86400)
    days = f" --check-days {age}" if age > CHECK_DAYS else ""
    source, cycle = chosen.entry.source, chosen.cycle
    again = f"--source {source} --cycle {cycle.stamp}" if source != "file" else "--input FILE"
    return DamagedProduct(
        f"{chosen.entry.region} {cycle} is damaged: {summary(wrong)}; `finescale maintain {region}{days}` marks it and "
        f"leads readers to the last good one; `finescale run {region} {again} --force` makes it anew"
    )
