"""`pytest --write-faults`: the table fault -> outcome -> test in docs/acquire.md, from the tests that passed."""

from __future__ import annotations

from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs/acquire.md"
BEGIN, END = "<!-- faults: written by `pytest --write-faults` -->", "<!-- end of faults -->"
ROWS = pytest.StashKey[dict[str, tuple[str, str]]]()


def name_of(nodeid: str) -> str:
    """File and test, without the folders that all share."""
    return nodeid.removeprefix("tests/")


def table(rows: dict[str, tuple[str, str]]) -> str:
    """Markdown, in order of the tests."""
    lines = [f"| {fault} | {outcome} | `{name_of(test)}` |" for test, (fault, outcome) in rows.items()]
    return "\n".join(["| fault | outcome | test |", "|---|---|---|", *lines])


def written() -> str:
    """The table that the page has."""
    return PAGE.read_text().split(BEGIN)[1].split(END)[0].strip()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-faults", action="store_true", help="write the table of faults in docs/acquire.md")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[ROWS] = {}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        marker = item.get_closest_marker("fault")
        if marker is not None:
            config.stash[ROWS][item.nodeid] = (str(marker.args[0]), str(marker.args[1]))


class Writer:
    """Leaves out what did not pass."""

    def __init__(self, config: pytest.Config) -> None:
        self.config, self.passed = config, set[str]()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.passed:
            self.passed.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        rows = {test: row for test, row in self.config.stash[ROWS].items() if test in self.passed}
        before, rest = PAGE.read_text().split(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n\n{table(rows)}\n\n{END}{rest.split(END)[1]}")


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    if session.config.getoption("--write-faults"):
        session.config.pluginmanager.register(Writer(session.config))
