"""What each command imports: its budget of start-up time, kept as a list and not as a time.

The lists are in ``tests/cases/imports``; a line more there is a decision, and shows in a diff.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.cli import Shell

LISTS = Path(__file__).parent / "cases" / "imports"
COMMANDS = {
    "version": ("version",),
    "help": ("--help",),
    "init-list": ("init", "--list"),
    "show": ("show",),
    "check": ("check",),
    "show-prompt": ("run", "--show-prompt", "x"),
    "mock-run": ("run", "x"),
}
WORKFLOW = """workflow: one
roles: {reviewer: "Find defects."}
models: {reviewer: "openai:gpt-4o-mini"}
steps: [{id: review, role: reviewer, context: [git_diff]}]
"""
# Of the standard library, what takes more than a few milliseconds.
HEAVY = {"asyncio", "concurrent", "decimal", "hashlib", "http", "multiprocessing", "ssl", "urllib"}
_CODE = """
import atexit, sys
atexit.register(lambda: open("modules", "w").write("\\n".join(sys.modules)))
"""


def imported(shell: Shell, code: str, *argv: str) -> set[str]:
    """Give the modules of a process: ours whole, of others the top names."""
    done = shell.run(sys.executable, "-c", f"{_CODE}{code}", *argv)
    assert done.code == 0, done.err
    names = (shell.folder / "modules").read_text().split()
    tops = {name.partition(".")[0] for name in names}
    others = {name for name in tops if name not in sys.stdlib_module_names or name in HEAVY}
    return {name for name in names if name.startswith("aethr")} | others


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_imports_what_its_list_says_and_nothing_more(repo: Shell, name: str) -> None:
    repo.write({".aethr.yaml": WORKFLOW})
    floor = imported(repo, "" if name == "version" else "import invoke")
    found = imported(repo, "from aethr.__main__ import main; main()", *COMMANDS[name]) - floor
    kept = (LISTS / f"{name}.txt").read_text().split()
    assert sorted(found) == kept, f"if that is meant, write it to {LISTS / name}.txt"
