"""A pytest plugin: the table of promises and faults, made by the run that provoked them.

A test says what it provokes with ``@pytest.mark.fault(promise, fault, how)``, where
the promise is one of ``PROMISES``; tests with the same three words are one row. A
test is one case; one that holds many tells their number with the fixture ``cases``.
A whole run compares its table with ``docs/reliability.md``, and fails where the
rows are others; ``pytest --reliability`` writes it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

PROMISES = ("explicit", "fail closed", "nothing lost", "nothing leaked")
PAGE = Path(__file__).parent.parent.parent / "docs" / "reliability.md"
_HEAD = """\
# What was provoked, and what came of it

Every row is made by the test run that provoked it (`pytest --reliability` writes this page, and
a whole run fails where its rows are others). Parts are real: git, LiteLLM, the OpenCode CLI,
processes, signals and terminals, over scripted servers on loopback.

| promise | fault | how it is provoked | cases | result |
|---|---|---|---:|---|
"""
_FAULT, _CASES = "aethr-fault", "aethr-cases"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--reliability", action="store_true", help="write docs/reliability.md")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "fault(promise, fault, how): a row of docs/reliability.md")
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Table(config))


@pytest.fixture
def cases(record_property: Callable[[str, object], None]) -> Callable[[int], None]:
    """Tell how many cases a test held."""
    return lambda count: record_property(_CASES, count)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if mark := item.get_closest_marker("fault"):
            promise, fault, how = mark.args
            assert promise in PROMISES, f"{item.nodeid}: no such promise: {promise}"
            # A property of the report is what comes through from a worker.
            item.user_properties.append((_FAULT, [promise, fault, how]))


class Table:
    """Collects the rows where the reports of all workers come together."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._cases: defaultdict[tuple[str, ...], int] = defaultdict(int)
        self._bad: set[tuple[str, ...]] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        properties = dict(report.user_properties)
        if _FAULT not in properties:
            return
        row = tuple(cast("list[str]", properties[_FAULT]))
        if not report.passed:
            self._bad.add(row)
        if report.when == "call":
            self._cases[row] += int(str(properties.get(_CASES, 1)))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if self._config.option.reliability:
            PAGE.write_text(self.page(), "utf-8")
        elif exitstatus == 0 and self._is_whole() and not self._is_told():
            print("\ndocs/reliability.md is out of date: pytest --reliability writes it")  # noqa: T201
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def page(self) -> str:
        known = self._cases.keys() | self._bad
        rows = [self._row(row) for row in sorted(known, key=_order)]
        total = f"{sum(self._cases.values()):,} cases in {len(rows)} rows."
        return _HEAD + "\n".join([*rows, "", total, ""])

    def _row(self, row: tuple[str, ...]) -> str:
        result = "FAILED" if row in self._bad else "held"
        return f"| {' | '.join(row)} | {self._cases[row]:,} | {result} |"

    def _is_told(self) -> bool:
        """Whether the page has these rows; a slow machine may count an event more or less."""
        count = re.compile(r"[\d,]+ (?=\| (held|FAILED) \|$)", re.MULTILINE)
        told, now = (count.sub("", text) for text in (PAGE.read_text("utf-8"), self.page()))
        return told.rpartition("\n\n")[0] == now.rpartition("\n\n")[0]

    def _is_whole(self) -> bool:
        """Whether all tests ran: none left out by name, none skipped for want of the agent."""
        options = ("keyword", "markexpr", "lf")
        chosen = any(self._config.getoption(name, default=False) for name in options)
        asked = [Path(word).resolve() for word in self._config.args]
        return not (chosen or self._bad) and PAGE.parent.parent / "tests" in asked


def _order(row: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
    return PROMISES.index(row[0]), row
