"""What the environment makes of a stack: ports, what is started, what is told to whom."""

from __future__ import annotations

import json
import os
import re
import shlex
from dataclasses import asdict, replace
from pathlib import Path
from unittest.mock import patch

import pytest
from pydantic import AliasChoices

from deployments.credentials import Secrets
from deployments.parts import parts, supervisor_config
from deployments.processes import socket_path
from deployments.settings import Environment, Settings
from tasks.errors import BadInput
from tests.conftest import ROOT

KNOWN = Secrets("key", "secret", "word", "me:word", "inner")


def read(tmp_path: Path, **environ: str) -> Settings:
    given = {"FINESCALE_STACK": str(tmp_path), "FINESCALE_GPU_WORKERS": "1"} | environ
    with patch.dict(os.environ, given, clear=True):
        return Settings.read()


def names(settings: Settings) -> list[str]:
    return [p.name for p in parts(settings, KNOWN)]


def test_by_default_everything_is_started_here(tmp_path: Path) -> None:
    settings = read(tmp_path)
    every = ["postgres", "s3", "watch", "server", "worker-cpu", "worker-backfill", "worker-gpu-0"]
    assert names(settings) == every
    assert settings.store == "s3://finescale/products"
    assert settings.ports()[4200] == "FINESCALE_UI_PORT"
    assert settings.ports()[18333] == "FINESCALE_S3_PORT"


def test_stations_are_collected_for_whoever_asks(tmp_path: Path) -> None:
    settings = read(tmp_path, FINESCALE_COLLECT="hubei, sichuan")
    command = next(p.command for p in parts(settings, KNOWN) if p.name == "collect")
    assert command[-3:] == ["collect", "hubei", "sichuan"]
    assert "program:collect" in supervisor_config(settings, parts(settings, KNOWN))


def test_another_database_or_s3_server_is_not_started(tmp_path: Path) -> None:
    url = "postgresql+asyncpg://prefect:word@db.example/prefect"
    settings = read(tmp_path, PREFECT_API_DATABASE_CONNECTION_URL=url, AWS_ENDPOINT_URL="https://s3.example")
    assert names(settings) == ["watch", "server", "worker-cpu", "worker-backfill", "worker-gpu-0"]
    assert set(settings.ports().values()) == {"FINESCALE_UI_PORT"}
    assert "AWS_ENDPOINT_URL" not in settings.client_environment(KNOWN)  # inherited as it is


@pytest.mark.parametrize("store", ["s3://elsewhere/products", "/data/products"])
def test_another_store_needs_no_s3_server_of_ours(tmp_path: Path, store: str) -> None:
    assert "s3" not in names(read(tmp_path, FINESCALE_STORE=store))


def test_a_shell_that_has_read_the_env_file_starts_the_same_stack(tmp_path: Path) -> None:
    first = read(tmp_path)
    file = first.write_env_file(KNOWN)
    words = [shlex.split(line)[1] for line in file.read_text().splitlines() if line.startswith("export")]
    assert read(tmp_path, **dict(w.split("=", 1) for w in words)) == first
    assert file.stat().st_mode & 0o777 == 0o600


def test_other_machines_reach_an_address_and_need_the_password(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="other machines reach"):
        read(tmp_path, FINESCALE_HOST="0.0.0.0")
    for wrong in ("word", "me:", ":word", "me:a word", "me:wo'rd"):
        with pytest.raises(BadInput, match="user:password"):
            read(tmp_path, PREFECT_SERVER_API_AUTH_STRING=wrong)
    settings = read(tmp_path, FINESCALE_HOST="10.0.0.7")
    assert settings.client_environment(KNOWN)["PREFECT_API_AUTH_STRING"] == "me:word"
    assert settings.api_url == "http://10.0.0.7:4200/api"


