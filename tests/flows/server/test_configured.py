"""Whether a server is configured: looked for wherever Prefect itself looks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

API = "http://127.0.0.1:4200/api"
ASK = "import sys; from flows.server.configured import api_url; print(api_url(), 'prefect' in sys.modules)"


def ask(folder: Path, **environment: str) -> str:
    plain = {"HOME": str(folder), "PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"} | environment
    done = subprocess.run(
        [sys.executable, "-c", ASK], cwd=folder, env=plain, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_nothing_is_configured_and_nothing_of_prefect_is_imported(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\ndependencies = ["prefect"]\n')
    (tmp_path / ".env").write_text("OTHER=1\n")
    assert ask(tmp_path) == "None False"


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (".env", f"PREFECT_API_URL={API}\n"),
        ("prefect.toml", f'[api]\nurl = "{API}"\n'),
        ("pyproject.toml", f'[tool.prefect.api]\nurl = "{API}"\n'),
        (".prefect/profiles.toml", f'active = "work"\n[profiles.work]\nPREFECT_API_URL = "{API}"\n'),
    ],
)
def test_every_place_that_prefect_reads_is_read(file: str, text: str, tmp_path: Path) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(text)
    assert ask(tmp_path) == f"{API} True"


def test_the_environment_and_a_profile_elsewhere_are_read(tmp_path: Path) -> None:
    assert ask(tmp_path, PREFECT_HOME=str(tmp_path / "home")) == "None False"
    assert ask(tmp_path, PREFECT_API_URL=API) == f"{API} True"
    (tmp_path / "profiles.toml").write_text(f'active = "work"\n[profiles.work]\nPREFECT_API_URL = "{API}"\n')
    assert ask(tmp_path, PREFECT_PROFILES_PATH=str(tmp_path / "profiles.toml")) == f"{API} True"
    assert ask(tmp_path, PREFECT_HOME=str(tmp_path)) == f"{API} True"
