"""An answer judged in a process of its own, because nothing else can end a slow pattern."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from aethr import process
from aethr.answers import validator
from aethr.text import duration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aethr.subschemas import Schema

# Isolated, so that no variable and no folder of the project's is looked at, but with our paths.
_CODE = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from aethr.answers import apart; apart.main()"
)


class NotJudgedError(Exception):
    """Why nothing is known of an answer."""


def errors(
    document: object, schema: Schema, environ: Mapping[str, str], seconds: float
) -> list[str]:
    """Give the first errors of a document. Raises NotJudgedError after so many seconds."""
    asked = json.dumps([document, schema]).encode()
    folder = Path(sys.executable).parent
    try:
        paths = json.dumps([str(Path(entry).absolute()) for entry in sys.path])
        argv = [sys.executable, "-I", "-c", _CODE, paths]
        done = process.run(process.Command(argv, folder, environ, asked, seconds))
    except process.TimedOut:
        raise NotJudgedError(f"it took longer than {duration(seconds)}") from None
    except OSError as error:
        raise NotJudgedError(f"can't start {sys.executable}: {error.strerror}") from None
    if done.code:
        raise NotJudgedError(f"Python ended with {done.code}")
    found: list[str] = json.loads(done.stdout)
    return found


def main() -> None:
    """Judge what stdin holds."""
    json.dump(validator.errors(*json.load(sys.stdin.buffer)), sys.stdout)
