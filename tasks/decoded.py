"""Text as spreadsheets leave it: in UTF-8, UTF-16, and what China's and western Europe's Windows save by default."""

from __future__ import annotations

import codecs
import re

import numpy as np

from tasks.errors import UnreadableFile

BEGINNING = 2**16  # bytes that are looked at
ISOLATED = re.compile(rb"(?:^|[\x00-\x7f])(?:[\x80-\xff]{2})*[\x80-\xff](?=[\x00-\x7f]|$)")


def decodable(data: bytes) -> tuple[bytes, str]:
    """The text and its encoding; UTF-16 becomes UTF-8. UnreadableFile for bytes that are no text."""
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) or data[1:200:2].count(0) > 50:
        try:
            text = data.decode("utf-16" if data[0] > 0xFD else "utf-16-le")
        except UnicodeDecodeError as error:
            raise UnreadableFile(f"is cut or no UTF-16 ({error.reason}); save it as UTF-8") from None
        return text.encode(), "utf-8"
    if b"\0" not in data[:BEGINNING]:
        if _is_text(data, "utf-8"):
            return data, "utf-8-sig"
        first = int((np.frombuffer(data, np.uint8) > 127).argmax())
        # A Chinese letter is two bytes in GBK; single ones are accents of western Europe
        western = ISOLATED.search(data[max(first - 1, 0) : first + BEGINNING]) is not None
        for encoding in ("cp1252", "gb18030") if western else ("gb18030", "cp1252"):
            if _is_text(data, encoding):
                return data, encoding
    raise UnreadableFile("is no text in UTF-8, UTF-16, GB18030 or Windows-1252; save it as CSV in UTF-8")


def _is_text(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
