"""What importing our code does to torch's threads."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.conftest import ROOT


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
