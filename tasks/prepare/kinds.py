"""What a file is by its first bytes, whatever its name says, and what to do with one that is no file of fields."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

HEAD = 8192  # bytes that are looked at: an error page has its title there, a bulletin its heading
NETCDF = (b"CDF\x01", b"CDF\x02", b"CDF\x05", b"\x89HDF")
ZIP = b"PK\x03\x04"
EMPTY_ZIP = b"PK\x05\x06"
TAR = slice(257, 262)  # where a tar file says "ustar"
SHOWN = 160  # characters of what a service answered

# first bytes -> what it is, and what makes a file of fields of it; {name}: the file's, {stem}: without its last ending
PACKED = {
    b"\x1f\x8b": ("packed with gzip", "gzip -dc {name} > {stem}.unpacked"),
    b"BZh": ("packed with bzip2", "bzip2 -dc {name} > {stem}.unpacked"),
    b"\xfd7zXZ\x00": ("packed with xz", "xz -dc {name} > {stem}.unpacked"),
    b"\x28\xb5\x2f\xfd": ("packed with zstd", "zstd -dc {name} > {stem}.unpacked"),
}
OTHERS = {
    b"BUFR": "BUFR, which holds observations; fields come as GRIB, NetCDF or Zarr",
    b"\x0e\x03\x13\x01": "HDF4; convert it to NetCDF, with h4tonccf or ncl_convert2nc",
    b"%PDF": "a PDF; fetch the data that it is about",
    b"\x89PNG": "a picture; fetch the data that it was drawn from",
    b"version https://git-lfs": "what git keeps in place of a large file; fetch that with: git lfs pull",
    EMPTY_ZIP: "a ZIP file with nothing in it; fetch it again",
}


def first_bytes(path: Path) -> bytes:
    """As many of a file as are looked at."""
    with path.open("rb") as file:
        return file.read(HEAD)


def is_zip(path: Path) -> bool:
    """Whether a file is a ZIP archive."""
    return path.is_file() and first_bytes(path).startswith(ZIP)


def is_netcdf(path: Path) -> bool:
    """Whether a file starts as NetCDF does, of any kind."""
    return first_bytes(path).startswith(NETCDF)


def what_instead(path: Path) -> str:
    """What a file is that is neither GRIB nor NetCDF, in a line, and what to do."""
    head = first_bytes(path)
    names = {"name": shlex.quote(path.name), "stem": shlex.quote(path.stem)}
    for magic, (what, command) in PACKED.items():
        if head.startswith(magic):
            command = command.format(**names)
            return f"is {what}; unpack it and hand in what comes out: {command}"
    if head[TAR] == b"ustar":
        return f"is a tar archive; unpack it and hand in the files in it: tar -xf {names['name']}"
    if head.startswith(ZIP):
        return f"is a ZIP archive; unpack it and name a file in it: unzip {names['name']}"
    for magic, what in OTHERS.items():
        if head.startswith(magic):
            return f"is {what}"
    at = head.find(b"GRIB")
    if at > 0 and head[at + 7 : at + 8] in (b"\x01", b"\x02"):
        return (
            f"holds GRIB from byte {at} on, after something else; hand in its messages alone, as ecCodes copies them: "
            f"grib_copy {names['name']} {names['stem']}.messages"
        )
    return _answer(head) or f"is neither GRIB nor NetCDF nor a Zarr store (it starts with {head[:4]!r})"


def _answer(head: bytes) -> str:
    """A page or message that a service sent instead of the file; empty if it is none."""
    text = head.decode("utf-8-sig", errors="replace").lstrip()
    again = "fetch the file again, with the account and from the address that its service names"
    if re.match(r"<(!doctype html|html|head|body|script)\b", text, re.IGNORECASE):
        title = re.search(r"<(title|h1)[^>]*>(.*?)</", text, re.IGNORECASE | re.DOTALL)
        shown = title[2] if title else re.sub(r"<(script|style)\b.*?</\1>|<[^>]*>", " ", text, flags=re.DOTALL)
        return f"is a web page{_quoted(shown)}, not data; {again}"
    if text.startswith("<"):
        message = re.search(r"<(message|code|title|faultstring)[^>]*>(.*?)</", text, re.IGNORECASE | re.DOTALL)
        return f"is XML that a service answered{_quoted(message[2] if message else '')}, not data; {again}"
    if text.startswith(("{", "[")):
        return f"is JSON that a service answered{_quoted(_message(text))}, not data; {again}"
    return ""


def _message(text: str) -> str:
    """What a JSON answer says in words, by the names that services use."""
    try:
        found: Any = json.loads(text)
    except ValueError:  # longer than was read, or none after all
        return text
    if not isinstance(found, dict):
        return text
    words = [str(found[k]) for k in ("title", "message", "error", "reason", "detail") if isinstance(found.get(k), str)]
    return ": ".join(words) or text


def _quoted(text: str) -> str:
    """In brackets on one line and short; nothing of nothing."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return f" ({line[:SHOWN]})" if line else ""
