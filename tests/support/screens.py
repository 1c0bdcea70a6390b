"""A pytest plugin: screens as they should look, one a file, in ``tests/screens``.

A test gives what stands on a screen to the fixture ``screen``, which compares it with the
file of that name; ``pytest --screens`` writes the files instead, for a person to look at.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    Compare = Callable[[str, str], None]

FOLDER = Path(__file__).parent.parent / "screens"
# What differs from run to run, and the one text of the same length that stands for it.
_TENTHS = re.compile(r"\b[0-9]\.[0-9] s\b")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screens", action="store_true", help="write tests/screens")


def normal(text: str) -> str:
    """Take every time below 10 s for 0.0 s; blanks at the ends of lines don't count."""
    lines = _TENTHS.sub("0.0 s", text).splitlines()
    return "\n".join(line.rstrip() for line in lines).rstrip() + "\n"


@pytest.fixture
def screen(request: pytest.FixtureRequest) -> Compare:
    """Compare a screen with the file of its name, or write that file."""

    def compare(name: str, text: str) -> None:
        file = FOLDER / f"{name}.txt"
        if request.config.getoption("--screens"):
            FOLDER.mkdir(exist_ok=True)
            file.write_text(normal(text), encoding="utf-8")
        assert file.exists(), f"there is no {file}; `pytest --screens` writes it:\n{text}"
        assert normal(text) == file.read_text("utf-8"), "`pytest --screens` writes the new one"

    return compare
