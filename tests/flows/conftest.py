"""The command line in process, set up as `finescale` is, and GRIB files made from the demo cycle's messages."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import eccodes
import pytest
from typer.testing import CliRunner, Result

from flows.commands.app import app
from flows.server import runtime
from tests.grib import messages

runtime.set_up()  # before a test imports Prefect

CommandLine = Callable[..., Result]


class GribMaker(Protocol):
    """Writes the demo's messages anew: `change` gets each message's short name and handle, False leaves it out."""

    def __call__(
        self, source: Path, target: Path, change: Callable[[str, int], bool | None], *, backwards: bool = False
    ) -> Path: ...


@contextmanager
def command_line() -> Iterator[CommandLine]:
    """`finescale ...` in this process; its log handlers end with it, as their stream does."""
    loggers = [logging.getLogger(name) for name in ("tasks", "flows")]
    before = [(logger.handlers, logger.level, logger.propagate) for logger in loggers]
    runner = CliRunner()
    yield lambda *arguments: runner.invoke(app, [str(a) for a in arguments])
    for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


@pytest.fixture
def finescale(workspace: Path) -> Iterator[CommandLine]:
    """`finescale ...` in this process."""
    with command_line() as command:
        yield command


@pytest.fixture(scope="session")
def rewrite() -> GribMaker:
    """Writes a GRIB file's messages anew, changed through ecCodes."""

    def make(source: Path, target: Path, change: Callable[[str, int], bool | None], *, backwards: bool = False) -> Path:
        changed = []
        for message in messages(source):
            handle = eccodes.codes_new_from_message(message)
            if change(eccodes.codes_get(handle, "shortName"), handle) is not False:
                changed.append(eccodes.codes_get_message(handle))
            eccodes.codes_release(handle)
        target.write_bytes(b"".join(changed[::-1] if backwards else changed))
        return target

    return make
