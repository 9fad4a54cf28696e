"""Who is told of alarms: kept on the server and by the stack, and shown without what is secret in it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from deployments import bootstrap, notify
from deployments.credentials import Secrets
from tasks.errors import BadInput

HOOK = "https://hooks.example:8443/services/T0/secret"

pytestmark = pytest.mark.usefixtures("prefect_server")


def sent() -> set[str]:
    """What the alarms do that tell somebody or nobody."""
    with bootstrap.client() as api:
        return {a.actions[0].type for a in api.read_automations() if not a.name.endswith("run vanished")}


def test_who_is_told_stays_told_by_a_shell_that_does_not_know_of_it() -> None:
    bootstrap.create_automations(HOOK)
    assert sent() == {"send-notification"}
    bootstrap.create_automations(None)
    assert sent() == {"send-notification"}
    assert bootstrap.alarms_line() == "alarms  go to a web hook at hooks.example:8443"
    bootstrap.create_automations(notify.NOBODY)
    assert sent() == {"do-nothing"}
    assert bootstrap.alarms_line().startswith("alarms  nobody is told: set FINESCALE_NOTIFY_URL")
    bootstrap.create_automations(None)
    assert sent() == {"do-nothing"}


@pytest.mark.parametrize(
    ("url", "who"),
    [
        (HOOK, "a web hook at hooks.example:8443"),
        ("http://me:secret@10.0.0.7/secret", "a web hook at 10.0.0.7"),
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7F", "Slack"),
        ("mailto://me:secret@example.com", "E-Mail"),
    ],
)
def test_who_is_told_is_shown_without_what_is_secret(url: str, who: str) -> None:
    assert notify.recipient(notify.notification_url(url)) == who


def test_what_is_no_url_is_refused_with_a_remedy() -> None:
    with pytest.raises(BadInput, match=r"neither an apprise URL.*`none` switches alarms off"):
        notify.notification_url("nobody")


def test_who_is_told_is_kept_with_the_secrets_of_the_stack(tmp_path: Path) -> None:
    made = Secrets.of(tmp_path)
    assert made.notify == ""
    Secrets(**asdict(made) | {"notify": HOOK}).keep(tmp_path)
    assert Secrets.of(tmp_path).notify == HOOK
