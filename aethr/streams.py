"""Writing to stdout and stderr: exact, safe, and calm when the reader is gone."""

from __future__ import annotations

import codecs
import os
import re
import stat
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

from aethr import signals
from aethr.errors import AethrError
from aethr.text import cells, count, printable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

LOOKALIKE = "aethr-lookalike"
# Frames keep their width; behind the others nothing is aligned.
_ASCII = dict(zip("╭╮╰╯├┬─│▸→✓✗×−–·•▌", "+++++--|>>vxx---*>", strict=True))
_ASCII |= {"↺": "<-", "≤": "<=", "≥": ">=", "…": "..."}


# What GitHub's runner takes for a command in the log of a step: `::name …::` where a line
# begins, spaces aside, and `##[name]` anywhere (actions/runner, ActionCommand.cs).
_COMMAND = re.compile(r"(?<![^\r\n])[^\S\r\n]*(?=::[^\r\n]*::)|##(?=\[)")


def out(text: str) -> None:
    """Write to stdout: exact UTF-8 into a file or pipe, made safe on a terminal.

    In GitHub Actions a pipe is the log, as far as can be told: nothing in it is a command.

    A reader that went away (``| head -1``) and a closed stdout end the output and
    nothing else. Raises AethrError, once, where it can't be written for another reason.
    """
    stream = sys.stdout
    if stream is None:
        return
    try:
        with signals.released():
            if stream.isatty():
                stream.write(_in_encoding(printable(text), stream))
            elif not hasattr(stream, "buffer"):  # a program catches it, or shows it itself
                stream.write(text)
            else:
                stream.flush()
                stream.buffer.write(_for_log(text, stream).encode("utf-8", "replace"))
            stream.flush()
    except BrokenPipeError:
        _give_up(stream)
    except OSError as error:
        _give_up(stream)
        raise AethrError(f"can't write to stdout: {error.strerror}") from None


def tell(text: str) -> None:
    """Write to stderr, where people look, whatever its encoding."""
    tell_safe(inert(printable(text)))


def tell_safe(text: str) -> None:
    """Write to stderr what is printable already: our own colours, or a stream made so."""
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(_in_encoding(text, sys.stderr))
        sys.stderr.flush()
    except OSError:
        _give_up(sys.stderr)


def tell_bug(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show a traceback as Python does (a ``sys.excepthook``): its message may be foreign text."""
    import traceback

    tell("".join(traceback.format_exception(kind, error, trace)))


def inert(text: str) -> str:
    r"""Break what GitHub Actions would take for a command, as ``\::`` and ``## [``.

    Elsewhere give the text as it is. JSON stays JSON: a string in it holds no line's beginning.
    """
    if "::" not in text and "##[" not in text:
        return text
    from aethr import settings  # 14 ms, which --help need not wait for

    on_github = settings.environment().get("GITHUB_ACTIONS") == "true"
    return _COMMAND.sub(_broken, text) if on_github else text


def _for_log(text: str, stream: TextIO) -> str:
    with suppress(OSError):  # one that a program has made for itself is no file
        if stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            return text
    safe = inert(text)
    if broken := len(safe) - len(text):
        what = count(broken, "command of GitHub Actions", "commands of GitHub Actions")
        tell(f"warning: stdout would hold {what}: each is broken, as \\:: or ## [\n")
    return safe


def _broken(command: re.Match[str]) -> str:
    return f"{command[0]} " if command[0] == "##" else f"{command[0]}\\"


def columns(stream: TextIO | None, environ: Mapping[str, str]) -> int:
    """Give the width of a screen: COLUMNS if it is set, else the terminal's, else 80."""
    given = environ.get("COLUMNS", "")
    if re.fullmatch("[1-9][0-9]{0,4}", given):
        return int(given)
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80 if stream else 80
    except OSError:  # no terminal
        return 80


def sayable(text: str) -> str:
    """Give a text as it will stand on stderr, before it is measured."""
    if sys.stderr is None or sys.stderr.encoding == "utf-8":
        return text
    return _in_encoding(text, sys.stderr)


def _in_encoding(text: str, stream: TextIO) -> str:
    """Replace what the stream can't say: no arrow may crash a cp1252 console."""
    encoding = stream.encoding or "utf-8"  # a StringIO has none
    return text.encode(encoding, LOOKALIKE).decode(encoding)


def _lookalike(error: UnicodeError) -> tuple[str, int]:
    """Give ASCII that looks like our own marks, and ``?`` for other text (a codec's handler)."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(_ASCII.get(char, "?" * max(1, cells(char))) for char in text), error.end


codecs.register_error(LOOKALIKE, _lookalike)


def _give_up(stream: TextIO) -> None:
    """Point a closed stream at nothing, so that Python's own flush at exit has no complaint."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, stream.fileno())
    os.close(nothing)
