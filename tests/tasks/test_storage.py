"""Small files and folders, here and on S3: who wins a race, what is listed, what is removed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from tasks.storage import (
    create_bytes,
    exists,
    files_in,
    join,
    last_written,
    matching,
    names_in,
    put_in_place,
    read_all,
    read_bytes,
    read_json,
    read_tagged,
    remove,
    replace_bytes,
    write_bytes,
)

STRANGE = ["a b", "x+y=&", "per%20cent", "hash#1", "问", ".hidden"]


def test_of_many_that_create_a_file_one_does(store: str) -> None:
    uri = join(store, "claim.json")
    with ThreadPoolExecutor(12) as pool:
        made = list(pool.map(lambda i: create_bytes(uri, str(i).encode()), range(12)))
    assert made.count(True) == 1
    assert read_bytes(uri) == str(made.index(True)).encode()


def test_no_update_is_lost_among_many(store: str) -> None:
    uri = join(store, "count")
    write_bytes(uri, b"0")

    def one_more(_: int) -> None:
        while True:
            found = read_tagged(uri)
            assert found is not None
            if replace_bytes(uri, str(int(found[0]) + 1).encode(), found[1]):
                return

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(one_more, range(30)))
    assert read_bytes(uri) == b"30"


def test_a_file_that_was_removed_is_not_replaced(store: str) -> None:
    uri = join(store, "latest.json")
    write_bytes(uri, b"{}")
    found = read_tagged(uri)
    assert found is not None
    remove(uri)
    assert not replace_bytes(uri, b"[]", found[1])
    assert read_tagged(uri) is None
    assert read_json(uri) is None


@pytest.mark.parametrize(
    ("start", "stop", "part"), [(0, None, b"0123456789"), (3, 5, b"34"), (8, 99, b"89"), (7, None, b"789")]
)
def test_part_of_a_file(store: str, start: int, stop: int | None, part: bytes) -> None:
    write_bytes(join(store, "digits"), b"0123456789")
    assert read_bytes(join(store, "digits"), start, stop) == part


def test_names_are_kept_as_they_are(store: str) -> None:
    for name in STRANGE:
        write_bytes(join(store, name, name), name.encode())
    assert names_in(store) == sorted(STRANGE)
    assert files_in(store) == sorted(f"{name}/{name}" for name in STRANGE)
    assert read_all(join(store, name, name) for name in STRANGE) == [name.encode() for name in STRANGE]
    for name in STRANGE:
        remove(join(store, name))
    assert files_in(store) == []


def test_what_matches_below_a_folder(store: str) -> None:
    for path in ["hubei/ifs/2026/11/a.json", "hubei/ifs/2026/11/b.zarr/zarr.json", "hubei/era5/2025/01/c.json",
                 "hubei/catalog.json", "hubei/ifs/latest.json", "hubei/ifs/20261/11/d.json"]:  # fmt: skip
        write_bytes(join(store, path), b"{}")
    year = "[0-9][0-9][0-9][0-9]"
    files = [join(store, "hubei", f) for f in ("era5/2025/01/c.json", "ifs/2026/11/a.json")]
    assert matching(join(store, "hubei"), f"*/{year}/[0-9][0-9]/*.json") == files
    assert matching(store, "*/*/latest.json") == [join(store, "hubei/ifs/latest.json")]
    assert matching(join(store, "hubei", "ifs"), f"{year}/11/*") == [
        join(store, "hubei/ifs/2026/11", name) for name in ("a.json", "b.zarr")
    ]
    assert matching(join(store, "nothing"), "*") == []


def test_removing_a_folder_leaves_those_whose_names_begin_alike(store: str) -> None:
    for path in ["p/c/0", "p/zarr.json", "p.png", "p-r2/c/0", "pp"]:
        write_bytes(join(store, path), b"x")
    remove(join(store, "p"))
    remove(join(store, "p"))  # gone already
    assert not exists(join(store, "p"))
    assert files_in(store) == ["p-r2/c/0", "p.png", "pp"]


def test_when_something_was_last_written(store: str) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)  # S3 counts in seconds
    write_bytes(join(store, "p", "c", "0"), b"x")
    for uri in (store, join(store, "p"), join(store, "p", "c", "0")):
        written = last_written(uri)
        assert written is not None
        assert before <= written <= datetime.now(UTC)
    assert last_written(join(store, "q")) is None


def test_a_folder_comes_into_place_whole(store: str) -> None:
    paths = ["zarr.json", "t2m/zarr.json", "t2m/c/0/0", "t2m/c/0/1", "input/t2m/zarr.json"]
    for path in paths:
        write_bytes(join(store, "_staging", "p", path), path.encode())
    put_in_place(join(store, "_staging", "p"), join(store, "done", "p"))
    assert files_in(join(store, "done", "p")) == sorted(paths)
    assert all(read_bytes(join(store, "done", "p", path)) == path.encode() for path in paths)
