"""Training as a user runs it: killed at any moment, the same command goes on to the same end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from tests.models.training.test_train import write_pack

CONFIG = """
data = "{data}"
out = "{out}"
steps = 40
warmup = 2
report_every = 4
windows = 2
regression_windows = 8
[network]
channels = 8
blocks = 2
aggregate_every = 2
hidden = 8
heads = 2
terrain_channels = 4
[batch]
size = 2
patch = 16
margin = 4
queries = 16
scale_high = 3.0
"""


def start(folder: Path, name: str) -> tuple[subprocess.Popen[bytes], Path]:
    config = folder / f"{name}.toml"
    config.write_text(CONFIG.format(data=folder / "pack.npz", out=folder / name))
    command = [sys.executable, "-m", "models.training.train", str(config)]
    environment = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[3])}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL), folder / name


@pytest.mark.slow  # three trainings; resuming itself is in test_train.py
def test_a_run_killed_with_sigkill_ends_as_an_unbroken_one(tmp_path: Path) -> None:
    write_pack(tmp_path / "pack.npz")
    unbroken, whole = start(tmp_path, "whole")
    killed, broken = start(tmp_path, "broken")
    deadline = time.monotonic() + 120
    while not (broken / "history.json").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait(10) == -signal.SIGKILL
    at = torch.load(broken / "checkpoint.pt", weights_only=True)["step"]
    assert 0 < at < 40, "killed in the middle, or this test shows nothing"
    again, _ = start(tmp_path, "broken")
    assert again.wait(120) == 0
    assert unbroken.wait(120) == 0
    losses = [json.loads((folder / "history.json").read_text()) for folder in (whole, broken)]
    assert [h["step"] for h in losses[0]] == list(range(4, 41, 4))
    assert losses[0] == losses[1]
    a, b = (torch.load(folder / "checkpoint.pt", weights_only=True)["average"] for folder in (whole, broken))
    assert all(torch.equal(a[k], b[k]) for k in a)
