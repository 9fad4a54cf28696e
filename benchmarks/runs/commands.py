"""Commands that a person waits for, of another checkout and of this one in turn: seconds and memory.

    python -m benchmarks.runs.commands OTHER    # a commit or a checkout; writes benchmarks/results/commands.json

Each command is a process of its own, from its start to its end, beside
a store that its own version has published the demo cycle into; no server is configured. The fastest of the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.runs.checkout import Checkout, other, this
from benchmarks.runs.memory import Usage, run_measured
from benchmarks.runs.whole import QUIET
from benchmarks.shared.rounds import about, each_round, keep, say
from benchmarks.stages.inference import RESULTS

FILE = RESULTS / "commands.json"
PLACE = ("--lat", "30.6", "--lon", "114.3", "--source", "demo")
RUN = ("run", "hubei", "--source", "demo", "--force")
COMMANDS = (
    RUN, ("point", "hubei", *PLACE), ("export", "hubei", "--format", "csv-point", *PLACE, "--force"),
    ("status", "hubei"), ("regions", "list"), ("models", "list"),
)  # fmt: skip


def measure(checkout: Checkout, command: tuple[str, ...], folder: Path) -> Usage:
    """One command of a version, in a folder of that version's own."""
    folder.mkdir(exist_ok=True)
    home = {"PREFECT_HOME": f"{folder}/prefect", "FINESCALE_WORKSPACE": f"{folder}/workspace"}
    return run_measured(
        [checkout.program, *command], folder / "log", QUIET | home | {"FINESCALE_STORE": f"{folder}/store"}
    )


def _kept(rounds: list[Usage]) -> dict[str, Any]:
    fastest = min(rounds, key=lambda u: u.seconds)
    return {"seconds": fastest.seconds, "bytes": fastest.pss, "rounds": [u.seconds for u in rounds]}


def section() -> str:
    """The table for docs/performance.md: before, now and their ratio."""
    kept = json.loads(FILE.read_text())
    commit = kept["commits"]["other"]
    lines = [
        "Written from `benchmarks/results/commands.json`",
        f"(`python -m benchmarks.runs.commands {commit}`): each command a process from its start to its end, without a",
        "server; the fastest round of each version, which take turns. Ratios of the rounds in brackets.",
        "",
        f"| command | {commit}, s | now, s | ratio | {commit}, MB | now, MB |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for command, by_version in kept["commands"].items():
        before, now = by_version["other"], by_version["this"]
        memory = [f"{v['bytes'] / 1e6:.0f}" for v in (before, now)]
        rounds = each_round(now["rounds"], before["rounds"])
        lines.append(
            f"| `{command}` | {before['seconds']:.1f} | {now['seconds']:.1f} | "
            f"**{now['seconds'] / before['seconds']:.2f}** ({rounds}) | {' | '.join(memory)} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", help="a commit, or the folder of a checkout with its own .venv")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    both = {"other": other(args.other), "this": this()}
    found: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # exports go there
        for command in COMMANDS:
            title = " ".join(c for c in command if c not in (*PLACE, "--force"))
            rounds: dict[str, list[Usage]] = {name: [] for name in both}
            for i in range(args.rounds):
                for name, checkout in both.items():
                    rounds[name].append(usage := measure(checkout, command, Path(folder) / name))
                    say(f"{title} {i + 1}/{args.rounds} {name}: {usage.seconds:.2f} s, {usage.pss / 1e6:.0f} MB")
            found[title] = {name: _kept(usages) for name, usages in rounds.items()}
    keep(FILE, {"commits": {n: c.commit for n, c in both.items()}, "commands": found} | about())
    print(section())


if __name__ == "__main__":
    main()
