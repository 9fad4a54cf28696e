"""What a training run is: the settings that one TOML file of `models/experiments/` holds."""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from models.training.batches import BatchSettings
from models.training.data import Mismatch


@dataclass(frozen=True)
class Experiment:
    """One training run."""

    data: Path
    out: Path
    method: str = "inr"
    published: bool = False  # as the method's paper trains it; else equal to ours
    network: dict[str, Any] = field(default_factory=dict)
    batch: BatchSettings = field(default_factory=BatchSettings)
    statistics: Path | None = None  # of another run; else fitted to the data
    start: Path | None = None  # package or another run's checkpoint, whose weights it begins with where they fit
    teacher: Path | None = None  # package whose word counts as much as the truth
    steps: int = 10000
    seconds: float = 0.0  # of training, where it ends earlier than `steps`; 0: no limit. A machine lent by the minute
    learning_rate: float = 2e-4
    warmup: int = 200
    ema: float = 0.999
    seed: int = 0
    main_set: str = "hres"  # statistics are fitted to it, and the run is validated on it
    other_share: float = 0.15  # of the steps, spread over the pack's other data sets
    statics: bool = True
    precision: str = "float32"  # or bfloat16: several times faster with AMX or CUDA, several times slower without
    device: str = "auto"
    report_every: int = 250
    windows: int = 64  # to fit statistics to
    regression_windows: int = 2000  # 0: the regression stays as it is in `start`

    @classmethod
    def read(cls, path: Path) -> Experiment:
        """From TOML; Mismatch for what is none, keys that are missing and such that nobody knows."""
        try:
            config = tomllib.loads(path.read_text())
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
            raise Mismatch(f"{path}: {error}") from None
        for name, table, known in (("", config, cls), ("[batch] ", config.get("batch", {}), BatchSettings)):
            if unknown := sorted(set(table) - {f.name for f in fields(known)}):
                raise Mismatch(f"{path}: {name}{', '.join(unknown)}: no such setting")
        if missing := [key for key in ("data", "out") if key not in config]:
            raise Mismatch(f"{path}: {', '.join(missing)}: missing")
        for key in ("data", "out", "statistics", "start", "teacher"):
            if key in config:
                config[key] = Path(config[key])
        batch = dict(config.get("batch", {}))
        if "strides" in batch:
            batch["strides"] = tuple(batch["strides"])
        return cls(**{**config, "batch": BatchSettings(**batch)})

    def drawn(self, sets: list[str], rng: np.random.Generator) -> str:
        """A data set: the main one, or in `other_share` of all draws one of the others."""
        others = [n for n in sets if n != self.main_set]
        if not others or rng.random() >= self.other_share:
            return self.main_set
        return others[int(rng.integers(len(others)))]

    def seeded(self, seed: int | None) -> Experiment:
        """The same with another seed, in a folder of its own."""
        return self if seed is None else replace(self, seed=seed, out=Path(f"{self.out}-seed{seed}"))

    def identity(self) -> dict[str, Any]:
        """What must stay the same for a run to be the same run: all but where it is and how it reports."""
        settings = asdict(self)
        for key in ("data", "out", "statistics", "start", "report_every", "device"):
            del settings[key]
        settings["teacher"] = self.teacher and self.teacher.name
        return settings
