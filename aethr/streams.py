"""Writing to stdout and stderr: exact, safe, and calm when the reader is gone."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from aethr.text import printable


def out(text: str) -> None:
    """Write to stdout: exact UTF-8 into a file or pipe, made safe on a terminal.

    A reader that went away (``| head -1``), a closed stdout and a full disk end
    the output and nothing else.
    """
    stream = sys.stdout
    if stream is None:
        return
    try:
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
        tell(f"warning: can't write to stdout: {error.strerror}\n")


def tell(text: str) -> None:
    """Write to stderr, where people look, whatever its encoding."""
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(_in_encoding(printable(text), sys.stderr))
        sys.stderr.flush()
    except OSError:
        _give_up(sys.stderr)


def _in_encoding(text: str, stream: TextIO) -> str:
    """Replace what the stream can't say: no arrow may crash a cp1252 console."""
    return text.encode(stream.encoding, "replace").decode(stream.encoding)


def _give_up(stream: TextIO) -> None:
    """Point a closed stream at nothing, so that Python's own flush at exit has no complaint."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, stream.fileno())
    os.close(nothing)
