"""YAML -> Workflow, every error at file:line:column.

Events of the parser become a document (``document``, ``tree``, ``node``), which ``schema.json``
judges (``schema``, ``shape``) and then what a schema can't say (``references``). What is
left is made into values (``build``).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aethr.config import build, references, schema, shape
from aethr.config.document import read
from aethr.config.sourcefile import SourceFile, spot
from aethr.config.structured import Schemas
from aethr.errors import ConfigError, UsageError
from aethr.frozen import frozen

if TYPE_CHECKING:
    from aethr.config.document import Document
    from aethr.errors import Problem
    from aethr.workflow import Workflow

__all__ = ["Loaded", "load", "parse", "schema_text"]

# A workflow of 5,000 steps is a tenth of it; what is larger is some other file, or /dev/zero.
MAX_SIZE = 10_000_000

schema_text = schema.text


@frozen
class Loaded:
    """A valid file: what it says, and what in it has no effect."""

    workflow: Workflow
    warnings: tuple[Problem, ...] = ()


def load(path: Path, root: Path = Path()) -> Loaded:
    """Read a workflow file; raise ConfigError, or UsageError where there is no file to read.

    Files that it names are read below ``root``.
    """
    name = _shown(path)
    data = _content(path, name)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError([_undecodable(data, error, name)]) from None
    return parse(text, name, root)


def parse(text: str, name: str, root: Path = Path()) -> Loaded:
    """Make a workflow of YAML text; raise ConfigError with all that is wrong in ``name``."""
    document, schemas = read(text.removeprefix("\ufeff"), name), Schemas(root)
    if problems := _problems(document, schemas):
        raise ConfigError(sorted(problems, key=lambda one: (one.line, one.column)))
    top = document.root.value
    assert isinstance(top, dict)  # noqa: S101 -- the schema says so
    workflow = build.workflow(top, text, schemas)
    return Loaded(workflow, tuple(references.warnings(document, workflow)))


def _problems(document: Document, schemas: Schemas) -> list[Problem]:
    if document.root.value is None and not document.root.raw:
        text = "the file is empty; it needs `workflow`, `roles` and `steps`"
        return [document.problem(document.root, text)]
    broken = shape.broken(document)
    return [
        *document.problems,
        *(shape.problem(one, document) for one in broken),
        *references.check(document, [one.trail for one in broken], schemas),
    ]


def _content(path: Path, name: str) -> bytes:
    try:
        # A pipe, say, would be waited for without an end.
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise UsageError(f"{name} is no regular file")
        with path.open("rb") as file:
            data = file.read(MAX_SIZE + 1)
    except FileNotFoundError:
        raise _missing(path, name) from None
    except IsADirectoryError:
        raise UsageError(f"{name} is a directory, not a workflow file") from None
    except OSError as error:
        raise UsageError(f"can't read {name}: {error.strerror}") from None
    if len(data) > MAX_SIZE:
        raise UsageError(f"{name} is no workflow file: it is larger than {MAX_SIZE:,} bytes")
    return data


def _missing(path: Path, name: str) -> UsageError:
    if path.is_symlink():
        return UsageError(f"{name} is a link to {path.readlink()}, which does not exist")
    from aethr import presets

    names = presets.names()
    hint = f"`aethr init PRESET` writes one; presets: {', '.join(names)}"
    if name in names:
        hint = f"the preset of that name: --preset {name}"
    return UsageError(f"there is no workflow file {name}", hint)


def _undecodable(data: bytes, error: UnicodeDecodeError, name: str) -> Problem:
    file = SourceFile(name, data.decode("utf-8", "replace").splitlines())
    start = spot(data[: error.start].decode("utf-8"), error.start)
    words = f"the byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8"
    return file.problem(start, start, words)


def _shown(path: Path) -> str:
    """Name a file as people would type it from where they are."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
