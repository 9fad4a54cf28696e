"""Commands that a person waits for, of another checkout and of this one in turn: seconds and memory.

    python -m benchmarks.runs.commands OTHER     # prints a table in Markdown, writes benchmarks/results/commands.json

OTHER: folder of a checkout with its own .venv. Each command is a process of its own, from its start to its end, beside
a store that its own version has published the demo cycle into; no server is configured. The fastest of the rounds.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from benchmarks.runs.memory import Usage, run_measured
from benchmarks.runs.releases import HERE, Checkout
from benchmarks.runs.whole import QUIET
from benchmarks.shared.rounds import about, keep, say
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
    program = str(Path(checkout.python).parent / "finescale")
    return run_measured([program, *command], folder / "log", QUIET | home | {"FINESCALE_STORE": f"{folder}/store"})


def table(found: dict[str, dict[str, dict[str, float]]]) -> str:
    """Before, after and their ratio."""
    lines = ["| command | before, s | now, s | ratio | before, MB | now, MB |", "|---|---:|---:|---:|---:|---:|"]
    for command, by_version in found.items():
        other, this = by_version["other"], by_version["this"]
        memory = [f"{v['bytes'] / 1e6:.0f}" for v in (other, this)]
        ratio = this["seconds"] / other["seconds"]
        lines.append(
            f"| `{command}` | {other['seconds']:.1f} | {this['seconds']:.1f} | {ratio:.2f} | {' | '.join(memory)} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    other = args.other.resolve()
    both = {"other": Checkout(other, str(other / ".venv/bin/python")), "this": Checkout(HERE, sys.executable)}
    found: dict[str, dict[str, dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # exports go there
        for command in COMMANDS:
            title = " ".join(c for c in command if c not in (*PLACE, "--force"))
            for name, checkout in both.items():
                rounds = []
                for i in range(args.rounds):
                    usage = measure(checkout, command, Path(folder) / name)
                    rounds.append({"seconds": round(usage.seconds, 2), "bytes": usage.pss})
                    say(f"{title} {i + 1}/{args.rounds} {name}: {usage.seconds:.2f} s, {usage.pss / 1e6:.0f} MB")
                found.setdefault(title, {})[name] = min(rounds, key=lambda r: r["seconds"])
    keep(FILE, {"commits": {n: c.commit for n, c in both.items()}, "commands": found} | about())
    print(table(found))


if __name__ == "__main__":
    main()
