"""Where a run on a worker finds its code: in the checkout that FINESCALE_HOME names, as modules."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.servers.prefect import prefect, wait_for

pytestmark = pytest.mark.integration

# Python imports it at the start of every process; one that has run a flow leaves word of its path at its end.
WITNESS = """
import atexit, json, os, sys

def leave_word():
    flow = sys.modules.get("flows.maintain")
    if flow is not None:
        ours = {n: m.__file__ for n, m in sys.modules.items() if n.split(".")[0] in ("flows", "tasks")}
        partial = os.environ["WITNESS_FILE"] + ".partial"
        with open(partial, "w") as file:
            json.dump({"path": sys.path, "ours": ours, "names": list(sys.modules)}, file)
        os.replace(partial, os.environ["WITNESS_FILE"])

atexit.register(leave_word)
"""


def test_a_run_imports_flows_from_the_checkout_and_their_folder_is_never_on_its_path(tmp_path: Path) -> None:
    hook, word = tmp_path / "hook", tmp_path / "word.json"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(WITNESS)
    with prefect(tmp_path / "office", FINESCALE_WORKSPACE=str(tmp_path / "workspace")) as server:
        # the checkout is not on the worker's own path: the pull step has to lead there
        server.plain_worker("cpu", PYTHONPATH=str(hook), WITNESS_FILE=str(word))
        run = server.submit("maintain/hubei", region="hubei", store=str(tmp_path / "store"))
        assert server.finished(run)["type"] == "COMPLETED"
        wait_for("word of the process that ran the flow", word.exists)  # it ends after its run
        entrypoint = server.get("/deployments/name/maintain/hubei")["entrypoint"]
    assert entrypoint == "flows.maintain.maintain"
    found = json.loads(word.read_text())
    assert str(hook) in found["path"], "of the process that ran the flow"
    assert not [p for p in found["path"] if Path(p).resolve() == ROOT / "flows"]
    assert not {m.stem for m in (ROOT / "flows").iterdir()} - {"__init__"} & set(found["names"])
    elsewhere = [file for file in found["ours"].values() if not Path(file).is_relative_to(ROOT)]
    assert (len(found["ours"]) > 10, elsewhere) == (True, [])
