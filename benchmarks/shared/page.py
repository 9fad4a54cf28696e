"""docs/benchmarks.md and generated parts of docs/performance.md, from results (python -m benchmarks.shared.page)."""

from __future__ import annotations

from pathlib import Path

from benchmarks.runs import commands, cost, pool, releases, scaling, whole
from benchmarks.shared.sections import put
from benchmarks.stages import acquire, bucket, inference, limits, verify
from benchmarks.stages import suite as stages

DOCS = Path(__file__).parents[2] / "docs"
PAGE, PERFORMANCE = DOCS / "benchmarks.md", DOCS / "performance.md"
HEAD = "# Speed\n\nWritten by `make bench`; do not edit.\n\n"
PARTS = {"limits": limits, "whole": whole, "cost": cost, "stages": stages, "scaling": scaling}
PARTS |= {"releases": releases, "commands": commands, "bucket": bucket}


def main() -> None:
    """Command line."""
    sections = [inference.section().rstrip() + "\n", acquire.section(), pool.section(), verify.section()]
    PAGE.write_text(HEAD + "\n".join(sections))
    cost.draw(cost.load(), cost.PICTURE)
    for name, module in PARTS.items():
        put(PERFORMANCE, name, module.section())


if __name__ == "__main__":
    main()
