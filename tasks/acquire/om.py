"""Open-Meteo's `.om` files at an URL: the wanted values alone, by byte ranges. `omfiles` reads the format."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import requests
from fsspec.caching import BlockCache
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError as TransportError

from tasks.errors import BadInput
from tasks.region.settings import AcquireSettings
from tasks.web.answers import is_busy, read_body, retry_after
from tasks.web.failures import in_short
from tasks.web.patience import Deadline, NotYet

T = TypeVar("T")
BLOCK = 1 << 17  # bytes of a request: omfiles asks for some hundreds at a time


class NoSuchFile(Exception):
    """404: it is not there, or not yet."""


class Bucket:
    """Files below one URL; safe from several threads."""

    def __init__(self, root: str, settings: AcquireSettings) -> None:
        if importlib.util.find_spec("omfiles") is None:
            raise BadInput("this needs Open-Meteo's omfiles: pip install 'finescale[native]'")
        self.root, self.settings = root.rstrip("/"), settings
        self._session = requests.Session()
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=settings.in_flight))

    def whole(self, name: str) -> bytes:
        """A small file. NoSuchFile; NotYet for what may pass."""
        return self._get(name, None)[0]

    def open(self, name: str) -> OmFile:
        """An `.om` file, of which no more is read than what is asked for. NoSuchFile; NotYet for what may pass."""
        return OmFile(_Remote(self, name), name)

    def part(self, name: str, start: int, end: int) -> bytes:
        """Bytes from `start` up to before `end`."""
        return self._get(name, (start, end - 1))[0]

    def size(self, name: str) -> int:
        """Of a file, in bytes."""
        stated = self._get(name, (0, 0))[1].rsplit("/", 1)[-1]
        if not stated.isdigit():
            raise NotYet(f"{name}: does not say how large it is")
        return int(stated)

    def _get(self, name: str, span: tuple[int, int] | None) -> tuple[bytes, str]:
        """Body and Content-Range."""
        limit, size = self.settings.timeout_seconds, BLOCK if span is None else span[1] - span[0] + 1
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={span[0]}-{span[1]}"} if span else {})
        deadline = Deadline(limit + size / self.settings.slowest)
        try:
            with self._session.get(
                f"{self.root}/{name}", headers=headers, stream=True, timeout=(limit, limit)
            ) as answer:
                code = answer.status_code
                if code in (403, 404, 410):  # S3 answers 403 of what is not there, where nobody may list
                    raise NoSuchFile(f"{name}: not there ({code})")
                if code != (206 if span else 200):
                    why = "sends the whole file instead of a range" if code == 200 else f"HTTP {code}"
                    raise NotYet(f"{name}: {why}", retry_after(answer.headers) if is_busy(code) else None)
                body = read_body(answer.raw, deadline)
                stated = answer.headers.get("Content-Range", "")
        except (requests.RequestException, TransportError, OSError) as error:
            raise NotYet(f"{name}: {in_short(error)}") from None
        if span is not None and len(body) != size:
            raise NotYet(f"{name}: {len(body)} of {size} bytes came")
        return body, stated


class _Remote:
    """What omfiles asks of a file system of fsspec, for one file: its size, and bytes, which come in blocks."""

    def __init__(self, bucket: Bucket, name: str) -> None:
        self._bytes = bucket.size(name)
        part = lambda start, end: bucket.part(name, start, min(end, self._bytes))  # noqa: E731  its blocks are whole
        self._blocks = BlockCache(BLOCK, part, self._bytes, maxblocks=64)
        self.failure: NotYet | NoSuchFile | None = None  # omfiles passes on no more than its words

    def size(self, _path: str) -> int:
        """In bytes."""
        return self._bytes

    def cat_file(self, path: str, start: int, end: int) -> bytes:  # noqa: ARG002
        """Bytes from `start` up to before `end`."""
        try:
            found: bytes = self._blocks._fetch(start, end)
        except (NotYet, NoSuchFile) as failure:
            self.failure = failure
            raise
        return found


class OmFile:
    """One file of a time, with a variable for each of its fields."""

    def __init__(self, remote: _Remote, name: str) -> None:
        from omfiles import OmFileReader  # GPL-2.0-only: an extra, which not everybody has

        self._remote, self._name = remote, name
        self._root = self._asked(lambda: OmFileReader.from_fsspec(remote, name))

    def values(self, variable: str, points: slice) -> np.ndarray | None:
        """Values (points,) of a variable (1, points of the grid); None where the file has none of that name."""
        try:
            array = self._asked(lambda: self._root.get_child_by_name(variable))
        except ValueError:  # of a name that is not there
            return None
        return self._part(array, variable, points)

    def only(self, points: slice) -> np.ndarray:
        """Values (points,) of a file that is one array and no group, as those of what never changes are."""
        if not self._root.is_array:
            raise NotYet(f"{self._name}: is not one array")
        return self._part(self._root, "it", points)

    def _part(self, array: Any, what: str, points: slice) -> np.ndarray:
        """Of an array (1, points of the grid)."""
        if len(array.shape) != 2 or array.shape[0] != 1 or array.shape[1] < points.stop:
            raise NotYet(f"{self._name}: {what} has shape {tuple(array.shape)}")
        return self._asked(lambda: np.asarray(array[0, points], dtype=np.float32))

    def _asked(self, question: Callable[[], T]) -> T:
        """Its answer; what went wrong on the way there as it was, what is no such file as NotYet."""
        try:
            return question()
        except RuntimeError as error:
            if self._remote.failure is not None:
                raise self._remote.failure from None
            raise NotYet(f"{self._name}: is damaged, or no .om file ({str(error)[:80]})") from None
