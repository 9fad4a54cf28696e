"""Step 4, calibrate: what stations have shown to be wrong is taken off, where earlier runs prove that it helps."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from tasks.calibrate.apply import WIND, apply, changed, errors_of
from tasks.calibrate.correction import Correction, correction, stations_of, steady
from tasks.calibrate.learn import PLACE, Learner
from tasks.calibrate.members import move
from tasks.calibrate.proof import UNITS, Record
from tasks.calibrate.ranges import PARTS, Residuals, Shape, cells_of
from tasks.calibrate.today import Persistence, with_today
from tasks.errors import FinescaleError
from tasks.grids.gridded import Gridded
from tasks.grids.samples import Sampler
from tasks.handover.calibrated import Calibrated, Calibration
from tasks.handover.candidates import headline
from tasks.handover.cycle import Cycle
from tasks.handover.members import SPREAD
from tasks.handover.scorecard import Proof
from tasks.observations.matching import pairs
from tasks.observations.readers import FieldReader
from tasks.region.document import Region
from tasks.steps import step
from tasks.storage import read_parquet
from tasks.store.calibration import create_calibration, remove_calibration
from tasks.store.ensemble import with_members
from tasks.store.history import of_pairs, read_history
from tasks.store.product import open_product
from tasks.variables import WINDS

log = logging.getLogger(__name__)

FRESH = 20  # cycles, in one of which a station must have reported to be one that is known
NO_RANGES = "past runs do not say how wide the ensemble's ranges are to be"
RECENT = np.timedelta64(30, "D")  # before a run, within which it must have done so


@dataclass(frozen=True)
class Learnt:
    """Corrections of a product's variables, and where and when they hold."""

    stations: pd.DataFrame
    corrections: dict[str, Correction]
    proofs: list[Proof]
    applied: dict[str, np.ndarray]  # variable -> (step,)
    ranges: dict[str, np.ndarray]  # variable -> (step, LEVELS); of no ensemble
    spread: dict[str, np.ndarray]  # variable -> (step, station), of an ensemble's members
    shapes: dict[str, dict[int, Shape]]  # the same's departures, by day of lead time
    cell: np.ndarray  # (step,) of these


@step("calibrate", "calibrate {cycle}", retries=0, timeout_seconds=3600)
def calibrate(cycle: Cycle, region: Region, store: str, product: str, observed: str | None = None) -> Calibrated:
    """Correct a staged product by the region's history of pairs; without any, nothing is touched.

    observed: URI of the table of observations of its first hours, as far as they have come.
    Whatever goes wrong before the first value is changed leaves the product as it is, and says so.
    """
    settings = region.calibration
    if not settings.enabled:
        return Calibrated()
    try:
        history = partial(read_history, store, region.name, cycle.source, cycle.time)
        opened = with_members(open_product(product), product)
        today = of_pairs(pairs(opened, None, read_parquet(observed))) if observed is not None else None
        learnt = learn(opened, history, settings.cycles, np.datetime64(cycle.time.replace(tzinfo=None)), today)
        if learnt is None:
            return Calibrated()
        used = {n: c for n, c in learnt.corrections.items() if learnt.applied[n].any()}
        names = changed(used, opened.fields)
        names += [n for n in learnt.shapes if n in WINDS and n not in names]  # whose median ranges may move
        beside = create_calibration(product, opened.fields, names, _record(learnt))
    except FinescaleError:
        raise  # a store that is away is no matter of stations
    except Exception as error:  # a product waits for no station
        log.exception("calibrate: %s: left as it is", cycle)
        remove_calibration(product)
        return Calibrated(trouble=f"not calibrated: {type(error).__name__}: {error}".splitlines()[0])
    speeds = {n: used.pop(n) for n in list(used) if n in opened.fields and n in WINDS}
    digests = apply(product, opened, used, learnt.applied) if used else {}
    errors = {n: errors_of(opened, n, made, learnt.applied[n]) for n, made in speeds.items()}
    digests |= move(product, learnt.shapes, learnt.applied, learnt.cell, errors)
    count = max((len(c.expected.known) for c in learnt.corrections.values()), default=0)
    log.info("calibrate: %s: %s by %d stations", cycle, ", ".join([*used, *speeds]) or "nothing corrected", count)
    if learnt.shapes:
        log.info("calibrate: %s: ranges of %s by past runs", cycle, ", ".join(learnt.shapes))
    beside |= {path: digests.pop(path) for path in digests.keys() - set(names)}
    return Calibrated(proofs=learnt.proofs, digests=digests, beside=beside, stations=count)


