"""How long a first map takes on a slow line, and what goes over it (python -m benchmarks.runs.first_map).

After `make page`; needs Chromium. The demo's product of Hubei, an empty cache, 50 kB/s for all connections together and
400 ms before each answer begins, as on a mobile network at the edge of its cell. Once as it is, and once with no answer
packed.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import uvicorn
from playwright.sync_api import Browser, sync_playwright
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from benchmarks.runs.map_pictures import FLAGS
from flows.downscale import downscale
from tasks.page import built
from tasks.page.serve import listen, url_of
from tasks.page.server import application

RATE, DELAY = 50_000, 0.4  # bytes a second, s
PIECE = 5_000


class SlowLine:
    """An application behind a slow line; knows what went over it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app, self.line = app, asyncio.Lock()
        self.sent: dict[str, int] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Implements an ASGI application."""

        async def slowly(message: Message) -> None:
            if message["type"] == "http.response.start":
                await asyncio.sleep(DELAY)
                await send(message)
                return
            body = message.get("body", b"")
            self.sent[scope["path"]] = self.sent.get(scope["path"], 0) + len(body)
            for at in range(0, len(body), PIECE):
                async with self.line:
                    piece = body[at : at + PIECE]
                    await asyncio.sleep(len(piece) / RATE)
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": message.get("more_body", False)})

        await self.app(scope, receive, slowly)


@contextmanager
def serving(store: str) -> Iterator[tuple[SlowLine, str]]:
    """The store behind a slow line, and its address."""
    slow = SlowLine(application(store, built()))
    server = uvicorn.Server(uvicorn.Config(slow, log_level="warning", lifespan="off"))
    with listen("127.0.0.1", 0) as listening:
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        yield slow, url_of(listening)
        server.should_exit = True
        thread.join(20)


def first_map(chromium: Browser, store: str) -> tuple[float, float, dict[str, int]]:
    """Seconds to the first text and to the first map, and bytes by path until then."""
    with serving(store) as (slow, url):
        context = chromium.new_context(viewport={"width": 1280, "height": 800})
        page = context.new_page()
        began = time.monotonic()
        page.goto(url, wait_until="commit")
        page.wait_for_function("document.body && document.body.innerText.trim().length > 0", timeout=300_000)
        text = time.monotonic() - began
        page.wait_for_selector("html[data-ready=true][data-shown]", timeout=300_000)
        found = text, time.monotonic() - began, dict(slow.sent)
        context.close()
    return found


def main() -> None:
    """Command line."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as scratch:
        store = str(Path(scratch) / "store")
        os.environ["FINESCALE_WORKSPACE"] = str(Path(scratch) / "workspace")
        downscale("hubei", source="demo", store=store)
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=program, args=FLAGS)
            for name, packs in (("as it is", None), ("nothing packed", False)):
                for _ in range(2):
                    if packs is None:
                        text, seconds, sent = first_map(chromium, store)
                    else:
                        with mock.patch("tasks.page.server.packable", return_value=False):
                            text, seconds, sent = first_map(chromium, store)
                    total = sum(sent.values()) / 1e3
                    print(
                        f"{name}: text after {text:.1f} s, map after {seconds:.1f} s, {total:.0f} kB, {len(sent)} files"
                    )
            for path, size in sorted(sent.items(), key=lambda item: -item[1])[:8]:
                print(f"  {size / 1e3:7.1f} kB  {path}")
            chromium.close()


if __name__ == "__main__":
    main()
