"""Nobody else gets in: what a web page of another origin reaches in the operator's own browser, in Chromium."""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.servers.stack import Stack, taken

pytestmark = pytest.mark.integration

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
REBOUND = "rebound.example"  # whose name server says: 127.0.0.1
FLAGS = [
    "--no-sandbox", "--no-proxy-server", "--disable-quic", "--no-first-run", "--disable-background-networking",
    f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1",
    "--disable-features=BlockInsecurePrivateNetworkRequests,LocalNetworkAccessChecks",  # not every browser has them
]  # fmt: skip

# answers what a page can read: a status and the beginning of a text, or why not
READ = """async ([url, options]) => {
  try {
    const answer = await fetch(url, options);
    return answer.type === "opaque" ? "opaque" : `${answer.status} ${(await answer.text()).slice(0, 300)}`;
  } catch (error) { return `refused: ${error}`; }
}"""
# what a page hears through a socket after it has sent a word
HEAR = """([url, protocols, word]) => new Promise((resolve) => {
  const socket = new WebSocket(url, protocols);
  socket.onopen = () => socket.send(word);
  socket.onmessage = (message) => resolve(`heard ${message.data}`);
  socket.onclose = (event) => resolve(`closed ${event.code}`);
})"""


class Elsewhere(BaseHTTPRequestHandler):
    """A page of another origin, and at /open what any page may read."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        if self.path == "/open":
            self.send_header("Access-Control-Allow-Origin", "*")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>elsewhere</title>open to all")

    def log_message(self, *args: object) -> None: ...


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("needs Chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


def read(page: Page, url: str, **options: Any) -> str:
    text: str = page.evaluate(READ, [url, options])
    return text


def runs(stack: Stack) -> int:
    count: int = stack.post("/flow_runs/count")
    return count


JSON = {"method": "POST", "body": "{}", "headers": {"Content-Type": "application/json"}}


@pytest.mark.fault("a page of another origin asks Prefect, in the operator's browser", "it reads and starts nothing")
def test_a_page_elsewhere_neither_reads_nor_starts_runs(stack: Stack, page: Page, elsewhere: str) -> None:
    page.goto(elsewhere.replace("127.0.0.1", "localhost"))
    assert read(page, f"{elsewhere}/open").startswith("200 ")  # what is open this page does read
    api, before = f"{stack.ui}/api", runs(stack)
    deployment = next(d["id"] for d in stack.post("/deployments/filter") if d["name"] == "small")
    assert read(page, f"{api}/flow_runs/filter", **JSON).startswith("refused")
    assert read(page, f"{api}/deployments/filter", **JSON).startswith("refused")
    assert read(page, f"{api}/health").startswith("refused")
    start = {"method": "POST", "body": '{"state": {"type": "SCHEDULED"}}'}
    assert read(page, f"{api}/deployments/{deployment}/create_flow_run", **JSON).startswith("refused")
    assert read(page, f"{api}/deployments/{deployment}/create_flow_run", mode="no-cors", **start) == "opaque"
    socket = api.replace("http", "ws")
    for word in ("{}", '{"type": "auth", "token": null}', '{"type": "auth", "token": "admin:admin"}'):
        for path in ("/events/out", "/events/in", "/logs/out"):
            assert page.evaluate(HEAR, [socket + path, ["prefect"], word]).startswith("closed")
            assert page.evaluate(HEAR, [socket + path, [], word]).startswith("closed")
    # with the password a socket is heard: what stayed silent was refused. By HTTP a page reads nothing even so
    opener = json.dumps({"type": "auth", "token": stack.env_file()["PREFECT_API_AUTH_STRING"]})
    assert page.evaluate(HEAR, [f"{socket}/events/out", ["prefect"], opener]).startswith("heard")
    assert read(page, f"{api}/health", headers=stack.headers).startswith("refused")
    assert runs(stack) == before


@pytest.mark.fault("a page's name is made to point at this machine (DNS rebinding)", "refused by its name")
def test_a_page_whose_name_is_bent_to_this_machine_is_refused(stack: Stack, page: Page) -> None:
    """Of one origin with the server: the browser itself would let it read everything."""
    there = stack.ui.replace("127.0.0.1", REBOUND)
    answer = page.goto(there)
    assert answer is not None
    assert answer.status == 400
    assert read(page, f"{there}/api/health") == "400 Invalid host header"
    assert read(page, f"{there}/api/flow_runs/filter", **JSON) == "400 Invalid host header"
    socket = there.replace("http", "ws")
    assert page.evaluate(HEAR, [f"{socket}/api/events/out", ["prefect"], "{}"]).startswith("closed")


@pytest.mark.fault("a page, or a program without the keys, asks S3's inner ports", "no object, name or list comes out")
def test_inner_ports_of_the_store_give_nothing_away(stack: Stack, page: Page, browser: Browser, elsewhere: str) -> None:
    name, content = "quetzalcoatl", b"a feathered serpent"
    stack.s3().put_object(Bucket="finescale", Key=f"{name}.txt", Body=content)
    port = int(stack.environ["FINESCALE_S3_PORT"])
    inner = [port + 1, port + 2, port + 3]
    paths = [
        "/", "/dir/status", "/dir/assign", "/dir/lookup?volumeId=1", "/cluster/status", "/vol/status", "/status",
        "/ui/index.html", "/buckets/", "/buckets/finescale/", f"/buckets/finescale/{name}.txt", "/1,00", "/metrics",
    ]  # fmt: skip

    def gives_nothing(text: str, path: str) -> bool:
        return content.decode() not in text and (name not in text or name in path)  # but what was asked for

    page.goto(elsewhere.replace("127.0.0.1", "localhost"))
    for one in [port, *inner]:
        for path in paths:
            found = read(page, f"http://127.0.0.1:{one}{path}")
            # "no" may be read, and S3's own port says that it is there
            no = re.match(r"refused|40[0134] ", found) or (one, path, found) == (port, "/status", "200 ")
            assert no, (one, path, found)
            assert gives_nothing(found, path)
    # and a program of this machine, which no browser holds back
    with httpx.Client(trust_env=False) as client:
        for one in [port, *inner]:
            for path in paths:
                assert gives_nothing(client.get(f"http://127.0.0.1:{one}{path}").text, path)
            for method in ("PUT", "POST", "DELETE"):
                answer = client.request(method, f"http://127.0.0.1:{one}/buckets/finescale/{name}.txt", content=b"x")
                assert answer.status_code >= 400, (one, method)
    body = stack.s3().get_object(Bucket="finescale", Key=f"{name}.txt")["Body"].read()
    assert body == content


def test_inner_grpc_wants_the_certificate(stack: Stack) -> None:
    import ssl

    port = int(stack.environ["FINESCALE_S3_PORT"])
    hello = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"  # HTTP/2 preface, empty settings
    for one in range(port + 10_000, port + 10_004):
        assert taken(one)
        assert _answer(one, hello, None) == b""  # without TLS
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        assert _answer(one, hello, context) == b""  # with TLS, without a certificate
        context.load_cert_chain(stack.folder / "s3.crt", stack.folder / "s3.key")
        assert _answer(one, hello, context) != b""


def _answer(port: int, sent: bytes, context: Any) -> bytes:
    import socket
    import ssl

    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        try:
            talk = context.wrap_socket(plain) if context else plain
            talk.sendall(sent)
            found: bytes = talk.recv(64)
        except (ssl.SSLError, ConnectionError):
            return b""
        return found


def test_the_ui_works_with_the_password_and_asks_nobody_else(stack: Stack, page: Page) -> None:
    asked: set[str] = set()
    page.on("response", lambda answer: asked.add(httpx.URL(answer.url).host))
    for host in ("127.0.0.1", "localhost"):
        page.goto(stack.ui.replace("127.0.0.1", host))
        page.get_by_placeholder("admin:pass").fill("operator:wrong")
        page.keyboard.press("Enter")
        page.get_by_text("Invalid").first.wait_for()
        page.get_by_placeholder("admin:pass").fill(stack.env_file()["PREFECT_API_AUTH_STRING"])
        page.keyboard.press("Enter")
        page.get_by_text("Active Work Pools").wait_for()
        page.goto(stack.ui.replace("127.0.0.1", host) + "/deployments")
        page.get_by_text("downscale").first.wait_for()
    assert asked <= {"127.0.0.1", "localhost", ""}  # "": blobs
