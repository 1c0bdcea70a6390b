"""Fixtures that most tests start from."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.support.cli import Shell

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ["tests.support.reliability", "tests.support.screens"]

# Shared runners are slow at times: no example fails for the time it takes. Every run tries the
# same examples; `nox -s fuzz` (--hypothesis-profile=fuzz) many others.
settings.register_profile(
    "aethr",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
settings.register_profile(
    "fuzz",
    settings.get_profile("aethr"),
    derandomize=False,
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "20000")),
    print_blob=True,
)
settings.load_profile("aethr")


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Give an empty folder outside any repository, with a clean environment."""
    (tmp_path / "project").mkdir()
    return Shell(tmp_path / "project", tmp_path / "home")


@pytest.fixture
def repo(shell: Shell) -> Shell:
    """Give a git repository with one commit."""
    shell.git("init", "-q")
    shell.write({"README.md": "# demo\n", "src/app.py": "print('hi')\n"})
    shell.git("add", "-A")
    shell.git("commit", "-qm", "begin")
    return shell
