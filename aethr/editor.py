"""Asking for the task in the user's editor, the way git asks for a commit message."""

from __future__ import annotations

import shlex
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from aethr import process, signals
from aethr.errors import UsageError

if TYPE_CHECKING:
    from aethr.settings import Settings

_SCISSORS = "# ------------------------ >8 ------------------------"
_TEMPLATE = f"""
{_SCISSORS}
# Write the task above this line. Everything from the line on is ignored.
# An empty task calls nothing.
"""


def ask(settings: Settings) -> str:
    """Open the editor and give the task. Raises UsageError where there is none to be had."""
    try:
        return _asked(settings)
    except OSError as error:
        said = f"aborted: can't make a file for the editor: {error.strerror}"
        raise UsageError(said, "give the task on the command line") from None


def _asked(settings: Settings) -> str:
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr and sys.stderr.isatty()):
        raise UsageError("no task", 'say what to do, as in `aethr run "fix the typo"`')
    with tempfile.TemporaryDirectory(prefix="aethr-") as folder:
        file = Path(folder) / "TASK.md"
        file.write_text(_TEMPLATE, encoding="utf-8")
        editor = _editor(settings)
        try:
            with signals.lent():
                code = process.interactive([*shlex.split(editor), str(file)], settings.environ)
        except (OSError, ValueError) as error:
            raise UsageError(f"aborted: can't run the editor `{editor}`: {error}") from None
        if code != 0:
            raise UsageError(f"aborted: the editor `{editor}` failed")
        written = file.read_bytes().decode("utf-8", "surrogateescape")
    task = written.partition(_SCISSORS)[0].strip("\n")
    if not task.strip():
        raise UsageError("aborted: the task is empty")
    return task


def _editor(settings: Settings) -> str:
    """Choose as git does; only the real environment counts, a .env can't name a program."""
    named = (settings.environ.get(name, "") for name in ("AETHR_EDITOR", "VISUAL", "EDITOR"))
    return next((editor for editor in named if editor.strip()), "vi")
