"""What runs import, imported once: the process that a worker's runs are copies of has this and nothing else.

No thread may begin here, and no CUDA: a copy has neither.
"""

from __future__ import annotations

import gc
import importlib
import signal

RUNS = (
    "prefect.flow_engine",
    "prefect.task_engine",
    "flows.backfill",
    "flows.catch_up",
    "flows.downscale",
    "flows.maintain",
    "flows.super_resolve",
    "flows.verify",
)
STEPS = ("models.inr", "safetensors.torch", "scores", "zarrs")  # that steps import where they need them

for _module in (*RUNS, *STEPS):
    importlib.import_module(_module)
gc.collect()
gc.freeze()  # what is never looked through again is never written to, and stays one copy in memory
# it ends with its worker; a signal to the worker's whole group is for the worker, which then ends its runs itself
signal.signal(signal.SIGTERM, signal.SIG_IGN)
