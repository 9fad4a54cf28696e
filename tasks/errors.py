"""What can go wrong, as types; each message says where, what, and what to do. `exit_code` is the command line's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class FinescaleError(Exception):
    """Base of every error that is shown as one line instead of a traceback."""

    exit_code = 1


class BadInput(FinescaleError):
    """Something that was handed in cannot be used: a file, an option, a name."""

    exit_code = 2


class UnknownRegion(BadInput):
    """No folder of that name under the regions' folders."""


class InvalidRegion(BadInput):
    """A region.yaml, or a file that it names, that must not be used."""


class UnknownVariable(BadInput):
    """A variable that finescale or the model package does not know."""


class UnreadableFile(BadInput):
    """A file that is missing, empty, truncated or not of the kind its user thinks."""


SHOWN = 120  # characters of what somebody handed in, in an error


def short(value: object) -> str:
    """What was handed in, on a line and not for ever."""
    text = "".join(c if c.isprintable() else "?" for c in str(value)[: SHOWN + 1])
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def in_a_line(error: Exception) -> str:
    """What an error says, without the lines that follow."""
    return f"{type(error).__name__}: {error}".splitlines()[0][:500]


@contextmanager
def readable(what: str) -> Iterator[None]:
    """UnreadableFile for whatever a library raises of the bytes that it is handed in this context; ours pass.

    Libraries raise anything of a file with a wrong byte in it, from wherever they look at it first.
    """
    try:
        yield
    except FinescaleError:
        raise
    except Exception as error:
        raise UnreadableFile(f"{what} ({in_a_line(error)}); fetch it again") from error


class CorruptField(BadInput):
    """A decoded field that cannot be true: NaN holes, values outside physical range, jumps."""


class MissingField(BadInput):
    """A needed parameter or lead time that is not in the input."""


class MixedCycles(BadInput):
    """Forecasts of more than one cycle in what should be one."""


class RegionOutsideInput(BadInput):
    """The input does not cover the region."""


class ModelMismatch(BadInput):
    """A model package that is unknown, changed, or does not fit the request."""


class StoreNotWritable(BadInput):
    """The place where products go cannot be written."""


class FolderUnusable(BadInput):
    """A folder of the workspace or of a store that cannot be written, or a file in its place."""


class StoreNotReadable(FinescaleError):
    """The place where products are does not answer."""


class RequestRefused(BadInput):
    """A service that does not take the request, its key or its user's licences."""


class AnswerNotUnderstood(FinescaleError):
    """A service's answer is not the document that its client knows: either of them has changed."""


class OrchestratorUnavailable(FinescaleError):
    """Prefect's server or folder cannot be used."""


class WrongClock(FinescaleError):
    """A machine that does not know what time it is."""


class CycleNotReady(FinescaleError):
    """The cycle asked for is not complete yet."""

    exit_code = 3


class IncompleteDownload(FinescaleError):
    """Fetched bytes are not what the index or the checksum promised."""


class WorkspaceFull(FinescaleError):
    """No room left for what is fetched."""


class DeviceUnavailable(FinescaleError):
    """The GPU that was asked for is not there."""


class OutOfMemory(FinescaleError):
    """Not enough memory, however small the tiles."""


class SlabFailed(FinescaleError):
    """Some lead times could not be computed."""


class GateRefused(FinescaleError):
    """The product failed a hard check and was not published."""

    exit_code = 4


class ObservationsUnavailable(FinescaleError):
    """A service of observations that does not answer, or not in time; another run may find it up."""

    exit_code = CycleNotReady.exit_code


class ObservationsMissing(FinescaleError):
    """Observations that a service does not have."""


class ReadBackFailed(FinescaleError):
    """A staged product does not read back as it was computed."""


class NothingPublished(FinescaleError):
    """No good product of a source yet."""

    exit_code = CycleNotReady.exit_code