def test_only_own_names_and_origins_are_answered(tmp_path: Path) -> None:
    settings = read(tmp_path, PREFECT_UI_API_URL="https://weather.example/api", FINESCALE_API_HOSTS="inner, other")
    assert settings.hosts == ("127.0.0.1", "localhost", "::1", "weather.example", "inner", "other")
    local = tuple(f"http://{name}:4200" for name in ("127.0.0.1", "localhost", "[::1]"))
    assert settings.origins == (*local, "https://weather.example")
    assert settings.ui_url == "https://weather.example", "in alarms, too"
    assert read(tmp_path).ui_url == "http://127.0.0.1:4200"
    given = read(tmp_path, PREFECT_SERVER_CORS_ALLOWED_ORIGINS="https://a.example, https://b.example")
    assert given.origins == ("https://a.example", "https://b.example")


def test_secrets_of_an_older_stack_are_kept_and_what_it_had_not_is_made(tmp_path: Path) -> None:
    old = {"s3_key": "key", "s3_secret": "secret", "postgres": "word"}
    (tmp_path / "secrets.json").write_text(json.dumps(old))
    made = Secrets.of(tmp_path)
    assert asdict(made) | old == asdict(made)
    assert made.api.startswith("operator:")
    assert made == Secrets.of(tmp_path)
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("value", ["web", "0", "70000"])
def test_a_port_that_is_none_is_refused(tmp_path: Path, value: str) -> None:
    with pytest.raises(BadInput, match=f"^FINESCALE_UI_PORT={value}: give a whole number from 1 to 65535$"):
        read(tmp_path, FINESCALE_UI_PORT=value)


def test_every_variable_of_the_operators_card_is_read(tmp_path: Path) -> None:
    rows = (ROOT / "docs/operate.md").read_text().split("| set before `make up` |")[1].split("\n\n")[0]
    documented = set(re.findall(r"`([A-Z][A-Z_0-9]+)`", "".join(line.split("|")[1] for line in rows.splitlines()[2:])))
    aliases = [f.validation_alias for f in Environment.model_fields.values()]
    known = {name for alias in aliases for name in (alias.choices if isinstance(alias, AliasChoices) else [alias])}
    assert len(documented) > 8
    assert documented <= known


def test_a_variable_that_is_empty_is_not_set(tmp_path: Path) -> None:
    assert read(tmp_path, FINESCALE_UI_PORT="", FINESCALE_STORE="", FINESCALE_WORKSPACE="") == read(tmp_path)


def test_secrets_are_made_once_and_for_their_owner(tmp_path: Path) -> None:
    first = Secrets.of(tmp_path)
    assert first == Secrets.of(tmp_path)
    assert first != Secrets.of(tmp_path / "other")
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_one_gpu_worker_a_card_one_run_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    found = parts(read(tmp_path, FINESCALE_GPU_WORKERS=""), KNOWN)
    workers = [p for p in found if p.name.startswith("worker-gpu")]
    assert [w.environment["CUDA_VISIBLE_DEVICES"] for w in workers] == ["2", "5"]
    assert all(w.command[-2:] == ["--limit", "1"] for w in workers)


def test_supervisor_listens_to_its_owner_only(tmp_path: Path) -> None:
    settings = read(tmp_path)
    text = supervisor_config(settings, parts(settings, KNOWN))
    assert "inet_http_server" not in text
    assert "chmod = 0700" in text
    assert "autorestart = true" in text


def test_supervisor_reads_every_value_as_it_is(tmp_path: Path) -> None:
    """Through supervisor's own reader: a password may hold what its file gives a meaning to."""
    from supervisor.options import ServerOptions

    odd = r"me:a%b\c,d=e;f#g$h"
    settings = read(tmp_path)
    settings.logs.mkdir()
    known = replace(KNOWN, api=odd)
    (tmp_path / "supervisord.conf").write_text(supervisor_config(settings, parts(settings, known)))
    options = ServerOptions()
    options.realize(["-c", str(tmp_path / "supervisord.conf")])
    read_back = {p.name: p.environment for g in options.process_group_configs for p in g.process_configs}
    assert read_back["server"]["PREFECT_SERVER_API_AUTH_STRING"] == odd


def test_the_path_of_a_socket_is_never_too_long(tmp_path: Path) -> None:
    assert len(str(socket_path(tmp_path / ("deep" * 40), "supervisor"))) < 100
