"""What starts the stack at boot, and again when nothing of it is alive: a systemd unit, or lines for cron."""

from __future__ import annotations

import getpass
import os
import shlex
import sys

from deployments.processes import ROOT
from deployments.settings import Environment

STACK = [sys.executable, "-m", "deployments.stack"]
EXTRA = "/etc/finescale.env"  # for its account only
HANDED_ON = [
    "FINESCALE_STACK", "FINESCALE_HOST", "FINESCALE_UI_PORT", "FINESCALE_POSTGRES_PORT", "FINESCALE_S3_PORT",
    "FINESCALE_STORE", "FINESCALE_WORKSPACE", "FINESCALE_CPU_RUNS", "FINESCALE_GPU_WORKERS",
    "FINESCALE_REGIONS", "FINESCALE_COLLECT", "FINESCALE_API_HOSTS", "PREFECT_UI_API_URL",
]  # fmt: skip
SECRET = [
    "PREFECT_API_DATABASE_CONNECTION_URL", "PREFECT_SERVER_DATABASE_CONNECTION_URL", "FINESCALE_NOTIFY_URL",
    "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION",
]  # fmt: skip


def _secrets() -> str:
    """A line that names what is set now and is not for everybody's eyes."""
    own = Environment.read().own_s3  # the stack's own keys are in its folder
    found = [name for name in SECRET if os.environ.get(name) and not (own and name.startswith("AWS_"))]
    return f"# copy into {EXTRA}, for its account only: {', '.join(found)}\n" if found else ""


def _given() -> dict[str, str]:
    Environment.read()  # BadInput now, and not at boot
    return {name: os.environ[name] for name in HANDED_ON if os.environ.get(name)}


def _quoted(word: str) -> str:
    """As systemd reads a word: % begins a specifier, $ a variable."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"' if any(c in word for c in " \"\\'$;") else escaped


def _command(*words: str) -> str:
    return " ".join(_quoted(word.replace("$", "$$")) for word in [*STACK, *words])


def service(*, user: bool) -> str:
    """Text of finescale.service for this checkout, its interpreter, its account and the variables set now."""
    environment = "".join(f"Environment={_quoted(f'{name}={value}')}\n" for name, value in _given().items())
    account = "" if user else f"User={getpass.getuser()}\n"
    place = "~/.config/systemd/user" if user else "/etc/systemd/system"
    own = " --user" if user else ""
    return f"""\
# {place}/finescale.service, made by `python -m deployments.stack unit{own}`. Then:
#   systemctl{own} daemon-reload && systemctl{own} enable --now finescale
[Unit]
Description=finescale
After=network-online.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
Type=exec
{account}WorkingDirectory={str(ROOT).replace("%", "%%")}
{environment}{_secrets()}EnvironmentFile=-{EXTRA}
ExecStart={_command("keep")}
ExecStartPost={_command("up")}
# systemd types this also when the guard has died
ExecStop={_command("down", "--if-asked")}
# always: killed, ended or failed; not after `make down`, of which the guard ends with 0
Restart=always
RestartPreventExitStatus=0
RestartSec=5
# a guard that dies must not take the others along: they go on, and the next guard finds them
KillMode=process
TimeoutStartSec=15min
TimeoutStopSec=2min

[Install]
WantedBy={"default.target" if user else "multi-user.target"}
"""


def crontab() -> str:
    """At boot, and every five minutes: nothing happens while it is well, or after `make down`."""
    given = "".join(f"{name}={shlex.quote(value)} " for name, value in _given().items())
    more = f"set -a; [ ! -r {EXTRA} ] || . {EXTRA}; set +a"
    line = f"{more}; cd {shlex.quote(str(ROOT))} && {given}{shlex.join([*STACK, 'up', '--if-wanted'])}"
    line = line.replace("%", "\\%")  # to cron % is the end of a line
    return f"{_secrets()}@reboot {line}\n*/5 * * * * {line}\n"
