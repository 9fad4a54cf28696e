"""Prefect puts the folder of a flow before all others when it loads it by its file."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.machinery import PathFinder
from pathlib import Path

import pytest

from tests.conftest import ROOT


def test_no_module_of_flows_hides_a_library() -> None:
    folder = Path(ROOT / "flows")
    elsewhere = [p for p in sys.path if Path(p or ".").resolve() != folder]  # other tests have loaded flows that way
    names = {f.stem for f in folder.glob("*.py")} - {"__init__"}
    hidden = {n for n in names if n in sys.stdlib_module_names or PathFinder.find_spec(n, elsewhere) is not None}
    assert hidden == set()


FLOWS = ["downscale", "backfill", "verify", "maintain", "super_resolve"]
THREADS = "import torch; print(torch.get_num_threads())"


@pytest.fixture(scope="module")
def loaded() -> subprocess.CompletedProcess[str]:
    """A process that loads every flow by its file, with what OpenMP says of its settings."""
    load = f"from prefect.flows import load_flow_from_entrypoint as f; [f(f'flows/{{n}}.py:{{n}}') for n in {FLOWS}]"
    return python(f"{load}; {THREADS}", OMP_DISPLAY_ENV="VERBOSE")


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    given = {name: value for name, value in os.environ.items() if not name.startswith(("GOMP_", "OMP_"))}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=given | environment, capture_output=True, text=True, timeout=120
    )


def test_every_flow_loads_by_its_file(loaded: subprocess.CompletedProcess[str]) -> None:
    assert loaded.returncode == 0, loaded.stderr


def test_importing_the_flows_leaves_torch_its_threads(loaded: subprocess.CompletedProcess[str]) -> None:
    assert loaded.stdout == python(THREADS).stdout


def test_threads_of_torch_wait_awake_for_microseconds_only(loaded: subprocess.CompletedProcess[str]) -> None:
    assert set(re.findall(r"GOMP_SPINCOUNT = '(\d+)'", loaded.stderr)) == {"1000"}
