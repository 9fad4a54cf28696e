"""The report in English and Chinese at once: a text stands there in both, and the page's address says which is shown.

`report.html#zh` is Chinese. No script: the page is read from disk, by mail, and under a policy that allows none.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from markupsafe import Markup, escape

from tasks.present.report import words

HERE = Path(__file__).parent
CHINESE: dict[str, str] = json.loads((HERE / "zh.json").read_text(encoding="utf-8"))
# as the page has them: reasons of a verdict are written by the gate, and each kind has its pattern
REASONS = [
    (re.compile(pattern), text)
    for pattern, text in json.loads((HERE.parent / "reasons.json").read_text(encoding="utf-8"))
]
HOURS = re.compile(r"(.+), (\S+ h)")  # a title with what its amounts are summed over
PASSING = re.compile(r"(.+): (\S+ \S+) or more")


def both(text: str, *values: object) -> Markup:
    """A text in both languages, `{0}` and so on replaced by values; as it is where it has no Chinese."""
    # braces in a text from outside are no places for values
    english, chinese = (escape(t).format(*values) if values else escape(t) for t in (text, in_chinese(text)))
    if chinese == english:
        return english
    return Markup('<span class="en">{}</span><span class="zh" lang="zh-CN">{}</span>').format(english, chinese)


def in_chinese(text: str) -> str:
    """What a text is called there; titles of ways to read fields part by part. Itself where nobody has said."""
    if text in CHINESE:
        return CHINESE[text]
    for pattern, template in REASONS:
        if found := pattern.fullmatch(text):
            return template.format("", *(in_chinese(group or "") for group in found.groups()))
    if found := PASSING.fullmatch(text):
        return f"{in_chinese(found[1])}：不少于 {found[2]}"
    if found := HOURS.fullmatch(text):
        return f"{found[2]} {in_chinese(found[1])}"
    parts = text.split(", ")
    return "，".join(map(in_chinese, parts)) if len(parts) > 1 else text


def interval(low: float, high: float) -> Markup:
    """Of shares: +8.0 to +16.2 %."""
    return both("{0} to {1}", words.number(100 * low, 1, signed=True), words.percent(high))
