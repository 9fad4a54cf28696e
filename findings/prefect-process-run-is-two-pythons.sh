#!/bin/sh
# A run of Prefect's process worker is two Pythons one after the other, unless the pool names the default command.
#
# A process pool's job template leaves `command` empty, and its description says that the worker then runs flows with
# its engine. So one expects the same processes whether one leaves it empty or writes `python -m prefect.engine` there.
# Seen with Prefect 3.8.8: empty, each run first starts `prefect.runner._workspace_supervisor`, a Python that imports
# Prefect to prepare the working directory and stays, and that one starts `prefect.engine`, which imports it again.
# Named, there is the engine alone.
# Exits non-zero if the two have become alike.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check prefect==3.8.8 fastapi==0.150.0 \
    'sqlalchemy[asyncio]==2.0.58' psutil==7.2.2
cat > "$folder/nothing.py" <<'PYTHON'
import time

from prefect import flow


@flow
def nothing() -> None:
    time.sleep(3)
PYTHON
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil

here = Path.cwd()
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
api = f"http://127.0.0.1:{port}/api"
os.environ |= {
    "PREFECT_HOME": str(here / "home"), "PREFECT_API_URL": api, "PREFECT_LOGGING_LEVEL": "ERROR",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1",
}
program = [sys.executable, "-m", "prefect"]
quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
server = subprocess.Popen([*program, "server", "start", "--port", str(port)], **quiet)
workers = []


def modules(worker):
    """What the worker's Pythons run: `-m` of each that was seen below it."""
    seen = []
    for child in psutil.Process(worker.pid).children(recursive=True):
        try:
            words = child.cmdline()
        except psutil.Error:
            continue
        if "-m" in words:
            seen.append(words[words.index("-m") + 1])
    return seen


try:
    for _ in range(240):
        try:
            urllib.request.urlopen(f"{api}/health")
            break
        except OSError:
            time.sleep(0.5)
    from importlib.metadata import version

    from prefect import flow
    from prefect.deployments import run_deployment

    found = {}
    for pool, job in (("plain", {}), ("named", {"command": f"{sys.executable} -m prefect.engine"})):
        subprocess.run([*program, "work-pool", "create", pool, "--type", "process"], check=True, **quiet)
        of = flow.from_source(str(here), entrypoint="nothing.py:nothing")
        of.deploy(name=pool, work_pool_name=pool, job_variables=job, build=False, push=False, print_next_steps=False)
        worker = subprocess.Popen([*program, "worker", "start", "--pool", pool], **quiet)
        workers.append(worker)
        run_deployment(f"nothing/{pool}", timeout=0)
        names = {}
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline and "prefect.engine" not in names:
            names |= dict.fromkeys(modules(worker))
            time.sleep(0.05)
        found[pool] = list(names)
    print(f"Prefect {version('prefect')}: Pythons that one run starts, by the pool's command")
    for pool, names in found.items():
        print(f"{pool}: {', '.join(names)}")
    alike = found["plain"] == found["named"] or found["named"] != ["prefect.engine"]
finally:
    for process in [*workers, server]:
        process.terminate()
    for process in [*workers, server]:
        process.wait(30)
sys.exit(1 if alike else 0)
PYTHON
