"""Many cycles through the whole stack while its parts are killed at random: what is lost, left over, or read wrong.

    python -m benchmarks.runs.soak soak                          # 1,000 cycles, 200 kills; hours
    python -m benchmarks.runs.soak soak --cycles 20 --kills 8    # a first look
    python -m benchmarks.runs.soak soak                          # again: goes on where it was

Everything lies in the folder given: the stack, its regions, `state.json` (how far it is) and at last `result.json`. The
stack is driven by its own commands; what it fetches comes from the tests' stand-in for ECMWF open data. It plays a
year's schedule forward: each turn one more day is due, two cycles in each of several regions, and their runs are
started as the schedule would; a region's runs go one by one, as many at once as there are regions. The next day is due
when no more runs are open than that, so that the machine is never idle.
What a kill takes, deployment catch-up/all makes again, and what dies, its keepers start again; nobody here does.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from benchmarks.runs.soak_office import HOURS, PORTS, Office, environment_of, schedule_until
from benchmarks.runs.soak_parts import KILLED, kill, missing, usage
from benchmarks.runs.soak_reader import Reader
from tests.conftest import write_region
from tests.servers.opendata import OpenData, open_data
from tests.servers.s3 import free_ports
from tests.servers.stack import clean_environ

STEPS = [0, 3]
YEAR = 330  # days: a cron line names no year, and would mean two days
TURN = 300.0  # seconds for a turn's runs before the next day is due all the same
KILLS_WITHIN = 30.0  # seconds of a turn's beginning
LOOK_EVERY = 60.0  # seconds between looks of catch-up: it looks every five minutes by itself
SETTLE = 3600.0  # seconds at the end of a month for what is still missing
SAMPLES = 60  # of memory, over the whole


def begin(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """The state of a soak that begins: which days, and which part is killed when."""
    chance = random.Random(args.seed)  # noqa: S311
    per_turn = args.at_once * len(HOURS)
    turns = -(-args.cycles // per_turn)
    if turns > YEAR:
        sys.exit(f"soak: --cycles {args.cycles}: with --at-once {args.at_once} no more than {YEAR * per_turn}")
    newest = datetime.now(UTC).date() - timedelta(days=1)  # both of its cycles are complete
    days = [str(newest - timedelta(days=i)) for i in reversed(range(turns))]
    kills = [
        {
            "turn": chance.randrange(turns), "after": round(chance.uniform(0, KILLS_WITHIN), 1),
            "part": chance.choice(KILLED), "which": chance.random(),
        }
        for _ in range(args.kills)
    ]  # fmt: skip
    regions = [f"soak-{i}" for i in range(args.at_once)]
    for name in regions:
        write_region(
            folder / "regions" / name, name=name, title="Soak", spacing=0.25, variables=["t2m"], required=None,
            lead_times={"start": 0, "stop": 3, "step": 3},
            schedule={"ifs": schedule_until(date.fromisoformat(days[0])), "era5": None, "verify": None},
            acquire={"mirrors": ["ecmwf", "aws"], "pause_seconds": 0.5, "poll_seconds": 0.5, "wait_minutes": 1},
            inference={"where": "workers", "wait_minutes": 3, "silent_minutes": 1.5},
            catch_up={"ifs_days": turns + 7, "tries": 10, "pause_minutes": 0.2},
        )  # fmt: skip
    environment = clean_environ(folder / "stack")
    ports = {name: int(environment[name]) for name in PORTS}
    ports["MIRROR"] = max(p for p in free_ports(200) if p not in ports.values())
    return {
        "seed": args.seed, "at_once": args.at_once, "regions": regions, "days": days, "kills": kills, "turn": 0,
        "seconds": 0.0, "ports": ports, "killed": {}, "by_hand": [], "lost": [], "reader": {}, "usage": {},
    }  # fmt: skip


def stack(environment: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    """`make up` and its like."""
    return subprocess.run(  # noqa: S603
        [sys.executable, "-m", "deployments.stack", *command], env=environment, capture_output=True, text=True,
        timeout=600, check=False,
    )  # fmt: skip


class Soak:
    """One soak at work."""

    def __init__(self, folder: Path, state: dict[str, Any], opened: ExitStack) -> None:
        self.folder, self.state = folder, state
        self.environment = environment_of(folder, state["ports"], state["at_once"])
        self.stack_folder = self.environment["FINESCALE_STACK"]
        self.began, self.before = time.monotonic(), float(state["seconds"])
        self.mirror: OpenData = opened.enter_context(open_data(port=state["ports"]["MIRROR"]))
        opened.callback(stack, self.environment, "down")
        self.up()
        self.office = Office(self.environment, state["regions"])
        self.reader = opened.enter_context(Reader(self.environment, state["regions"], state["reader"]))
        if lacking := missing(self.stack_folder):
            sys.exit(f"soak: {', '.join(sorted(lacking))} not found by command line: see soak_parts.py")
        self.office.due_since(date.fromisoformat(state["days"][0]))
        for day in state["days"][: state["turn"]]:
            self._serve(day)
        opened.callback(self.save)

    def up(self) -> None:
        """Bring the stack up; where `up` alone cannot, `down` and `up`, which is noted."""
        done = stack(self.environment, "up")
        if done.returncode != 0:
            self.state["by_hand"].append(done.stderr.strip().splitlines()[-1:])
            stack(self.environment, "down")
            again = stack(self.environment, "up")
            assert again.returncode == 0, again.stdout + again.stderr

    def save(self) -> None:
        """How far it is, whole at any moment."""
        seconds = round(self.before + time.monotonic() - self.began)
        self.state |= {"seconds": seconds, "reader": self.reader.found()}
        partial = self.folder / "state.json.partial"
        partial.write_text(json.dumps(self.state, indent=1))
        partial.replace(self.folder / "state.json")

    def _serve(self, day: str) -> None:
        for hour in HOURS:
            self.mirror.add_demo(datetime.fromisoformat(f"{day}T{hour}:00+00:00"), STEPS)

    def turn(self) -> None:
        """One more day is due: start its runs, kill what is to be killed meanwhile, wait until few are open."""
        index, state = self.state["turn"], self.state
        day = state["days"][index]
        if index and day[:7] != state["days"][index - 1][:7]:
            self.settle()
            self.mirror.files.clear()
            self.mirror.requests.clear()
        self._serve(day)
        for region in state["regions"]:
            for hour in HOURS:
                self.office.start(region, f"{day}T{hour}")
        self.office.due_until(date.fromisoformat(day))
        began = time.monotonic()
        while time.monotonic() - began < TURN:
            waits = self._kill(index, time.monotonic() - began)
            self.office.look(LOOK_EVERY)
            if not waits and self.office.at_work() <= state["at_once"]:
                break
            time.sleep(1)
        if index % max(len(state["days"]) // SAMPLES, 1) == 0:
            state["usage"][str(index)] = usage(self.stack_folder)
        state["turn"] = index + 1
        self.save()

    def _kill(self, turn: int, seconds: float) -> bool:
        """Kill what is due to be, this turn's and what did not run in turns before; whether some is still to come."""
        state, todo = self.state, [k for k in self.state["kills"] if k["turn"] <= turn]
        for one in todo:
            if one["turn"] == turn and one["after"] > seconds:
                continue
            if kill(one["part"], self.stack_folder, one["which"]):
                state["kills"].remove(one)
                state["killed"][one["part"]] = state["killed"].get(one["part"], 0) + 1
                print(f"  turn {turn}: {one['part']} killed", flush=True)
                self.save()
        return any(k["turn"] == turn and k["after"] > seconds for k in todo)

    def due(self) -> set[tuple[str, str]]:
        """Region and cycle of all that was due so far."""
        days = self.state["days"][: self.state["turn"]]
        return {(region, f"{day}T{hour}") for region in self.state["regions"] for day in days for hour in HOURS}

    def settle(self) -> None:
        """Wait until all is made that was due; what is not is lost: by the next month's line it is not due any more."""
        until = time.monotonic() + SETTLE
        while (open_ := self.due() - self.reader.made) and time.monotonic() < until:
            self.office.look(30)
            time.sleep(2)
        known = {tuple(one) for one in self.state["lost"]}
        self.state["lost"] += sorted(open_ - known)
        self.save()

    def patiently(self, act: Any) -> None:
        """Do it; if the stack does not come back by itself, bring it up, which is noted, and do it again."""
        try:
            act()
        except httpx.HTTPError as error:
            self.state["by_hand"].append([f"turn {self.state['turn']}: {type(error).__name__}: {error}"])
            print(f"  BY HAND: {error}", flush=True)
            self.up()
            act()

    def result(self) -> dict[str, Any]:
        """What it came to."""
        state = self.state
        lost = sorted({(region, cycle) for region, cycle in state["lost"]} - self.reader.made)  # late is not lost
        return {
            "turns": state["turn"], "of": len(state["days"]), "due": len(self.due()), "seconds": state["seconds"],
            "killed": state["killed"], "not_killed": [k for k in state["kills"] if k["turn"] < state["turn"]],
            "by_hand": state["by_hand"], **self.office.counts(), "lost": lost,
            "missing_by_status": self.office.missing(), "orphans_after_maintain": self.office.orphans(),
            "reader": self.reader.found(), "usage": state["usage"] | {"last": usage(self.stack_folder)},
        }  # fmt: skip


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of this soak; outside of a folder that only its owner may enter")
    parser.add_argument("--cycles", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument(
        "--at-once", type=int, default=4, help="cycles of a turn: two of a day, in half as many regions"
    )
    parser.add_argument("--seed", type=int, default=22)
    parser.add_argument("--minutes", type=float, default=None, help="stop after so many, to go on another time")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("soak: stopped; the same command goes on"))  # the stack is ended
    folder = args.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "state.json"
    state = json.loads(file.read_text()) if file.is_file() else begin(args, folder)
    with ExitStack() as opened:
        soak = Soak(folder, state, opened)
        while state["turn"] < len(state["days"]):
            if args.minutes is not None and time.monotonic() - soak.began > args.minutes * 60:
                break
            soak.patiently(soak.turn)
            lag = len(soak.due() - soak.reader.made)
            print(
                f"{state['turn']} of {len(state['days'])} days, {len(soak.reader.made)} cycles made, {lag} not yet, "
                f"killed {sum(state['killed'].values())}, {state['seconds']} s", flush=True,
            )  # fmt: skip
        soak.patiently(soak.settle)
        result = soak.result()
        (folder / "result.json").write_text(json.dumps(result, indent=1))
        print(json.dumps({k: v for k, v in result.items() if k != "usage"}, indent=1))
    found = (result["lost"], result["missing_by_status"], result["orphans_after_maintain"], result["by_hand"])
    os._exit(0 if not any(found) and not result["reader"]["wrong"] else 1)


if __name__ == "__main__":
    main()
