"""What the properties share: examples that count as cases, and the doors without a start-up."""

from __future__ import annotations

import sys
import tempfile
from itertools import count
from typing import TYPE_CHECKING

import pytest

from tests.support.doors import Doors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def example(cases: Callable[[int], None]) -> Callable[[], None]:
    """Count an example that held to its end: each is a case."""
    numbers = count(1)
    return lambda: cases(next(numbers))


@pytest.fixture
def doors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Doors]:
    """Give the commands in this process, in a folder of their own, with an empty stdin."""
    (tmp_path / "project").mkdir()
    (tmp_path / "stdin").touch()
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with (tmp_path / "stdin").open(encoding="utf-8") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield Doors(tmp_path / "project")
