"""A reader of the store beside the soak: polls latest.json and reads every product that appears, by value."""

from __future__ import annotations

import json
import re
import threading
import time
from typing import Any

import numpy as np
import s3fs
import xarray as xr
from aiohttp import ClientConnectionError
from botocore.exceptions import BotoCoreError, ClientError

from benchmarks.runs.soak_office import known

# of the ledger; items of the catalogue lie beside it
ENTRY = re.compile(r"/\d{4}/\d{2}/\d{4}-\d{2}-\d{2}T\d{2}\.json$")
PAUSE = 1.0  # seconds between polls


def is_away(error: BaseException) -> bool:
    """Whether the store did not answer; what is not there, or not allowed, is a fault that a reader sees."""
    if isinstance(error, FileNotFoundError | PermissionError):
        return False
    if isinstance(error, ClientError):
        return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)) >= 500
    return isinstance(error, OSError | BotoCoreError | ClientConnectionError | TimeoutError)


class Reader:
    """Reads until it is closed; `found` says what it has seen.

    All cycles hold the same fields: so must the products.
    """

    def __init__(self, environment: dict[str, str], region: str, before: dict[str, Any]) -> None:
        self.seen: dict[str, Any] = {"polls": 0, "away": 0, "read": 0, "wrong": []} | before
        self._known, self._region = known(environment), region
        self._over = threading.Event()
        self._truth: np.ndarray[Any, Any] | None = None
        self._done: set[str] = set()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Reader:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(60)

    def found(self) -> dict[str, Any]:
        """How often it asked, how often nobody answered, how many products it read whole, and what was wrong."""
        return {**self.seen, "wrong": list(self.seen["wrong"])}

    def _read(self) -> None:
        options = {
            "key": self._known["AWS_ACCESS_KEY_ID"], "secret": self._known["AWS_SECRET_ACCESS_KEY"],
            "endpoint_url": self._known["AWS_ENDPOINT_URL"],
        }  # fmt: skip
        place = f"{self._known['FINESCALE_STORE'].removeprefix('s3://')}/{self._region}/ifs"
        files = s3fs.S3FileSystem(**options, skip_instance_cache=True, use_listings_cache=False)
        while not self._over.is_set():
            self.seen["polls"] += 1
            try:
                if files.exists(f"{place}/latest.json"):
                    self._check(json.loads(files.cat_file(f"{place}/latest.json")), options, fresh=False)
                for entry in files.glob(f"{place}/*/*/*.json"):
                    if ENTRY.search(entry) and entry not in self._done:
                        self._check(json.loads(files.cat_file(entry)), options, fresh=True)
                        self._done.add(entry)
            except Exception as error:
                if is_away(error):  # the server is killed now and then
                    self.seen["away"] += 1
                else:
                    self.seen["wrong"].append(f"{type(error).__name__}: {error}"[:300])
            time.sleep(PAUSE)

    def _check(self, named: dict[str, Any], options: dict[str, str], *, fresh: bool) -> None:
        """A product that readers are led to: it opens, is whole, and is what it must be."""
        if not fresh and named["product"] in self._done:
            return
        uri = f"{self._known['FINESCALE_STORE']}/{named['product']}"
        with xr.open_zarr(uri, storage_options=options, chunks=None) as ds:
            values = ds["t2m"].values
        if self._truth is None:
            self._truth = values
        if not np.isfinite(values).all():
            self.seen["wrong"].append(f"{named['product']}: not finite")
        elif values.shape != self._truth.shape or float(np.abs(values - self._truth).max()) > 0.01:
            self.seen["wrong"].append(f"{named['product']}: other values")
        self.seen["read"] += 1
        self._done.add(named["product"])
