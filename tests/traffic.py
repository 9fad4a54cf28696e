"""Counts what a run does with its input: messages decoded, bytes of fields written to and read from local stores."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import eccodes
from zarr.storage import LocalStore

# chunks of the input's fields: in the product's group, and in the scratch store of versions before 0.2
FIELDS = re.compile(r"(?:/input|/fields\.zarr)/(?P<name>t2m|d2m|u10|v10|sp|msl|tp)/c/")


@dataclass
class Traffic:
    """What was counted; keys are chunks."""

    decodes: int = 0
    writes: Counter[str] = field(default_factory=Counter)
    written: int = 0  # bytes
    read: int = 0


@contextmanager
def counted() -> Iterator[Traffic]:
    """Count in this process, whatever thread does it."""
    found = Traffic()
    decode, put, get = eccodes.codes_get_array, LocalStore.set, LocalStore.get

    def decoding(handle: Any, key: str, *more: Any, **options: Any) -> Any:
        found.decodes += key == "values"
        return decode(handle, key, *more, **options)

    async def putting(store: LocalStore, key: str, value: Any, *more: Any, **options: Any) -> None:
        if FIELDS.search(path := f"{store.root}/{key}"):
            found.writes[path] += 1
            found.written += len(value)
        await put(store, key, value, *more, **options)

    async def getting(store: LocalStore, key: str, *more: Any, **options: Any) -> Any:
        answer = await get(store, key, *more, **options)
        if answer is not None and FIELDS.search(f"{store.root}/{key}"):
            found.read += len(answer)
        return answer

    with (
        patch.object(eccodes, "codes_get_array", decoding),
        patch.object(LocalStore, "set", putting),
        patch.object(LocalStore, "get", getting),
    ):
        yield found
