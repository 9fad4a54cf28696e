"""prefect.yaml: made from the regions found, committed as made, and such that Prefect takes it."""

from __future__ import annotations

import os

import pytest
import yaml
from prefect.cli.deploy._models import PrefectYamlModel

from deployments.generate import COMMITTED, build, deployed, found_regions, render
from tasks.region import search as regions
from tasks.region.search import SEARCH_PATH_VARIABLE, SHIPPED
from tests.conftest import HUBEI, RegionMaker


def by_name(content: dict) -> dict[str, dict]:
    """Deployments by flow and name."""
    return {f"{d['entrypoint'].rsplit('.')[-1]}/{d['name']}": d for d in content["deployments"]}


def test_the_committed_file_is_what_is_made_of_the_shipped_regions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SEARCH_PATH_VARIABLE, raising=False)
    assert COMMITTED.read_text() == render(found_regions()), "run `python -m deployments.generate`"


def test_shipped_deployments_are_those_of_hubei_and_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SEARCH_PATH_VARIABLE, raising=False)
    content = by_name(build(found_regions()))
    assert list(content) == [
        "downscale/hubei", "downscale/hubei-ens", "downscale/hubei-aifs", "downscale/hubei-era5",
        "backfill/hubei", "verify/hubei", "maintain/hubei",
        "catch_up/all", "super_resolve/gpu",
    ]  # fmt: skip
    assert content["downscale/hubei"]["schedules"] == [{"cron": "45 7,19 * * *", "timezone": "UTC"}]
    assert content["downscale/hubei"]["parameters"] == {"region": "hubei", "source": "ifs"}
    assert content["downscale/hubei"]["concurrency_limit"] == {"limit": 1, "collision_strategy": "ENQUEUE"}
    assert content["downscale/hubei-era5"]["parameters"] == {"region": "hubei", "source": "era5"}
    assert content["verify/hubei"]["schedules"] == [{"cron": "30 10,22 * * *", "timezone": "UTC"}]
    assert content["backfill/hubei"]["work_pool"] == {"name": "cpu", "work_queue_name": "backfill"}
    assert content["catch_up/all"]["work_pool"] == {"name": "cpu", "work_queue_name": "upkeep"}
    assert content["catch_up/all"]["schedules"] == [{"cron": "*/5 * * * *", "timezone": "UTC"}]
    assert content["catch_up/all"]["concurrency_limit"] == {"limit": 1, "collision_strategy": "CANCEL_NEW"}
    assert content["super_resolve/gpu"]["work_pool"] == {"name": "gpu", "work_queue_name": "live"}
    assert "concurrency_limit" not in content["super_resolve/gpu"]


def test_a_region_elsewhere_gets_its_deployments(make_region: RegionMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_region(name="sichuan", title="Sichuan", schedule={"ifs": "0 9 * * *", "era5": None})
    monkeypatch.setenv(SEARCH_PATH_VARIABLE, str(folder.parent))
    content = by_name(build(found_regions()))
    assert {"downscale/hubei", "downscale/sichuan", "maintain/sichuan"} <= set(content)
    assert content["downscale/sichuan"]["schedules"] == [{"cron": "0 9 * * *", "timezone": "UTC"}]
    assert content["downscale/sichuan-era5"]["schedules"] == []
    assert regions.load(content["downscale/sichuan"]["parameters"]["region"]).name == "sichuan"


def test_prefect_reads_what_is_written() -> None:
    model = PrefectYamlModel.model_validate(yaml.safe_load(COMMITTED.read_text()))
    assert len(model.deployments) == len(build([regions.load(str(HUBEI) + os.sep)])["deployments"])
    assert model.pull == [{"prefect.deployments.steps.set_working_directory": {"directory": "{{ $FINESCALE_HOME }}"}}]


def test_entrypoints_are_functions_that_take_the_parameters() -> None:
    from prefect.flows import load_flow_from_entrypoint

    for deployment in yaml.safe_load(COMMITTED.read_text())["deployments"]:
        flow = load_flow_from_entrypoint(deployment["entrypoint"])
        flow.validate_parameters(deployment["parameters"]) if deployment["parameters"] else None


def test_the_server_knows_deployments_by_the_names_of_their_flows() -> None:
    from prefect.flows import load_flow_from_entrypoint

    shipped = [regions.load(str(HUBEI) + os.sep)]
    entries = build(shipped)["deployments"]
    assert deployed(shipped) == [f"{load_flow_from_entrypoint(d['entrypoint']).name}/{d['name']}" for d in entries]


def test_every_shipped_region_says_when_it_runs() -> None:
    for file in SHIPPED.glob("*/region.yaml"):
        assert "schedule" in yaml.safe_load(file.read_text()), file
