"""Prefect puts the folder of a flow before all others when it loads it by its file."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.machinery import PathFinder
from pathlib import Path

from tests.conftest import ROOT


def test_no_module_of_flows_hides_a_library() -> None:
    folder = Path(ROOT / "flows")
    elsewhere = [p for p in sys.path if Path(p or ".").resolve() != folder]  # other tests have loaded flows that way
    names = {f.stem for f in folder.glob("*.py")} - {"__init__"}
    hidden = {n for n in names if n in sys.stdlib_module_names or PathFinder.find_spec(n, elsewhere) is not None}
    assert hidden == set()


def test_every_flow_loads_by_its_file() -> None:
    names = ["downscale", "backfill", "verify", "maintain", "super_resolve"]
    load = f"from prefect.flows import load_flow_from_entrypoint as f; [f(f'flows/{{n}}.py:{{n}}') for n in {names}]"
    done = subprocess.run([sys.executable, "-c", load], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_importing_the_flows_leaves_torch_its_threads() -> None:
    count = "import torch; {}print(torch.get_num_threads())"
    alone, beside = (
        subprocess.run([sys.executable, "-c", count.format(more)], cwd=ROOT, capture_output=True, text=True, check=True)
        for more in ("", "import flows.downscale; ")
    )
    assert alone.stdout == beside.stdout


def test_threads_of_torch_wait_awake_for_microseconds_only() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import tasks.validate"], cwd=ROOT, capture_output=True, text=True, check=True,
        env={"PATH": "", "OMP_DISPLAY_ENV": "VERBOSE"},
    )  # fmt: skip
    assert set(re.findall(r"GOMP_SPINCOUNT = '(\d+)'", done.stderr)) == {"1000"}
