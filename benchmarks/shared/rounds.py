"""Timing that others on the machine disturb little: every way in turn, several rounds, the fastest counts."""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from benchmarks.stages.inference import processor


def interleaved(ways: Mapping[str, Callable[[], Any]], rounds: int, warm: bool = True) -> dict[str, list[float]]:
    """Seconds of every round of every way; a first round that does not count warms caches, unless `warm` is False."""
    out: dict[str, list[float]] = {name: [] for name in ways}
    for i in range(0 if warm else 1, rounds + 1):
        for name, run in ways.items():
            began = time.perf_counter()
            run()
            took = time.perf_counter() - began
            if i:
                out[name].append(round(took, 5))
            say(f"round {i}/{rounds} {name}: {took:.3f} s")
    return out


def spread(seconds: list[float]) -> float:
    """How far apart rounds are: median over fastest, minus 1."""
    return statistics.median(seconds) / min(seconds) - 1


def each_round(now: list[float], before: list[float]) -> str:
    """Ratios of rounds that took turns: how sure the ratio of the fastest is."""
    return ", ".join(f"{a / b:.2f}" for a, b in zip(now, before, strict=True))


def say(line: str) -> None:
    """Progress, for whoever waits."""
    print(line, file=sys.stderr, flush=True)


def about() -> dict[str, Any]:
    """The machine and what ran on it."""
    cores, threads = os.cpu_count() or 1, torch.get_num_threads()
    return {"device": processor(), "cores": cores, "threads": threads, "torch": torch.__version__}


def keep(file: Path, found: dict[str, Any]) -> None:
    """Write a results file."""
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(found, indent=1) + "\n")
