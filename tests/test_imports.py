"""What imports what: no circle of modules anywhere, and what runs every day loads nothing that only training needs."""

from __future__ import annotations

import json
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("benchmarks", "deployments", "flows", "models", "tasks")
FLOWS = ("downscale", "super_resolve", "backfill", "verify", "maintain", "commands.app")


def modules_of(room: str) -> set[str]:
    """Names of all modules that a room's folders hold; scripts that lie among data are no modules of it."""
    data = ("deployments/regions", "tasks/acquire/demo_cycle", "tasks/page/web")
    files = [p.relative_to(ROOT) for p in (ROOT / room).rglob("*.py")]
    files = [p for p in files if not p.as_posix().startswith(data)]
    return {".".join(p.with_suffix("").parts).removesuffix(".__init__") for p in files}


@pytest.fixture(scope="module")
def graph() -> dict[str, set[str]]:
    """Module -> what it imports, inside functions and for type checkers too."""
    found = grimp.build_graph(*ROOMS, cache_dir=None)
    return {m: found.find_modules_directly_imported_by(m) for m in found.modules}


@pytest.mark.parametrize("room", ROOMS)
def test_the_graph_holds_every_module(room: str, graph: dict[str, set[str]]) -> None:
    """A folder without `__init__.py` would be in no graph, and held to no layers."""
    assert modules_of(room) == {m for m in graph if m.split(".")[0] == room}


def test_no_modules_import_each_other_in_a_circle(graph: dict[str, set[str]]) -> None:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_what_runs_every_day_loads_no_training_and_no_peers() -> None:
    program = "import json, sys, {}; print(json.dumps(sorted(sys.modules)))"
    program = program.format(", ".join(f"flows.{name}" for name in FLOWS))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = json.loads(done.stdout.splitlines()[-1])
    assert {"flows.downscale", "models.downscaler", "models.limits"} <= set(loaded)
    assert not [m for m in loaded if m.startswith(("models.training", "models.baselines", "tasks.datasets"))]
