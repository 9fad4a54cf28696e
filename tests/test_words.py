"""Words have one meaning: the glossary's are in use, and names that say nothing are not."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

FOLDERS = ("deployments", "flows", "models", "tasks")
GLOSSARY = re.compile(r"^\| (?P<words>[a-z, ]+) \| ", re.MULTILINE)
# names that say nothing of the thing, or say something else than the glossary does
EMPTY = {"said", "told", "news", "_tell", "_said", "_told"}
DRAWERS = {"utils", "util", "helpers", "common", "misc", "tools"}  # modules for whatever has no room


def modules() -> list[Path]:
    return sorted(p for f in FOLDERS for p in (ROOT / f).rglob("*.py") if "node_modules" not in p.parts)


def names(tree: ast.AST) -> Iterator[str]:
    """What a module gives names to."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg


def glossary() -> list[str]:
    text = (ROOT / "docs/how-it-works.md").read_text()
    table = text[text.index("## Words") : text.index("## One cycle")]
    return [m["words"] for m in GLOSSARY.finditer(table) if m["words"] != "word"]


@pytest.mark.parametrize("word", glossary())
def test_words_of_the_glossary_are_those_of_the_code(word: str) -> None:
    name = word.replace(" ", "_")
    used = re.compile(rf"(?i)(^|_)({name}|{name}s|{name}d|{word.split(' ')[-1]}s?)($|_)")
    assert any(used.search(n) for p in modules() for n in [p.stem, *names(ast.parse(p.read_text()))])


def test_no_name_is_empty_of_meaning() -> None:
    found = {f"{p.relative_to(ROOT)}: {n}" for p in modules() for n in names(ast.parse(p.read_text())) if n in EMPTY}
    found |= {str(p.relative_to(ROOT)) for p in modules() if p.stem in DRAWERS}
    assert found == set()


def test_where_is_who_computes() -> None:
    """`where`: a report's or a setting's field, and what is made of it; a place in a file is its label."""
    owners = {"flows/dispatch.py", "flows/downscale.py", "tasks/handover/slab.py", "tasks/region/settings.py"}
    found = {str(p.relative_to(ROOT)) for p in modules() for n in names(ast.parse(p.read_text())) if n == "where"}
    assert found <= owners
