"""How sure a place's values are: by the errors at stations, or by an ensemble's members, as a product has them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import zarr

from flows.products.at_height import FOLLOWING
from tasks.handover import members
from tasks.handover.calibrated import GROUP, LEVELS, RANGE, ROOTS
from tasks.passing import Passing
from tasks.present import display
from tasks.variables import VARIABLES

MIDDLE = LEVELS.index(0.5)
Columns = Callable[[zarr.Group, str], np.ndarray]  # reads (..., step, place) of a field


@dataclass(frozen=True)
class Sure:
    """Of a place, at the product's lead times `hours`: what is known beside its values, in SI; chances in %.

    departures: variable -> (step, LEVELS) of the truth from the value, by stations; of wind, of square roots.
    quantiles: variable -> (step, LEVELS) of the truth, by members. chances: threshold -> (step,), by members.
    """

    hours: np.ndarray
    departures: dict[str, np.ndarray] = field(default_factory=dict)
    quantiles: dict[str, np.ndarray] = field(default_factory=dict)
    chances: dict[str, np.ndarray] = field(default_factory=dict)
    members: int = 0
    widened: tuple[str, ...] = ()  # variables whose members' ranges are as wide as past runs were wrong

    def ranges(self, values: dict[str, np.ndarray], given: dict[str, np.ndarray], hours: list[float]) -> Ranges:
        """Variable -> (lead time, LEVELS), in SI, at hours that may lie between the product's: there straight.

        values: at these hours, as they are shown; given: what the product has at its own, by which members' quantiles
        are brought along where a value is shown for another height.
        """
        out = {}
        for name, departure in self.departures.items():
            if name in values:
                value = values[name][:, None]
                if name in ROOTS:
                    out[name] = np.maximum(np.sqrt(value) + self._between(departure, hours), 0.0) ** 2
                else:
                    out[name] = value + self._between(departure, hours)
        for name, known in self.quantiles.items():
            if name in values and (not _amount(name) or set(hours) <= set(self.hours.tolist())):
                out[name] = values[name][:, None] + self._between(known - given[name][:, None], hours)
        return dict(sorted(out.items(), key=lambda item: display.order(item[0], 0.0)))

    def with_medians(self, values: dict[str, np.ndarray], hours: list[float]) -> dict[str, np.ndarray]:
        """Values with the members' median in the place of wind's speed: that of their mean wind is too low."""
        speeds = {n: q[:, MIDDLE] for n, q in self.quantiles.items() if n in values and n not in VARIABLES}
        return values | {n: np.interp(hours, self.hours, middle) for n, middle in speeds.items()}

    def chance(self, passing: Passing, hours: list[float]) -> np.ndarray | None:
        """In % (lead time,), as members have it; None where the product does not, or has it at other hours alone."""
        known = self.chances.get(str(passing))
        if known is None or (_amount(passing.variable) and not set(hours) <= set(self.hours.tolist())):
            return None
        return np.asarray(np.interp(hours, self.hours, known))

    def at_another_height(self) -> Sure:
        """The same without what members passed in what changes with height, which was counted at the cell's own."""
        kept = {text: known for text, known in self.chances.items() if Passing.parse(text).variable not in FOLLOWING}
        return replace(self, chances=kept)

    def _between(self, known: np.ndarray, hours: list[float]) -> np.ndarray:
        return np.stack([np.interp(hours, self.hours, level) for level in known.T], axis=1)


Ranges = dict[str, np.ndarray]
NOTHING = Sure(np.empty(0))


def _amount(name: str) -> bool:
    return name in VARIABLES and VARIABLES[name].amount


def how_sure(product: zarr.Group, hours: list[float], places: int, columns: Columns) -> list[Sure]:
    """Of each place, in the order of `columns`."""
    stations, ensemble = product.get(GROUP), product.get(members.GROUP)
    count = int(str(ensemble.attrs["members"])) if isinstance(ensemble, zarr.Group) else 0
    widened = tuple(str(stations.attrs.get("ensemble", "")).split()) if isinstance(stations, zarr.Group) else ()
    found = [Sure(np.asarray(hours), members=count, widened=widened) for _ in range(places)]
    if isinstance(stations, zarr.Group):
        for name in (n.removesuffix(RANGE) for n in stations.array_keys() if n.endswith(RANGE)):
            array = stations[f"{name}{RANGE}"]
            assert isinstance(array, zarr.Array)
            for one in found:
                one.departures[name] = np.asarray(array[:], np.float64)
    if isinstance(ensemble, zarr.Group):
        for title, array in ensemble.arrays():
            if title.endswith(members.QUANTILES):
                values = np.moveaxis(columns(ensemble, title).astype(np.float64), 0, -1)  # (step, place, LEVELS)
                for i, one in enumerate(found):
                    one.quantiles[title.removesuffix(members.QUANTILES)] = values[:, i]
            elif "threshold" in array.attrs:
                values = columns(ensemble, title).astype(np.float64)
                for i, one in enumerate(found):
                    one.chances[str(array.attrs["threshold"])] = values[:, i]
    return found
