"""Writing to stdout and stderr: exact, safe, and calm when the reader is gone."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, TextIO

from aethr import signals
from aethr.errors import AethrError
from aethr.text import printable

if TYPE_CHECKING:
    from types import TracebackType


def out(text: str) -> None:
    """Write to stdout: exact UTF-8 into a file or pipe, made safe on a terminal.

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
            else:
                stream.flush()
                stream.buffer.write(text.encode("utf-8", "replace"))
            stream.flush()
    except BrokenPipeError:
        _give_up(stream)
    except OSError as error:
        _give_up(stream)
        raise AethrError(f"can't write to stdout: {error.strerror}") from None


def tell(text: str) -> None:
    """Write to stderr, where people look, whatever its encoding."""
    tell_safe(printable(text))


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


def _in_encoding(text: str, stream: TextIO) -> str:
    """Replace what the stream can't say: no arrow may crash a cp1252 console."""
    return text.encode(stream.encoding, "replace").decode(stream.encoding)


def _give_up(stream: TextIO) -> None:
    """Point a closed stream at nothing, so that Python's own flush at exit has no complaint."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, stream.fileno())
    os.close(nothing)
