"""Compose file, image recipe and Kubernetes templates: as far as they can be checked without an engine."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml
from jsonschema import Draft202012Validator

from flows.server.names import POOLS
from tests.conftest import ROOT

COMPOSE = ROOT / "deployments/compose.yaml"
RECIPE = ROOT / "deployments/images/Dockerfile"
SCHEMA = Path(__file__).with_name("kubernetes_job.json")  # its "$comment" says which
TEMPLATES = sorted((ROOT / "deployments/kubernetes").glob("*.json"))


def test_compose_file_follows_the_compose_specification() -> None:
    program = Path(sys.executable).with_name("check-jsonschema")
    words = [program, "--builtin-schema", "vendor.compose-spec", COMPOSE]
    checked = subprocess.run(words, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


def test_compose_file_is_consistent_and_holds_no_secret() -> None:
    content = yaml.safe_load(COMPOSE.read_text())
    services = content["services"]
    for name, service in services.items():
        assert set(service.get("depends_on", {})) <= set(services), name
        for volume in service.get("volumes", []):
            assert volume.split(":")[0] in content["volumes"], name
        if "build" in service:
            assert (COMPOSE.parent / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
    assert services["worker-gpu"]["deploy"]["resources"]["reservations"]["devices"][0]["capabilities"] == ["gpu"]
    assert services["collector"]["profiles"] == ["collect"], "off unless it is asked for"
    assert services["collector"]["volumes"] == services["worker-cpu"]["volumes"], "runs read what it keeps"
    for variable in ("POSTGRES_PASSWORD", "S3_KEY", "S3_SECRET", "PREFECT_AUTH"):
        assert re.search(rf"\$\{{{variable}:\?", COMPOSE.read_text())
    pools = {m[1] for s in services.values() if (m := re.search(r"--pool (\w+)", str(s.get("command"))))}
    assert pools == set(POOLS)


def test_images_are_installed_as_the_makefile_installs() -> None:
    def installs(text: str) -> list[str]:
        line = next(line for line in text.splitlines() if "pip install" in line)
        words = line[line.index("pip install") :].replace("$(VENV)", ".venv").split()
        return [w for w in words if w not in ("--no-cache-dir", "--extra-index-url", "${TORCH}", "$(CPU_BUILD)")]

    made, image = installs((ROOT / "Makefile").read_text()), installs(RECIPE.read_text())
    assert made[:-1] == image[:-1]
    extras = [set(re.findall(r"\w+", words[-1])) for words in (made, image)]
    assert extras[0] - extras[1] == {"dev"}


def test_the_recipe_copies_from_the_root_and_runs_as_nobody_special() -> None:
    last = "FROM " + RECIPE.read_text().rsplit("\nFROM ", 1)[1]  # the stage that is run
    order = [line.split(maxsplit=1)[0] for line in last.splitlines() if re.match(r"[A-Z]+ ", line)]
    assert order.index("USER") < order.index("COPY")
    ignored = RECIPE.with_name("Dockerfile.dockerignore").read_text().split()
    assert {".git", ".venv", "stack"} <= set(ignored)


def test_there_is_a_template_for_every_pool() -> None:
    assert {t.stem for t in TEMPLATES} == set(POOLS)


def rendered(template: dict[str, Any], **given: Any) -> dict[str, Any]:
    """The job that a worker would hand to Kubernetes."""
    from prefect.workers.base import BaseJobConfiguration

    class Configuration(BaseJobConfiguration):
        job_manifest: dict[str, Any]

    async def render() -> dict[str, Any]:
        made = await Configuration.from_template_and_values(template, given)
        return made.job_manifest

    return asyncio.run(render())


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda f: f.stem)
def test_every_placeholder_of_a_template_is_a_variable(file: Path) -> None:
    template = json.loads(file.read_text())
    used = set(re.findall(r"\{\{ (\w+) \}\}", json.dumps(template["job_configuration"])))
    assert used == set(template["variables"]["properties"])


def test_a_gpu_job_asks_for_a_gpu_and_a_node_that_has_one(prefect_server: None) -> None:
    template = json.loads((ROOT / "deployments/kubernetes/gpu.json").read_text())
    pod = rendered(template, env={}, gpus=2)["spec"]["template"]["spec"]
    assert pod["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == 2
    assert pod["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    assert pod["containers"][0]["image"] == "finescale:cuda"
    assert pod["containers"][0]["envFrom"] == [{"secretRef": {"name": "finescale"}}]
    assert pod["restartPolicy"] == "Never"
    other = rendered(template, node_selector={"card": "h100"})["spec"]["template"]["spec"]
    assert other["nodeSelector"] == {"card": "h100"}
    assert other["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == 1


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda f: f.stem)
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"env": {"A": "b"}, "labels": {"team": "weather"}, "image": "registry.example/finescale:1"},
        {"cpu_limit": "8", "memory_limit": "32Gi", "finished_job_ttl": 600, "service_account_name": "runner"},
    ],
    ids=["as it is", "named", "sized"],
)
def test_a_cluster_takes_the_job_that_a_worker_makes(file: Path, given: dict[str, Any], prefect_server: None) -> None:
    """Made by Prefect's own worker, held against Kubernetes' schema: no key that it does not know, no wrong type."""
    pytest.importorskip("prefect_kubernetes")
    from prefect.client.schemas.objects import FlowRun
    from prefect_kubernetes.worker import KubernetesWorkerJobConfiguration

    async def make() -> dict[str, Any]:
        configuration = await KubernetesWorkerJobConfiguration.from_template_and_values(
            json.loads(file.read_text()), given
        )
        configuration.prepare_for_flow_run(FlowRun(id=uuid4(), flow_id=uuid4(), name="hasty-owl"))
        job: dict[str, Any] = configuration.job_manifest
        return job

    job = asyncio.run(make())
    schema = Draft202012Validator(json.loads(SCHEMA.read_text()))
    assert [f"{e.json_path}: {e.message}" for e in schema.iter_errors(job)] == []
    container = job["spec"]["template"]["spec"]["containers"][0]
    assert {"name": "PREFECT_FLOWS_HEARTBEAT_FREQUENCY", "value": "30"} in container["env"] or "env" in given
    assert container["args"] == ["prefect", "flow-run", "execute"]
    container["resources"]["limits"]["cpus"] = 2
    job["spec"]["backoff"] = 0
    assert [e.json_path for e in schema.iter_errors(job)] == ["$.spec"], "it does see what is wrong"


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda f: f.stem)
def test_a_server_takes_the_template(file: Path, prefect_server: None) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate

    template = json.loads(file.read_text())
    with get_client(sync_client=True) as api:
        pool = api.create_work_pool(
            WorkPoolCreate(name=f"kubernetes-{file.stem}", type="kubernetes", base_job_template=template)
        )
    assert pool.base_job_template == template
