"""A process that shows its user one line an error: set up before Prefect is imported, and by nothing but a call."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from flows.server.runtime import ENVIRONMENT
from tests.conftest import ROOT


def after(code: str, **given: str) -> dict[str, str]:
    """The environment of a process that has run this."""
    done = subprocess.run(
        [sys.executable, "-c", f"import json, os, sys; {code}; print(json.dumps(dict(os.environ)))"],
        cwd=ROOT, env={"PATH": ""} | given, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_importing_the_command_line_changes_nothing_and_loads_no_prefect() -> None:
    found = after("import flows.commands.app; assert 'prefect' not in sys.modules")
    assert not set(found) & set(ENVIRONMENT)


def test_the_command_line_is_set_up_and_what_the_user_has_set_stays(tmp_path: Path) -> None:
    code = "from flows.commands import app; app.app = lambda: None; app.main(); from prefect.settings import "
    code += "get_current_settings as s; assert s().logging.level == 'DEBUG'; assert not s().server.analytics_enabled"
    found = after(code, PREFECT_LOGGING_LEVEL="DEBUG", PREFECT_HOME=str(tmp_path))
    assert found.items() >= (ENVIRONMENT | {"PREFECT_LOGGING_LEVEL": "DEBUG"}).items()
