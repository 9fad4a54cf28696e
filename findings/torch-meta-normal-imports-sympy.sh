#!/bin/sh
# torch 2.13.0 (CPU): a model built on device "meta", which is meant to cost nothing, costs more than a second where one
# of its layers draws from a normal distribution. `uniform_`, which Linear and Conv2d use, has a meta kernel in C++;
# `normal_` has none and falls back to Python, whose first call imports torch._refs and with it several hundred modules,
# sympy among them. Building the same model on the CPU, with real numbers, takes milliseconds.
#
# Installs torch in a temporary folder, draws both on meta and counts the modules that each has loaded; fails if that
# has changed. Output seen on 2026-11-28:
#   torch 2.13.0+cpu
#   uniform_  on meta: 0 modules, sympy False, 0.00 s of CPU
#   normal_   on meta: 824 modules, sympy True, 1.26 s of CPU
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.3.5
"$folder/venv/bin/python" - <<'PYTHON'
import sys
import time

import torch

print("torch", torch.__version__)


def loaded(name: str) -> tuple[int, bool, float]:
    """How many modules a first draw on meta loads, whether sympy comes with them, and CPU seconds."""
    before, started = len(sys.modules), time.process_time()
    getattr(torch.empty(8, 8, device="meta"), name)()
    return len(sys.modules) - before, "sympy" in sys.modules, time.process_time() - started


for name in ("uniform_", "normal_"):
    modules, sympy, seconds = loaded(name)
    print(f"{name:9} on meta: {modules} modules, sympy {sympy}, {seconds:.2f} s of CPU")
    if name == "uniform_":
        assert modules < 20, "uniform_ loads modules now"
    else:
        assert modules > 100, "normal_ loads few modules now"
PYTHON
