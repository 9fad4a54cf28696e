"""A store over HTTP, for the page and for whoever reads Zarr: read only, with ranges, nothing that is not published."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import re
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from tasks import objects
from tasks.page import PACKED, PAGE, PARTS
from tasks.page.guard import LOOPBACK, Hardened
from tasks.storage import is_remote, join, matching

TYPES = {
    ".geojson": "application/geo+json", ".html": "text/html; charset=utf-8", ".js": "text/javascript",
    ".json": "application/json", ".css": "text/css", ".png": "image/png", ".wasm": "application/wasm",
    ".parquet": "application/vnd.apache.parquet",
}  # fmt: skip
FOR_EVER = "public, max-age=31536000, immutable"  # named by content
REVALIDATE = "no-cache"  # kept, but asked for again each time: latest.json and verdicts change
LONGEST = 255  # bytes of a name, on any file system
TEXTS = frozenset({".css", ".geojson", ".html", ".js", ".json", ".md", ".svg"})  # a third or less of it, packed
WORTH_IT = 1024, 8 * 2**20  # bytes of a file that is packed, least and most
RANGE = re.compile(r"bytes=(\d*)-(\d*)")
BYTES = "application/octet-stream"  # of chunks, which have no suffix


def media_type(name: str) -> str:
    """Of a file by its suffix."""
    suffix = Path(name).suffix
    return TYPES.get(suffix) or (mimetypes.guess_type(name)[0] if suffix else None) or BYTES


def allowed(path: str) -> bool:
    """Whether a path is of something published: no way out of the store, nothing hidden, no _staging or _quarantine."""
    parts = path.split("/")
    return all(p and p[0] not in "._" and not set(p) & set("\\\0") and len(p.encode()) <= LONGEST for p in parts)


def span(header: str | None, size: int) -> tuple[int, int] | None:
    """(start, stop) of a Range header with one range; None: the whole file. ValueError if it lies outside."""
    match = RANGE.fullmatch(header.replace(" ", "")) if header else None
    if match is None or match.groups() == ("", ""):
        return None  # several ranges, or another unit: RFC 9110 lets a server send all
    first, last = match.groups()
    start = int(first) if first else max(size - int(last), 0)
    stop = min(int(last) + 1, size) if first and last else size
    if start >= stop:
        raise ValueError("outside of the file")
    return start, stop


def packable(request: Request, name: str, size: int) -> bool:
    """Whether a file goes out packed by gzip: text, wanted whole, by a client that takes it."""
    whole = request.method == "GET" and "range" not in request.headers
    worth = Path(name).suffix in TEXTS and WORTH_IT[0] <= size <= WORTH_IT[1]
    return whole and worth and takes(request, "gzip")


def takes(request: Request, coding: str) -> bool:
    """Whether a client takes answers packed by it (RFC 9110, 12.5.3)."""
    taken = {c.split(";")[0].strip(): c.replace(" ", "") for c in request.headers.get("accept-encoding", "").split(",")}
    return coding in taken and not taken[coding].endswith((";q=0", ";q=0.0"))


def packed(data: bytes, headers: dict[str, str], name: str, coding: str = "gzip") -> Response:
    """An answer packed by gzip or Brotli, whose tag is another than that of the file as it is."""
    about = {"content-encoding": coding, "vary": "accept-encoding", "etag": _packed_tag(headers["etag"], coding)}
    return Response(data, 200, headers | about, media_type(name))


def _packed_tag(tag: str, coding: str = "gzip") -> str:
    return f'{tag.removesuffix(chr(34))}-{coding}"'


@lru_cache(maxsize=64)
def _packed_file(path: str, tag: str) -> bytes:  # noqa: ARG001 - what is kept is kept by it
    """Of a file as it was when it had that tag; pages and their parts are asked for again and again."""
    return gzip.compress(Path(path).read_bytes(), 6, mtime=0)


class StoreFiles:
    """Answers from one store, a local folder or an object store, and the page from the installed bundle."""

    def __init__(self, store: str, bundle: Path) -> None:
        self.store, self.bundle = join(store), bundle

    async def answer(self, request: Request) -> Response:
        """One file; 404 if there is none, or none that is published."""
        path = request.path_params["path"] or PAGE
        if not allowed(path):
            return PlainTextResponse("not found\n", 404)
        if path == PAGE or path.startswith(f"{PARTS}/"):
            response = await self._of_page(request, path)
            if response is not None:
                return response
        response = await (self._remote(request, path) if is_remote(self.store) else self._local(request, path))
        if response is None:
            found = await run_in_threadpool(catalogue, self.store, path)
            response = JSONResponse(found) if found is not None else PlainTextResponse(f"{path}: not found\n", 404)
        return response

    async def _of_page(self, request: Request, path: str) -> Response | None:
        file = self.bundle / path
        return await _file(request, file, FOR_EVER if path != PAGE else REVALIDATE) if file.is_file() else None

    async def _local(self, request: Request, path: str) -> Response | None:
        root = Path(self.store).resolve()
        file = (root / path).resolve()  # a link must not lead out
        return await _file(request, file, REVALIDATE) if file.is_relative_to(root) and file.is_file() else None

    async def _remote(self, request: Request, path: str) -> Response | None:
        uri = join(self.store, path)
        found = await run_in_threadpool(objects.about, uri)
        if found is None:
            return None
        size = found.size
        headers = {"etag": found.tag, "accept-ranges": "bytes", "cache-control": REVALIDATE}
        if request.headers.get("if-none-match") in (found.tag, _packed_tag(found.tag)):
            return Response(status_code=304, headers=headers)
        if packable(request, path, size):
            data = b"".join([piece async for piece in await objects.stream(uri, 0, size, found.tag)])
            return packed(await run_in_threadpool(gzip.compress, data, 6, mtime=0), headers, path)
        try:
            wanted = span(request.headers.get("range"), size)
        except ValueError:
            return Response(status_code=416, headers=headers | {"content-range": f"bytes */{size}"})
        start, stop = wanted or (0, size)
        if wanted is not None:
            headers["content-range"] = f"bytes {start}-{stop - 1}/{size}"
        headers["content-length"] = str(stop - start)
        status = 206 if wanted else 200
        if request.method == "HEAD" or not size:
            return Response(b"", status, headers, media_type(path))
        pieces = await objects.stream(uri, start, stop, found.tag)
        return StreamingResponse(pieces, status, headers, media_type(path))


async def _file(request: Request, file: Path, cache: str) -> Response:
    state = file.stat()
    tag = f'"{hashlib.sha256(f"{state.st_mtime_ns}-{state.st_size}-{state.st_ino}".encode()).hexdigest()[:24]}"'
    headers = {"etag": tag, "cache-control": cache}
    if request.headers.get("if-none-match") in (tag, _packed_tag(tag), _packed_tag(tag, "br")):
        return Response(status_code=304, headers=headers)
    if packable(request, file.name, state.st_size):
        beside = file.with_name(f"{file.name}{PACKED}")
        if takes(request, "br") and beside.is_file():
            return packed(await run_in_threadpool(beside.read_bytes), headers, file.name, "br")
        return packed(await run_in_threadpool(_packed_file, str(file), tag), headers, file.name)
    return FileResponse(file, headers=headers, media_type=media_type(file.name), stat_result=state)


def catalogue(store: str, path: str) -> dict[str, Any] | None:
    """For stores of older versions, which have none: which regions there are, or which sources of a region."""
    if path.rsplit("/", 1)[-1] != "catalog.json" or path.count("/") > 1:
        return None
    named = [uri.split("/")[-3:-1] for uri in matching(store, "*/*/latest.json")]
    published = sorted((region, source) for region, source in named if allowed(f"{region}/{source}"))
    match path.split("/"):
        case ["catalog.json"]:
            title, names, child = "finescale", sorted({region for region, _ in published}), "catalog.json"
        case [title, "catalog.json"]:
            names, child = [source for region, source in published if region == title], "collection.json"
        case _:
            return None
    if not names:
        return None
    links = [{"rel": "child", "href": f"./{name}/{child}", "title": name} for name in names]
    return {"type": "Catalog", "id": title, "stac_version": "1.1.0", "description": title, "links": links}


def application(store: str, bundle: Path, hosts: Collection[str] = LOOPBACK) -> Starlette:
    """The server: GET and HEAD of what is published in a store, from pages anywhere, under the names of `hosts`.

    No hosts: under any name.
    """
    files = StoreFiles(store, bundle)
    anywhere = Middleware(
        CORSMiddleware, allow_origins=["*"], allow_methods=["GET", "HEAD"], allow_headers=["Range"],
        expose_headers=["Content-Length", "Content-Range", "ETag"],
    )  # fmt: skip
    return Starlette(
        routes=[Route("/{path:path}", files.answer, methods=["GET"])],
        middleware=[Middleware(Hardened, hosts=hosts), anywhere],
    )
