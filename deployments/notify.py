"""Who is told of alarms: FINESCALE_NOTIFY_URL, kept in the stack's secrets.json, and on the server as a block."""

from __future__ import annotations

from urllib.parse import urlsplit
from uuid import UUID

from apprise import Apprise
from prefect.blocks.notifications import SlackWebhook
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import BlockDocument
from prefect.exceptions import ObjectNotFound
from pydantic import SecretStr

from flows.server import names
from tasks.errors import BadInput

NOBODY = "none"  # in place of a URL
TYPE = "slack-webhook"  # of the block: Prefect's that hands any URL to apprise; its general one cannot be saved
WEB = {"http", "https", "json", "jsons"}


def notification_url(given: str) -> str:
    """An apprise URL as it is, a plain web hook as apprise writes it; BadInput if it is neither."""
    if Apprise.instantiate(given) is not None:
        return given
    if given.startswith(("http://", "https://")):
        return given.replace("http", "json", 1)  # posts title and message as JSON
    raise BadInput(
        "FINESCALE_NOTIFY_URL is neither an apprise URL (slack://, mailto://, ...) nor http(s)://; "
        f"`{NOBODY}` switches alarms off"
    )


def assert_known(given: str) -> None:
    """BadInput for what is neither a URL that somebody can be told by nor NOBODY."""
    if given != NOBODY:
        notification_url(given)


def recipient(url: str) -> str:
    """Who that is, and nothing that is secret in it: a web hook's host, else the service's name."""
    parts = urlsplit(url)
    if parts.scheme in WEB:
        return f"a web hook at {parts.hostname}" + (f":{parts.port}" if parts.port else "")
    service = Apprise.instantiate(url)
    return str(service.service_name) if service is not None else f"{parts.scheme}://"


def kept(api: SyncPrefectClient) -> BlockDocument | None:
    """The block on the server, with its URL; None if there is none."""
    try:
        return api.read_block_document_by_name(names.NOTIFICATION_BLOCK, TYPE)
    except ObjectNotFound:
        return None


def settled(api: SyncPrefectClient, given: str | None) -> UUID | None:
    """The block of who is to be told: of this URL, or the one that is kept where none is given; None: of nobody."""
    if given == NOBODY:
        if (old := kept(api)) is not None:
            api.delete_block_document(old.id)
        return None
    if given:
        block = SlackWebhook(url=SecretStr(notification_url(given)))
        return UUID(str(block.save(names.NOTIFICATION_BLOCK, overwrite=True, _sync=True)))  # type: ignore[call-arg]
    old = kept(api)
    return old.id if old is not None else None


def recipient_kept(api: SyncPrefectClient) -> str | None:
    """Who is told, in words; None: nobody."""
    block = kept(api)
    return recipient(str(block.data["url"])) if block is not None else None
