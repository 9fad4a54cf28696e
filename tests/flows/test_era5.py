"""`finescale run --source era5` from a .cdsapirc against the stand-in: killed while queued, gone on with, published."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from tests.conftest import ROOT, RegionMaker, prefect_environment
from tests.flows.conftest import CommandLine
from tests.servers.cds import KEY, Fault, cds_server
from tests.servers.prefect import wait_for


@pytest.mark.fault("CDS: run killed with SIGKILL while the job is queued", "one job at the CDS, product published")
def test_run_killed_while_queued_goes_on_with_its_job_and_publishes(
    tmp_path: Path, workspace: Path, make_region: RegionMaker, shared_data: Path, prefect_server: None,
    finescale: CommandLine, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    region = make_region(
        name="east-china", title="East China", box={"north": 32, "south": 30, "west": 118, "east": 120},
        variables=["t2m", "d2m", "sp", "tp"], required=None, terrain=None, boundary=None,
        acquire={"poll_seconds": 0.5},
    )  # fmt: skip
    home, store = tmp_path / "home", tmp_path / "store"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in ("CDSAPI_URL", "CDSAPI_KEY", "CDSAPI_RC"):
        monkeypatch.delenv(name, raising=False)
    command = ["run", str(region), "--source", "era5", "--cycle", "2026-05-30T00", "--store", str(store)]
    with cds_server(shared_data / "fixtures") as cds, (tmp_path / "first.log").open("wb") as log:
        (home / ".cdsapirc").write_text(f"url: {cds.url}\nkey: {KEY}\n")
        cds.hold = True
        run = subprocess.Popen(
            [sys.executable, "-m", "flows.commands.app", *command], cwd=ROOT, env=os.environ | prefect_environment(),
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip

        def noted() -> bool:
            """Whether the job is written down in the raw folder."""
            assert run.poll() is None, (tmp_path / "first.log").read_text()
            return any(workspace.glob("raw/era5/2026-05-30T00/*.job.json"))

        wait_for("a job at the CDS", noted, 240, 0.05)
        os.killpg(run.pid, signal.SIGKILL)
        assert run.wait() == -signal.SIGKILL
        (job,) = cds.jobs
        assert not (store / "east-china").exists()
        cds.hold = False
        again = finescale(*command)
        assert again.exit_code == 0, again.stderr
        assert f"going on with CDS request {job}" in again.stderr
        assert list(cds.jobs) == [job]

        cds.inject(Fault.SERVER_ERROR, 1000)  # a third run needs nothing of the service
        third = finescale(*command)
        assert third.exit_code == 0, third.stderr
        assert "published already" in third.stdout
        assert (cds.counts["execution"], cds.counts["download"], cds.counts["faults"]) == (1, 1, 0)

    ds = xr.open_zarr(store / "east-china/era5/2026/05/2026-05-30T00.zarr")
    assert ds.sizes["step"] == 24
    assert np.isfinite(ds.t2m.values).all()
    assert "Copernicus" in ds.attrs["attribution"]
    texts = [again.stdout, again.stderr, (tmp_path / "first.log").read_text()]
    assert all(KEY not in text for text in texts)
    ours = [f for folder in (workspace, store) for f in folder.rglob("*") if f.is_file()]
    assert all(KEY.encode() not in f.read_bytes() for f in ours), "not in the ledger, the product or the raw folder"
    assert any(
        '"expver":{"0005":[0,1,2' in f.read_text().replace(" ", "").replace("\n", "") for f in store.rglob("*.json")
    )
