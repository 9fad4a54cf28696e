"""What is shown to people, in Chinese where the shell's language is (LANG=zh_CN.UTF-8).

`zh.json` has how each kind of line, heading and cell of `point` and `status` reads; a verdict's reasons are the page's.
JSON, CSV, errors and the log are English whatever the language: programs read them, and people search for them.
"""

from __future__ import annotations

import json
import os
import re
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
REASONS = HERE.parents[1] / "tasks/present/reasons.json"
SETTINGS = ("LC_ALL", "LC_MESSAGES", "LANG")  # the first that says something counts, as in any program


def is_chinese() -> bool:
    """Whether the shell's language is."""
    return next((os.environ[s] for s in SETTINGS if os.environ.get(s)), "").startswith("zh")


@cache
def _table() -> tuple[dict[str, str], list[tuple[re.Pattern[str], str]]]:
    """Texts, and kinds of texts with places for their parts."""
    own = json.loads((HERE / "zh.json").read_text(encoding="utf-8"))
    kinds = [*own["patterns"], *json.loads(REASONS.read_text(encoding="utf-8"))]
    return own["exact"], [(re.compile(pattern), text) for pattern, text in kinds]


def in_chinese(text: str) -> str:
    """A line, heading or cell; what is of no known kind stays as it is, parts between wide gaps each by itself."""
    exact, kinds = _table()
    if text in exact:
        return exact[text]
    for pattern, template in kinds:
        if found := pattern.fullmatch(text):
            return template.format("", *(in_chinese(group or "") for group in found.groups()))
    indent = text[: len(text) - len(text.lstrip())]
    if indent:
        return indent + in_chinese(text[len(indent) :])
    parts = re.split(r"( {2,})", text)
    return "".join(map(in_chinese, parts)) if len(parts) > 1 else text


def localised(text: str) -> str:
    """The same in the language of the shell."""
    return in_chinese(text) if is_chinese() else text
