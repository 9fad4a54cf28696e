"""`finescale run --source era5` from a .cdsapirc against the stand-in: killed while queued, gone on with, published."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from tests.conftest import ROOT, RegionMaker
from tests.servers.cds import KEY, Fault, cds_server


@pytest.mark.fault("CDS: run killed with SIGKILL while the job is queued", "one job at the CDS, product published")
def test_run_killed_while_queued_goes_on_with_its_job_and_publishes(
    tmp_path: Path, make_region: RegionMaker, shared_data: Path
) -> None:
    region = make_region(
        name="east-china", title="East China", box={"north": 32, "south": 30, "west": 118, "east": 120},
        variables=["t2m", "d2m", "sp", "tp"], required=None, terrain=None, boundary=None,
        acquire={"poll_seconds": 0.5},
    )  # fmt: skip
    home, scratch, store = (tmp_path / name for name in ("home", "workspace", "store"))
    home.mkdir()
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("CDSAPI_", "PREFECT_HOME"))}
    environment |= {"HOME": str(home), "FINESCALE_WORKSPACE": str(scratch), "OMP_NUM_THREADS": "1"}
    command = [
        sys.executable,
        "-m",
        "flows.commands.app",
        "run",
        str(region),
        "--source",
        "era5",
        "--cycle",
        "2026-05-30T00",
    ]
    command += ["--store", str(store)]
    with cds_server(shared_data / "fixtures") as cds, (tmp_path / "first.log").open("wb") as log:
        (home / ".cdsapirc").write_text(f"url: {cds.url}\nkey: {KEY}\n")
        cds.hold = True
        run = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 240
        while not (noted := list(scratch.glob("raw/era5/2026-05-30T00/*.job.json"))) and time.monotonic() < deadline:
            time.sleep(0.05)
        os.killpg(run.pid, signal.SIGKILL)
        assert run.wait() == -signal.SIGKILL
        assert noted, (tmp_path / "first.log").read_text()
        (job,) = cds.jobs
        assert not (store / "east-china").exists()
        cds.hold = False
        again = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
        assert again.returncode == 0, again.stderr
        assert f"going on with CDS request {job}" in again.stderr
        assert list(cds.jobs) == [job]

        cds.inject(Fault.SERVER_ERROR, 1000)  # a third run needs nothing of the service
        third = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
        assert third.returncode == 0, third.stderr
        assert "published already" in third.stdout
        assert (cds.counts["execution"], cds.counts["download"], cds.counts["faults"]) == (1, 1, 0)

    ds = xr.open_zarr(store / "east-china/era5/2026/05/2026-05-30T00.zarr")
    assert ds.sizes["step"] == 24
    assert np.isfinite(ds.t2m.values).all()
    assert "Copernicus" in ds.attrs["attribution"]
    texts = [again.stdout, again.stderr, (tmp_path / "first.log").read_text()]
    assert all(KEY not in text for text in texts)
    ours = [f for folder in (scratch, store) for f in folder.rglob("*") if f.is_file()]
    assert all(KEY.encode() not in f.read_bytes() for f in ours), "not in the ledger, the product or the raw folder"
    assert any(
        '"expver":{"0005":[0,1,2' in f.read_text().replace(" ", "").replace("\n", "") for f in store.rglob("*.json")
    )
