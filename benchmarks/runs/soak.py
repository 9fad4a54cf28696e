"""Many cycles through the whole stack while its parts are killed at random: what is lost, left over, or read wrong.

    python -m benchmarks.runs.soak soak                          # 1,000 cycles, 200 kills; hours
    python -m benchmarks.runs.soak soak --cycles 20 --kills 8    # a first look
    python -m benchmarks.runs.soak soak                          # again: goes on where it was

Everything lies in the folder given: the stack, its region, `state.json` (how far it is) and at last `result.json`. The
stack is driven by its own commands; what it fetches comes from the tests' stand-in for ECMWF open data. It plays the
schedule backwards: each turn one more cycle, the next older one, becomes due, and is started as the schedule would.
What a kill takes, deployment catch-up/all makes again; nobody here does.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.runs.soak_office import CRON, Office, environment_of
from benchmarks.runs.soak_parts import KILLED, kill, usage
from benchmarks.runs.soak_reader import Reader
from flows.products.gaps import fire_times
from tasks.acquire import open_source
from tests.conftest import write_region
from tests.servers.opendata import OpenData, open_data
from tests.servers.s3 import free_ports

REGION, STEPS = "soak", [0, 3]
PORTS = ("FINESCALE_S3_PORT", "FINESCALE_UI_PORT", "FINESCALE_POSTGRES_PORT", "MIRROR")
TURN = 240.0  # seconds for a cycle before the next one becomes due; what is not there by then is catch-up's
LOOK_EVERY = 60.0  # seconds between looks of catch-up: it looks every five minutes by itself
SETTLE = 3600.0  # seconds at the end for what is still missing


def begin(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """The state of a soak that begins: which cycles, and which part is killed when."""
    chance = random.Random(args.seed)  # noqa: S311
    now = datetime.now(UTC)
    newest = open_source("ifs").due(fire_times(CRON, now - timedelta(days=1), now)[-1]).time
    cycles = [f"{newest - timedelta(hours=12 * i):%Y-%m-%dT%H}" for i in range(args.cycles)]
    kills = [
        {"turn": chance.randrange(args.cycles), "after": round(chance.uniform(0, 25), 1), "part": chance.choice(KILLED)}
        for _ in range(args.kills)
    ]
    ports = free_ports(200)
    s3 = next(p for p in ports if not {p + 1, p + 2, p + 3} & set(ports))
    others = [p for p in ports if p > s3 + 3][:3]
    write_region(
        folder / "regions" / REGION, name=REGION, title="Soak", spacing=0.25, variables=["t2m"], required=None,
        lead_times={"start": 0, "stop": 3, "step": 3}, schedule={"ifs": CRON, "era5": None, "verify": None},
        acquire={"mirrors": ["ecmwf", "aws"], "pause_seconds": 0.5, "poll_seconds": 0.5, "wait_minutes": 1},
        inference={"where": "workers", "wait_minutes": 1, "silent_minutes": 1},
        catch_up={"ifs_days": args.cycles, "tries": 10, "pause_minutes": 0.2},
    )  # fmt: skip
    return {
        "seed": args.seed, "cycles": cycles, "kills": kills, "turn": 0, "seconds": 0.0,
        "ports": dict(zip(PORTS, [s3, *others], strict=True)), "killed": {}, "by_hand": [], "reader": {},
    }  # fmt: skip


def save(folder: Path, state: dict[str, Any]) -> None:
    """How far it is, whole at any moment."""
    partial = folder / "state.json.partial"
    partial.write_text(json.dumps(state, indent=1))
    partial.replace(folder / "state.json")


def stack(environment: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    """`make up` and its like."""
    return subprocess.run(  # noqa: S603
        [sys.executable, "-m", "deployments.stack", *command], env=environment, capture_output=True, text=True,
        timeout=600, check=False,
    )  # fmt: skip


def up(environment: dict[str, str], state: dict[str, Any]) -> None:
    """Bring the stack up; where `up` alone cannot, `down` and `up`, which is noted."""
    done = stack(environment, "up")
    if done.returncode != 0:
        state["by_hand"].append(done.stderr.strip().splitlines()[-1:])
        stack(environment, "down")
        again = stack(environment, "up")
        assert again.returncode == 0, again.stdout + again.stderr


def turn(office: Office, state: dict[str, Any], environment: dict[str, str], mirror: OpenData) -> None:
    """One more cycle is due: start its run, kill what is to be killed meanwhile, wait for its end."""
    index = state["turn"]
    stamp = state["cycles"][index]
    mirror.add_demo(datetime.fromisoformat(f"{stamp}:00+00:00"), STEPS)
    office.due_from(stamp)
    office.start(stamp)
    began = time.monotonic()
    todo = sorted((k for k in state["kills"] if k["turn"] == index), key=lambda k: float(k["after"]))
    while time.monotonic() - began < TURN:
        while todo and time.monotonic() - began > todo[0]["after"]:
            part = todo.pop(0)["part"]
            if kill(part, environment["FINESCALE_STACK"]):
                state["killed"][part] = state["killed"].get(part, 0) + 1
                print(f"  turn {index}: {part} killed", flush=True)
            if part == "keeper":
                up(environment, state)
        office.look(LOOK_EVERY)
        if not todo and office.has_ended(stamp):
            break
        time.sleep(1)
    state["turn"] = index + 1


def settle(office: Office, state: dict[str, Any]) -> list[str]:
    """Wait until nothing is missing; returns what is at the end."""
    until = time.monotonic() + SETTLE
    while (missing := office.missing()) and time.monotonic() < until:
        print(f"  still missing: {len(missing)}", flush=True)
        office.look(30)
        time.sleep(10)
    return missing if missing is not None else state["cycles"]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of this soak; outside of a folder that only its owner may enter")
    parser.add_argument("--cycles", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=22)
    parser.add_argument("--minutes", type=float, default=None, help="stop after so many, to go on another time")
    args = parser.parse_args()
    folder = args.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "state.json"
    state = json.loads(file.read_text()) if file.is_file() else begin(args, folder)
    environment = environment_of(folder, state["ports"])
    began, before, until = time.monotonic(), state["seconds"], args.minutes
    with ExitStack() as opened:
        mirror = opened.enter_context(open_data(port=state["ports"]["MIRROR"]))
        up(environment, state)
        opened.callback(stack, environment, "down")
        office = Office(environment, REGION)
        state.setdefault("first", usage(environment["FINESCALE_STACK"]))
        for stamp in office.missing() or []:  # of turns before
            mirror.add_demo(datetime.fromisoformat(f"{stamp}:00+00:00"), STEPS)
        reader = opened.enter_context(Reader(environment, REGION, state["reader"]))
        while state["turn"] < len(state["cycles"]):
            if until is not None and time.monotonic() - began > until * 60:
                break
            turn(office, state, environment, mirror)
            state |= {"seconds": round(before + time.monotonic() - began), "reader": reader.found()}
            save(folder, state)
            print(
                f"{state['turn']} of {len(state['cycles'])} cycles, killed {sum(state['killed'].values())}", flush=True
            )
        lost = settle(office, state)
        result = {
            "turns": state["turn"], "of": len(state["cycles"]), "seconds": round(before + time.monotonic() - began),
            "killed": state["killed"], "by_hand": state["by_hand"], **office.counts(), "lost": lost,
            "orphans_after_maintain": office.orphans(), "reader": reader.found(),
            "first": state["first"], "last": usage(environment["FINESCALE_STACK"]),
        }  # fmt: skip
        save(folder, state)
        (folder / "result.json").write_text(json.dumps(result, indent=1))
        print(json.dumps(result, indent=1))
    os._exit(0 if not lost and not result["orphans_after_maintain"] and not result["reader"]["wrong"] else 1)


if __name__ == "__main__":
    main()
