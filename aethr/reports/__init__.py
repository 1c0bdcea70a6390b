"""A run -> files in the formats of other programs; the suffix of a path decides."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from aethr import git
from aethr.errors import AethrError, UsageError
from aethr.events import RunStarted
from aethr.streams import tell
from aethr.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from aethr.events import Event
    from aethr.reports.outcome import Outcome

# A module each, imported when it is asked for, with `text(outcome) -> str`.
WHOLE = {".json": "as_json", ".md": "as_markdown", ".sarif": "as_sarif", ".xml": "as_junit"}
LINES = ".jsonl"


@dataclass
class Reports:
    """The reports of one run: found writable before it starts, written whatever ends it.

    ``formats`` maps the place of each to its suffix.
    """

    formats: Mapping[Path, str]
    mask: Callable[[str], str] = str
    _early: list[str] | None = field(default_factory=list)
    _lost: dict[Path, str] = field(default_factory=dict)

    def take(self, event: Event) -> None:
        """Append an event to the reports that grow; what came before the run started, with it."""
        growing = [path for path, suffix in self.formats.items() if suffix == LINES]
        if not growing:
            return
        from aethr.reports import as_jsonl

        said = as_jsonl.line(event)
        if self._early is not None:
            self._early.append(said)
            if not isinstance(event, RunStarted):
                return
            said, self._early = "".join(self._early), None
        for path in growing if said else ():
            self._write(_append, path, said)

    def finish(self, outcome: Outcome) -> None:
        """Write all; raises AethrError where one could not be written."""
        for path, suffix in self.formats.items():
            name = "as_jsonl" if suffix == LINES else WHOLE[suffix]
            text = import_module(f"aethr.reports.{name}").text(outcome)
            self._write(_append if suffix == LINES else _replace, path, text)
        for said in self._lost.values():
            raise AethrError(said)

    def _write(self, write: Callable[[Path, str], None], path: Path, text: str) -> None:
        if path in self._lost:
            return  # it ends there: one with a hole in it would not be seen to be torn
        try:
            write(path, self.mask(text))
        except OSError as error:
            # The run goes on: its results are kept. The failure is told at the end.
            self._lost[path] = f"can't write report {path}: {error.strerror}"
            tell(f"warning: {one_line(self._lost[path])}\n")


def prepared(
    names: Sequence[str], start: Path, taken: Mapping[str, Path], environ: Mapping[str, str]
) -> Reports:
    """Find out whether all can be written, and change none. Raises UsageError.

    ``taken`` are files of the run itself, each under the words for it.
    """
    formats: dict[Path, str] = {}
    for name in names:
        path, suffix = Path(os.path.realpath(start / name)), Path(name).suffix.lower()
        if suffix not in {*WHOLE, LINES}:
            raise UsageError(
                f"--report {name}: its suffix says no format",
                "name it .json, .jsonl, .md, .sarif or .xml",
            )
        if formats.setdefault(path, suffix) != suffix:
            raise UsageError(f"--report {name}: {path} is a report in another format already")
        for what, other in taken.items():
            if _same(path, other):
                raise UsageError(f"--report {name} is the run's {what}", "name another file")
        try:
            _probe(path)
        except OSError as error:
            raise UsageError(f"--report {name} can't be written: {error.strerror}") from None
        # It would be gone, and the next run's diffs would show the report as somebody's work.
        if git.is_tracked(path.parent, path.name, environ):
            raise UsageError(f"--report {name}: git tracks this file", "name another file")
    return Reports(formats)


def _same(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except OSError:
        return path == Path(os.path.realpath(other))


def _probe(path: Path) -> None:
    """Try what writing will need: the file itself where it is there, and a new one beside it."""
    if path.exists():
        if not (path.is_file() or path.is_dir()):
            raise OSError(errno.EINVAL, "not a regular file")
        path.open("ab").close()
    beside = _beside(path)
    beside.open("xb").close()
    beside.unlink()


def _replace(path: Path, text: str) -> None:
    """Put a whole report in place at once, with the mode of the one that was there."""
    beside = _beside(path)
    try:
        beside.write_bytes(text.encode("utf-8", "replace"))
        if path.exists():
            beside.chmod(path.stat().st_mode & 0o777)
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


def _append(path: Path, text: str) -> None:
    with path.open("ab+") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read() != b"\n":  # a kill cut the last line of an earlier run
                text = f"\n{text}"
        file.write(text.encode("utf-8", "replace"))


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name[:80]}.{os.urandom(4).hex()}.tmp")
