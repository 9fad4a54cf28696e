"""What starts the stack at boot: read by systemd's own verifier, and lived through under a systemd of the test's."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deployments import units
from tests.conftest import ROOT
from tests.servers.stack import Stack, clean_environ

ANALYZE = shutil.which("systemd-analyze")
SYSTEMD = Path("/lib/systemd/systemd")


@pytest.fixture(autouse=True)
def odd_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINESCALE_STACK", "/srv/50% of $it/stack")
    monkeypatch.setenv("FINESCALE_UI_PORT", "4201")


@pytest.mark.skipif(ANALYZE is None, reason="needs systemd-analyze")
@pytest.mark.parametrize("user", [False, True])
def test_systemd_reads_the_unit_without_a_word(tmp_path: Path, user: bool) -> None:
    unit = tmp_path / "finescale.service"

    def verify(text: str) -> str:
        unit.write_text(text)
        own = ["--user"] if user else ["--system"]
        environ = os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)}
        done = subprocess.run(
            [str(ANALYZE), "verify", *own, str(unit)], capture_output=True, text=True, timeout=60, env=environ
        )
        return "\n".join(line for line in done.stderr.splitlines() if "finescale" in line)

    text = units.service(user=user)
    assert verify(text) == ""
    assert "restart specifier" in verify(text.replace("Restart=always", "Restart=alway"))  # it does say what is wrong


def test_the_unit_restarts_and_says_what_make_up_was_given() -> None:
    text = units.service(user=False)
    assert "Restart=always\n" in text
    assert "KillMode=process\n" in text
    assert 'Environment="FINESCALE_STACK=/srv/50%% of $it/stack"\n' in text
    assert "Environment=FINESCALE_UI_PORT=4201\n" in text
    assert re.search(r"^User=\w+$", text, re.MULTILINE)
    assert "User=" not in units.service(user=True)


def test_cron_types_what_a_shell_reads(tmp_path: Path) -> None:
    boot, every = units.crontab().splitlines()
    assert boot.removeprefix("@reboot ") == every.removeprefix("*/5 * * * * ")
    typed = boot.removeprefix("@reboot ").replace("\\%", "%")  # as cron hands it on
    shown = typed.replace(sys.executable, "env;:", 1)
    found = subprocess.run(["sh", "-c", shown], capture_output=True, text=True, check=True).stdout.splitlines()
    assert "FINESCALE_STACK=/srv/50% of $it/stack" in found


LIVES = """
mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system /run/user/0 /run/conf/systemd/user || exit 77
export XDG_RUNTIME_DIR=/run/user/0 XDG_CONFIG_HOME=/run/conf
{python} -m deployments.stack unit --user > /run/conf/systemd/user/finescale.service || exit 1
/lib/systemd/systemd --user --log-target=console 2> {log} &
manager=$!
trap 'kill $manager' EXIT
for i in $(seq 100); do systemctl --user is-system-running > /dev/null 2>&1 && break; sleep 0.2; done
systemctl --user is-system-running > /dev/null 2>&1 || exit 77
one() {{ systemctl --user show finescale -p "$1" --value; }}
active() {{
  for i in $(seq 2000); do [ "$(one ActiveState)" = "$1" ] && return; sleep 0.2; done
  echo "never $1"; exit 1
}}
systemctl --user start finescale || exit 1
active active
before=$(cat $FINESCALE_STACK/supervisord.pid)
kill -9 $(one MainPID)
for i in $(seq 900); do [ "$(one NRestarts)" = 1 ] && break; sleep 0.2; done
active active
[ "$before" = "$(cat $FINESCALE_STACK/supervisord.pid)" ] && echo "a killed guard took nobody along"
for e in $(grep -lsz "^FINESCALE_STACK_PROCESS=$FINESCALE_STACK$" /proc/[0-9]*/environ); do
  kill -9 $(echo $e | cut -d/ -f3)
done
for i in $(seq 900); do [ "$(one NRestarts)" -gt 1 ] && break; sleep 0.2; done
active active
for i in $(seq 20); do {python} -m deployments.stack status > /dev/null && break; done
{python} -m deployments.stack status > /dev/null && echo "all killed, all back"
{python} -m deployments.stack down > /dev/null
active inactive
sleep 6
[ "$(one ActiveState)" = inactive ] && echo "down by hand stays down"
"""


def test_secrets_that_are_set_are_named_and_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://s3.example")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "quetzalcoatl")
    for text in (units.service(user=False), units.crontab()):
        assert "# copy into /etc/finescale.env, for its account only: AWS_ENDPOINT_URL, AWS_SECRET_ACCESS_KEY" in text
        assert "quetzalcoatl" not in text


@pytest.mark.integration
@pytest.mark.skipif(not SYSTEMD.exists() or os.geteuid() != 0, reason="needs systemd, and root for a namespace")
@pytest.mark.fault("under systemd everything of the stack is killed at once", "systemd starts it again")
def test_systemd_brings_everything_back(folder: Path, tmp_path: Path) -> None:
    stack = Stack(folder, clean_environ(folder))
    script = LIVES.format(python=sys.executable, log=tmp_path / "systemd.log")
    try:
        done = subprocess.run(
            ["unshare", "--mount", "--fork", "bash", "-c", script],
            cwd=ROOT, env=stack.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=1200,
        )  # fmt: skip
        if done.returncode == 77 or "unshare" in done.stderr:
            pytest.skip("no namespace or no systemd of one's own here")
        assert done.stdout.splitlines() == [
            "a killed guard took nobody along",
            "all killed, all back",
            "down by hand stays down",
        ], done.stdout + done.stderr
    finally:
        stack("down")
