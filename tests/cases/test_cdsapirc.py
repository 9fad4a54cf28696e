"""A .cdsapirc as people's editors leave it gives its key; one that has none says why, never the key."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from tasks.acquire.cds_credentials import DEFAULT_URL, Credentials, find_credentials
from tasks.errors import RequestRefused

KEY = "11111111-2222-3333-4444-555deadbeef0"
URL = "http://127.0.0.1:8092/api"
PLAIN = f"url: {URL}\nkey: {KEY}\n"
CYCLE = "era5/2026-05-30T00"


@pytest.fixture
def rc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the file is looked for; nothing else gives a key."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("CDSAPI_URL", "CDSAPI_KEY", "CDSAPI_RC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("tasks.acquire.cds_credentials._secret", lambda: None)
    return tmp_path / ".cdsapirc"


WRITTEN = {
    "plain": PLAIN.encode(),
    "a byte order mark": codecs.BOM_UTF8 + PLAIN.encode(),
    "UTF-16, as PowerShell's > writes it": codecs.BOM_UTF16_LE + PLAIN.encode("utf-16-le"),
    "UTF-16, the other way round": codecs.BOM_UTF16_BE + PLAIN.encode("utf-16-be"),
    "lines of Windows": PLAIN.replace("\n", "\r\n").encode(),
    "both": codecs.BOM_UTF8 + PLAIN.replace("\n", "\r\n").encode(),
    "blanks round the colon": f"  url : {URL}  \n\tkey\t:\t{KEY} \n".encode(),
    "a blank that does not break, from a web page": f"url:\u00a0{URL}\nkey:\u00a0{KEY}\u00a0\n".encode(),
    "none at all": f"url:{URL}\nkey:{KEY}".encode(),
    "quotes": f"url: \"{URL}\"\nkey: '{KEY}'\n".encode(),
    "names in quotes": f'"url": "{URL}"\n"key": "{KEY}"\n'.encode(),
    "large letters": f"URL: {URL}\nKey: {KEY}\n".encode(),
    "comments and empty lines": f"# mine: of the CDS\n\nurl: {URL}\n\n# key: old\nkey: {KEY}\n".encode(),
    "a slash at the end": f"url: {URL}/\nkey: {KEY}\n".encode(),
}


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)
def test_the_key_is_read_however_it_was_written(rc: Path, written: bytes) -> None:
    rc.write_bytes(written)
    assert find_credentials(CYCLE) == Credentials(URL, KEY, True, "~/.cdsapirc")


@pytest.mark.parametrize(("word", "verify"), [("0", False), ("1", True), ("false", False), ("True", True), ("", True)])
def test_verify_is_read(rc: Path, word: str, verify: bool) -> None:
    rc.write_text(f"{PLAIN}verify: {word}\n")
    assert find_credentials(CYCLE).verify is verify


def test_the_environment_comes_first_and_the_file_fills_in(rc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rc.write_bytes(WRITTEN["both"])
    monkeypatch.setenv("CDSAPI_KEY", "another")
    assert find_credentials(CYCLE) == Credentials(URL, "another", True, "CDSAPI_KEY")
    monkeypatch.setenv("CDSAPI_URL", "https://elsewhere.example/api")
    assert find_credentials(CYCLE).url == "https://elsewhere.example/api"


def test_a_file_named_with_a_tilde_is_found(rc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rc.with_name("mine").write_text(PLAIN)
    monkeypatch.setenv("CDSAPI_RC", "~/mine")
    assert find_credentials(CYCLE).place == "~/mine"


WRONG = {
    "is not there": None,
    "has no line 'url: ...' and no line 'key: ...'": b"",
    "has no line 'key: ...'": f"url: {URL}\n{KEY}\n".encode(),
    "has no line 'url: ...'": f"key: {KEY}\n".encode(),
    "is not text; save it as UTF-8": b"\xff\xd8\xff\xe0" + KEY.encode(),
}


@pytest.mark.parametrize(("trouble", "written"), WRONG.items(), ids=WRONG)
def test_a_file_without_a_key_is_one_line_whose_remedy_works(rc: Path, trouble: str, written: bytes | None) -> None:
    if written is not None:
        rc.write_bytes(written)
    with pytest.raises(RequestRefused) as caught:
        find_credentials(CYCLE)
    text = str(caught.value)
    assert text.startswith(f"{CYCLE}: no CDS key in ")
    assert f"~/.cdsapirc ({trouble})" in text
    assert "\n" not in text
    assert KEY not in text
    # what it says to do, done
    assert f"put the lines 'url: {DEFAULT_URL}' and 'key: ...' into ~/.cdsapirc" in text
    rc.write_text(f"url: {DEFAULT_URL}\nkey: {KEY}\n")
    assert find_credentials(CYCLE) == Credentials(DEFAULT_URL, KEY, True, "~/.cdsapirc")


def test_a_file_that_may_not_be_read_says_so(rc: Path) -> None:
    rc.mkdir()
    with pytest.raises(RequestRefused, match=r"cannot be read \(Is a directory\)"):
        find_credentials(CYCLE)
