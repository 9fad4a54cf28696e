"""A region's YAML as text: what a parser would follow for ever, or take silently, is refused before it is parsed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tasks.errors import InvalidRegion

MOST = 64 * 1024  # bytes; the longest that is meant to be has two thousand
DEEPEST = 10  # levels of lists and keys; regions have three


def read_yaml(file: Path) -> Any:
    """Plain data of a YAML file; InvalidRegion for what is none, too long, too deep, or has a key twice."""
    try:
        size = file.stat().st_size
        if size > MOST:
            raise InvalidRegion(f"{file}: has {size:,} bytes, a region.yaml at most {MOST:,}; is that the right file?")
        text = file.read_text(encoding="utf-8")
        _assert_shallow(text, file)
        return yaml.load(text, Loader=_Loader)  # noqa: S506  a SafeLoader
    except (yaml.YAMLError, ValueError) as error:
        if isinstance(error, UnicodeDecodeError):
            raise InvalidRegion(f"{file}: not UTF-8 text ({error.reason}); save it as UTF-8") from None
        line = str(error).replace("\n", " ")
        raise InvalidRegion(f"{file}: not valid YAML: {line[:300]}") from None
    except OSError as error:
        raise InvalidRegion(f"{file}: cannot be read ({error.strerror})") from None


def _assert_shallow(text: str, file: Path) -> None:
    """By its events, which come one at a time however deep they are."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark is not None else 0
        if isinstance(event, yaml.AliasEvent):
            raise InvalidRegion(f"{file}, line {line}: repeats another part (*{str(event.anchor)[:40]}); write it out")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise InvalidRegion(
                f"{file}, line {line}: more than {DEEPEST} levels deep; docs/add-a-region.md has the keys"
            )


class _Loader(yaml.SafeLoader):
    """A SafeLoader that refuses a key that comes twice, of which the first would be lost."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key.value[:80]!r} is there twice", key.start_mark
                )
            seen.add(getattr(key, "value", None) if isinstance(key, yaml.ScalarNode) else None)
        return dict(super().construct_mapping(node, deep))
