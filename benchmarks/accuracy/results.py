"""The files that `python -m models.training.evaluate` writes, one a method, and questions to them; no page."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.training import metrics
from tasks.present import display
from tasks.variables import VARIABLES

EQUAL, SHIPPED = "inr-equal", "inr-hres"  # ours: trained as its peers were, and as users get it
PLAIN = "bicubic"  # nothing is restored
BASELINES = (PLAIN, "back-projection", "terrain-regression", "neighbourhood-regression")
ABLATION = "ablation-"
WHOLE = ABLATION + "full"  # what the ablations are seen beside
SEED = re.compile(r"-seed(\d+)$")
FRAMING = re.compile(r"-(equal|published)$")
RATIO = re.compile(r"-x(\d+)")
AS_SHOWN = {"tp"}  # in the unit people use; all else in that of the results, SI
NAMES = {
    EQUAL: "finescale, equal",
    SHIPPED: "finescale",
    WHOLE: "finescale, full (for the ablations)",
    "bicubic": "bicubic",
    "back-projection": "back-projection",
    "terrain-regression": "terrain regression",
    "neighbourhood-regression": "5x5 regression",
}
ARCHITECTURES = {"edsr": "EDSR", "swinir": "SwinIR", "metasr": "MetaSR", "liif": "LIIF", "lte": "LTE"}

Scale = tuple[float, float]
Record = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """What a figure of one method is about."""

    set: str
    variable: str
    scale: Scale
    degraded: bool = False


def unit(variable: str) -> str:
    """Of a variable as the page shows it."""
    return display.of(variable).unit if variable in AS_SHOWN else VARIABLES[variable].units.replace("m s-1", "m/s")


def factor(variable: str) -> float:
    """From the unit of the results to that of the page."""
    return display.of(variable).scale if variable in AS_SHOWN else 1.0


def label(name: str, framing: bool = True) -> str:
    """A method as readers know it."""
    if name in NAMES:
        return NAMES[name]
    found = FRAMING.search(name)
    stem, _, rest = FRAMING.sub("", name).partition("-")
    text = ARCHITECTURES.get(stem, stem) + ("-" + rest if rest else "")
    return f"{text}, {found[1]}" if found and framing else text


@dataclass(frozen=True)
class Results:
    """Every record of every method that has been scored; `missing` are methods of the suite that have not."""

    methods: dict[str, dict[str, Any]]  # what the file says beside its records, in the order of the suite
    records: dict[str, dict[Case, Record]]
    missing: list[str]

    @classmethod
    def read(cls, folder: Path, suite: Path) -> Results:
        """All of a folder; SystemExit where two methods were scored on different data."""
        wanted = list(tomllib.loads(suite.read_text())["methods"])
        found = {p.stem: json.loads(p.read_text()) for p in sorted(folder.glob("*.json"))}
        found = {n: f for n, f in found.items() if "records" in f}
        order = [n for n in wanted if n in found] + [n for n in found if n not in wanted]
        methods = {n: {k: v for k, v in found[n].items() if k != "records"} for n in order}
        records = {
            n: {
                Case(r["set"], r["variable"], (r["scale"][0], r["scale"][1]), r["degraded"]): r
                for r in found[n]["records"]
            }
            for n in order
        }
        _same_data(records)
        return cls(methods, records, [n for n in wanted if n not in found])

    def cases(self) -> list[Case]:
        """All that any method was scored on, in the order of the files."""
        return list(dict.fromkeys(c for found in self.records.values() for c in found))

    def sets(self) -> list[str]:
        """Names of the data sets."""
        return list(dict.fromkeys(c.set for c in self.cases()))

    def variables(self, dataset: str) -> list[str]:
        """Those that a data set has, in the order of the product."""
        has = {c.variable for c in self.cases() if c.set == dataset}
        return [v for v in VARIABLES if v in has]

    def scales(self, dataset: str) -> list[Scale]:
        """Those that a data set was scored at, anisotropic ones last."""
        return sorted({c.scale for c in self.cases() if c.set == dataset}, key=lambda s: (s[0] != s[1], s))

    @property
    def compared(self) -> list[str]:
        """Methods without ablations and further seeds."""
        return [n for n in self.methods if not n.startswith(ABLATION) and not SEED.search(n)]

    @property
    def product(self) -> str:
        """Ours as users get it, or until it is there, ours as trained for the comparison."""
        return SHIPPED if SHIPPED in self.methods else EQUAL

    @property
    def equal(self) -> str:
        """Ours as trained for the comparison, or until it is there, the product."""
        return EQUAL if EQUAL in self.methods else SHIPPED

    def peers(self, framing: str = "", fixed: bool | None = None) -> list[str]:
        """Networks of others in one framing (both if empty), of fixed ratio or not (both if None)."""
        peers = [n for n in self.compared if n != EQUAL and (m := FRAMING.search(n)) and framing in ("", m[1])]
        return [n for n in peers if fixed is None or fixed == bool(RATIO.search(n))]

    @property
    def held(self) -> list[str]:
        """Methods that were scored within the limits of `models/limits.py`, as products are."""
        return [n for n, about in self.methods.items() if about.get("limits")]

    @property
    def held_before(self) -> list[str]:
        """Methods that were scored within an older form of the limits: their files are older than those of `held`."""
        framing = {n: m[1] if (m := FRAMING.search(SEED.sub("", n))) else "" for n in self.methods}
        free = [n for n in self.methods if n == PLAIN or framing[n] == "published"]
        return [n for n, about in self.methods.items() if "limits" not in about and n not in free]

    def get(self, method: str, case: Case) -> Record | None:
        """A method's record, if it was scored on this."""
        return self.records.get(method, {}).get(case)

    def rmse(self, method: str, case: Case) -> float | None:
        """In the unit of the page."""
        record = self.get(method, case)
        return None if record is None else record["rmse"] * factor(case.variable)

    def best(self, methods: Iterable[str], case: Case) -> str | None:
        """The one of lowest RMSE; None if none was scored on this."""
        known = {m: r for m in methods if (r := self.rmse(m, case)) is not None}
        return min(known, key=known.__getitem__) if known else None

    def gain(self, ours: str, theirs: str, case: Case) -> tuple[float, float, float]:
        """PSNR of ours minus theirs in dB, with its 95 % interval."""
        blocks = [
            (np.asarray(r["block_sums"], np.float64), np.asarray(r["block_counts"], np.float64))
            for r in (self.records[ours][case], self.records[theirs][case])
        ]
        value = float(metrics.gain_db(*(s.sum() / n.sum() for s, n in blocks)))
        return value, *metrics.block_bootstrap(metrics.gain_db, blocks)


def _same_data(records: dict[str, dict[Case, Record]]) -> None:
    first: dict[Case, tuple[str, list[int]]] = {}
    for name, found in records.items():
        for case, record in found.items():
            other, counts = first.setdefault(case, (name, record["block_counts"]))
            if counts != record["block_counts"]:
                raise SystemExit(
                    f"{name}.json and {other}.json were scored on different data ({case.set}, {case.variable}); "
                    "evaluate the older one again: python -m models.training.evaluate SUITE.toml METHOD"
                )
