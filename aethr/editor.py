"""The user's editor: for the task, the way git asks for a commit message, and for a step's text."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from aethr import process, signals
from aethr.errors import UsageError
from aethr.text import first_control, slug

if TYPE_CHECKING:
    from aethr.settings import Settings

_SCISSORS = "# ------------------------ >8 ------------------------"
_TEMPLATE = """
{scissors}
# Write the task above this line. Everything from the line on is ignored;
# above it a line may start with #. An empty task calls nothing.
# {about}
"""
_SYSTEMS = ("editor", "vi", "nano", "notepad")  # Debian's choice, POSIX', and what others have


def is_someone_there() -> bool:
    """Whether a person can be asked: stdin and stderr are terminals, whatever stdout is."""
    return bool(sys.stdin and sys.stdin.isatty() and sys.stderr and sys.stderr.isatty())


def ask(settings: Settings, about: str, hint: str) -> str:
    """Open the editor and give the task; ``about`` is a line for the template.

    Raises UsageError with the hint, which says how else a task is given.
    """
    if not is_someone_there():
        raise UsageError("no task", hint)
    template = _TEMPLATE.format(scissors=_SCISSORS, about=about)
    try:
        task = _above(_written(settings, template, "TASK.md"))
    except UsageError as error:
        error.hint = error.hint or hint
        raise
    if not task.strip():
        raise UsageError("aborted: the task is empty", hint)
    return task


def edit(settings: Settings, text: str, name: str) -> str:
    """Have a text edited. Raises UsageError where nothing new came of it."""
    new = _written(settings, text, f"{slug(name, 'step')}.md")
    if not text.endswith("\n"):
        new = new.removesuffix("\n")  # which an editor adds by itself
    if new == text:
        raise UsageError("nothing was changed")
    if not new.strip():
        raise UsageError("aborted: the text is empty")
    return new


def _above(written: str) -> str:
    """Cut at the last line with scissors: a task may quote another one."""
    lines = re.split(r"(?:\r?\n)", written)
    marks = [place for place, line in enumerate(lines) if line.rstrip() == _SCISSORS]
    return (written if not marks else "\n".join(lines[: marks[-1]])).strip("\r\n")


def _written(settings: Settings, text: str, name: str) -> str:
    """Give what is in a private file when the editor has closed it; the file is removed."""
    try:
        with tempfile.TemporaryDirectory(prefix="aethr-") as folder:
            file = Path(folder) / name
            file.touch(mode=0o600)
            file.write_bytes(text.encode("utf-8", "surrogatepass"))
            _open(settings, file)
            return file.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError("aborted: what the editor wrote is not UTF-8") from None
    except OSError as error:
        said = f"aborted: the editor's file can't be used: {error.strerror}"
        raise UsageError(said) from None


def _open(settings: Settings, file: Path) -> None:
    editor = _editor(settings)
    # As git does it: through the shell, so that a command may have arguments, quotes and `~`.
    # A trap, for dash would end at Ctrl-C and leave the editor; what it starts does not inherit it.
    argv = ["sh", "-c", f'trap : INT; {editor} "$@"', editor, str(file)]
    if sys.platform == "win32":
        argv = [*shlex.split(editor, posix=False), str(file)]
    try:
        with signals.lent():
            code = process.interactive(argv, settings.environ)
    except (OSError, ValueError) as error:
        raise UsageError(f"aborted: can't run the editor `{editor}`: {error}") from None
    if code != 0:
        raise UsageError(f"aborted: the editor `{editor}` failed with exit code {code}")


def _editor(settings: Settings) -> str:
    """Choose as git does; only the real environment counts, a .env can't name a program."""
    environ = settings.environ
    dumb = environ.get("TERM", "dumb") in ("", "dumb")
    names = ("AETHR_EDITOR", *(() if dumb else ("VISUAL",)), "EDITOR")
    named = [environ[name] for name in names if environ.get(name, "").strip()]
    systems = (name for name in _SYSTEMS if shutil.which(name, path=environ.get("PATH")))
    editor = next(iter(named), "") or ("" if dumb else next(systems, ""))
    if not editor:
        why = "this terminal is dumb" if dumb else "there is no vi"
        raise UsageError(f"aborted: no editor: EDITOR is not set, and {why}")
    if first_control(editor):  # the shell would write it to the terminal as it is
        raise UsageError(f"aborted: the editor `{editor}` holds a control character")
    return editor
