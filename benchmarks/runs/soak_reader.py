"""A reader of the store beside the soak: polls latest.json and reads every product that appears, by value.

To it time goes forward: what `latest.json` names must never be older than what it named before.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter
from typing import Any

import numpy as np
import s3fs
import xarray as xr
from aiohttp import ClientConnectionError
from botocore.exceptions import BotoCoreError, ClientError

from benchmarks.runs.soak_office import known
from tasks.store.ledger import State

# of the ledger; items of the catalogue lie beside it
ENTRY = re.compile(r"/\d{4}/\d{2}/(\d{4}-\d{2}-\d{2}T\d{2})\.json$")
PAUSE = 1.0  # seconds between polls of latest.json
LEDGER_EVERY = 5  # polls: its listing costs the server more


def is_away(error: BaseException) -> bool:
    """Whether the store did not answer; what is not there, or not allowed, is a fault that a reader sees."""
    if isinstance(error, FileNotFoundError | PermissionError):
        return False
    if isinstance(error, ClientError):
        return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)) >= 500
    return isinstance(error, OSError | BotoCoreError | ClientConnectionError | TimeoutError)


class Watch:
    """What a reader may not see: `latest.json` going back, or being gone after it was there."""

    def __init__(self, newest: dict[str, str]) -> None:
        self.newest = newest  # region -> cycle and revision that its latest.json named last

    def wrong(self, region: str, cycle: str | None) -> str | None:
        """What is wrong with what it names now; None for no file."""
        before = self.newest.get(region)
        if cycle is None:
            return f"{region}: latest.json is gone, it named {before}" if before else None
        if before is not None and cycle < before:
            return f"{region}: latest.json went back from {before} to {cycle}"
        self.newest[region] = cycle
        return None


class Reader:
    """Reads until it is closed; `found` says what it has seen.

    All cycles hold the same fields: so must the products.
    """

    def __init__(self, environment: dict[str, str], regions: list[str], before: dict[str, Any]) -> None:
        self.seen: dict[str, Any] = {"polls": 0, "away": 0, "read": 0, "steps": 0, "latest": {}, "wrong": {}} | before
        self.seen["wrong"] = Counter(self.seen["wrong"])
        self.made: set[tuple[str, str]] = set()  # region and cycle of the ledger's entries that were read whole
        self._known, self._regions = known(environment), regions
        self._watch = Watch(self.seen["latest"])
        self._over = threading.Event()
        self._truth: np.ndarray[Any, Any] | None = None
        self._done: set[str] = set()
        self._options = {
            "key": self._known["AWS_ACCESS_KEY_ID"], "secret": self._known["AWS_SECRET_ACCESS_KEY"],
            "endpoint_url": self._known["AWS_ENDPOINT_URL"],
        }  # fmt: skip
        self._files = s3fs.S3FileSystem(**self._options, skip_instance_cache=True, use_listings_cache=False)
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Reader:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(60)

    def found(self) -> dict[str, Any]:
        """How often it asked, how often nobody answered, how many products it read whole, and what was wrong."""
        return {**self.seen, "latest": dict(self.seen["latest"]), "wrong": dict(self.seen["wrong"])}

    def _read(self) -> None:
        while not self._over.is_set():
            for region in self._regions:
                self.seen["polls"] += 1
                try:
                    self._look(region, ledger=self.seen["polls"] % LEDGER_EVERY == 0)
                except Exception as error:
                    if is_away(error):  # the server is killed now and then
                        self.seen["away"] += 1
                    else:
                        self._blame(f"{region}: {type(error).__name__}: {error}"[:300])
            time.sleep(PAUSE)

    def _blame(self, what: str) -> None:
        self.seen["wrong"][what] += 1
        print(f"  READ WRONG: {what}", flush=True)

    def _look(self, region: str, *, ledger: bool) -> None:
        """What `latest.json` leads to, and now and then what the ledger does."""
        place = f"{self._known['FINESCALE_STORE'].removeprefix('s3://')}/{region}/ifs"
        latest = self._file(f"{place}/latest.json")
        cycle = f"{latest['cycle']} revision {latest['revision']:03}" if latest else None
        before = self.seen["latest"].get(region)
        if wrong := self._watch.wrong(region, cycle):
            self._blame(wrong)
        self.seen["steps"] += before is not None and self.seen["latest"][region] > before
        if latest:
            self._check(latest)
        for entry in self._files.glob(f"{place}/*/*/*.json") if ledger else []:
            named = ENTRY.search(entry)
            if named and entry not in self._done:
                content = json.loads(self._files.cat_file(entry))
                if content["state"] == State.PUBLISHED:
                    self._check(content)
                    self._done.add(entry)
                    self.made.add((region, named[1]))

    def _file(self, path: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = json.loads(self._files.cat_file(path))
        except FileNotFoundError:
            return None
        return found

    def _check(self, named: dict[str, Any]) -> None:
        """A product that readers are led to: it opens, is whole, and is what it must be."""
        if named["product"] in self._done:
            return
        uri = f"{self._known['FINESCALE_STORE']}/{named['product']}"
        with xr.open_zarr(uri, storage_options=self._options, chunks=None) as ds:
            values = ds["t2m"].values
        if self._truth is None:
            self._truth = values
        if not np.isfinite(values).all():
            self._blame(f"{named['product']}: not finite")
        elif values.shape != self._truth.shape or float(np.abs(values - self._truth).max()) > 0.01:
            self._blame(f"{named['product']}: other values")
        self.seen["read"] += 1
        self._done.add(named["product"])