def learn(
    product: Gridded,
    history: Callable[..., Iterator[pd.DataFrame]],
    cycles: int,
    begun: np.datetime64,
    today: pd.DataFrame | None = None,
) -> Learnt | None:
    """What the pairs of so many cycles say of a product; None where no station in it has reported of late.

    history: tasks/store/history.py's, but for its last two arguments. begun: when the forecast began, UTC. today: the
    product's own first pairs.
    """
    fresh = [f[_in_time(f, begun, RECENT)] for f in history(min(FRESH, cycles), newest_first=True)]
    known = stations_of(pd.concat(fresh)) if fresh else pd.DataFrame(columns=PLACE)
    inside = Sampler(product.grid, known["latitude"].to_numpy(), known["longitude"].to_numpy()).inside
    stations = known[inside]
    if stations.empty:
        return None
    ensemble = any(str(n).endswith(SPREAD) for n in product.fields)
    variables = [v for v in UNITS if any((f["variable"] == v).any() for f in fresh) and _there(v, product, ensemble)]
    lead = (product.fields["step"].values / np.timedelta64(1, "h")).astype(np.float64)
    times = pd.DatetimeIndex(product.fields["valid_time"].values)
    hours = times.hour.to_numpy() + times.minute.to_numpy() / 60.0
    learner, record = Learner(stations, variables, int(max(np.ceil(lead.max() / 24.0), 1))), Record()
    persistence, residuals = Persistence(variables, len(stations)), Residuals(variables, cycles, ensemble)
    for run in history(cycles):
        known_then = run[_in_time(run, begun)]
        mine = known_then[steady(known_then, stations)]
        learner.add_run(mine, persistence.add)
        record.add(mine)
        residuals.add(mine)
    reader = FieldReader(product, stations.reset_index())
    here = set((learner.day_of(lead) + 1).tolist())
    found = [p for p in record.proofs(variables) if p.day in here or not p.count]
    corrections, applied, ranges, spread, shapes = {}, {}, {}, {}, {}
    cell = cells_of(lead, hours)
    for name in variables:
        expected = learner.expected(name, hours, lead, forecasts_at(reader, name))
        if today is not None and len(expected.known):
            left = persistence.left(name, lead)
            expected = with_today(expected, today, name, lead, stations.index, left)
        made = correction(expected)
        if made is not None:
            corrections[name] = made
            days_used = [p.day - 1 for p in found if p.variable == name and p.used]
            applied[name] = np.isin(learner.day_of(lead), days_used)
            if ensemble:
                spread[name] = _read(reader, f"{name}{SPREAD}", "nearest")
                of = residuals.shapes(name, cell, applied[name])
                if of:
                    shapes[name] = {day: shape for day, (_, shape) in of.items()}
                moved = [day for day, (corrected, _) in of.items() if corrected]  # never without ranges that go with it
                applied[name] &= np.isin(cell // PARTS, moved)
                idle = lambda p: p.variable == name and p.used and p.day - 1 not in moved  # noqa: B023, E731
                found = [_unused(p, NO_RANGES) if idle(p) else p for p in found]
            elif (held := residuals.ranges(name, cell, applied[name])) is not None:
                ranges[name] = held
    return Learnt(stations, corrections, found, applied, ranges, spread, shapes, cell) if corrections else None


def _unused(proof: Proof, why: str) -> Proof:
    return proof.model_copy(update={"used": False, "why": why})


def _in_time(pairs: pd.DataFrame, begun: np.datetime64, within: np.timedelta64 | None = None) -> np.ndarray:
    """Which pairs a run could have known that began then: one that is made later knows no more."""
    time = pairs["time"].to_numpy()
    return np.asarray((time <= begun) & (within is None or time >= begun - within))


def _there(variable: str, product: Gridded, ensemble: bool) -> bool:
    needed = {"u10", "v10"} if variable == "wind_speed" else {variable}
    needed |= {f"{variable}{SPREAD}"} if ensemble else set()
    return needed <= {str(n) for n in product.fields.data_vars}


def forecasts_at(reader: FieldReader, variable: str) -> np.ndarray:
    """(step, station) of a variable that stations report, read as the headline is; NaN where heights are unknown."""
    way = headline(variable)
    if variable == "wind_speed":
        speed = reader.read(variable, way.method)  # of an ensemble's members
        return speed if speed is not None else np.hypot(*(_read(reader, n, way.method) for n in WIND))
    at_height = None if way.height == "none" else reader.at_height(variable, way.method, way.height)
    return at_height if at_height is not None else _read(reader, variable, way.method)


def _read(reader: FieldReader, name: str, method: str) -> np.ndarray:
    values = reader.read(name, method)
    assert values is not None
    return values


def _record(learnt: Learnt) -> Calibration:
    """At all stations, NaN at those that took no part."""
    shape = len(next(iter(learnt.applied.values()))), len(learnt.stations)
    left_out, own = {}, {}
    for name, made in learnt.corrections.items():
        left_out[name], own[name] = np.full(shape, np.nan), np.full(shape, np.nan)
        left_out[name][:, made.expected.known] = made.left_out.T
        own[name][:, made.expected.known] = made.own.T
    names = [str(s) for s in learnt.stations.index]
    return Calibration(None, names, left_out, own, learnt.applied, learnt.ranges, learnt.spread, list(learnt.shapes))
