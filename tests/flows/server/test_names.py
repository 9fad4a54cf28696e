"""What flows, deployments, pools and queues are called is said once, and what is said is so."""

from __future__ import annotations

import re

from prefect.flows import Flow
from prefect.utilities.importtools import import_object

from flows.server import names
from tests.conftest import ROOT

FLOWS = [names.DOWNSCALE, names.SUPER_RESOLVE, names.BACKFILL, names.VERIFY, names.MAINTAIN]


def test_every_flow_is_at_its_entrypoint() -> None:
    for name in FLOWS:
        flow = import_object(names.entrypoint(name))
        assert isinstance(flow, Flow)
        assert flow.name == name


def test_no_module_but_one_spells_out_what_is_deployed() -> None:
    spelled = re.compile(rf"[\"']({'|'.join(FLOWS)})/|name=[\"']({'|'.join(FLOWS)})[\"']|queue\w*(: str)? ?= ?[\"']")
    files = [f for folder in ("flows", "deployments") for f in (ROOT / folder).rglob("*.py")]
    assert [str(f.relative_to(ROOT)) for f in files if spelled.search(f.read_text())] == []
