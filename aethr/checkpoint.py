"""The append-only file of a run: JSON lines, each synced before the run goes on.

Kinds of lines: ``run`` (once, first), ``stdin``, ``start``, ``result``, ``failure``. A run
goes on from the results alone; loops and positions are derived from them.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from aethr import lockfile
from aethr.errors import UsageError
from aethr.results import Artifact, Change, StepResult, Usage, Verdict
from aethr.text import slug

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

FORMAT = 1

# What a row must hold to be a result, by field.
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "step_id": str,
    "content": str,
    "number": int,
    "verdict": str,
    "unproven": list,
    "usage": dict,
    "model": str,
    "seconds": (int, float),
    "artifact": dict,
}


@dataclass(frozen=True, slots=True)
class Header:
    """The ``run`` line: what the run is of. ``digest`` is the SHA-256 of the workflow's text.

    ``commit`` and ``tree`` are git's where the run began; ``tree`` is empty where
    none is recorded.
    """

    workflow: str
    digest: str
    text: str
    task: str
    live: bool
    commit: str = ""
    tree: str = ""


@dataclass(frozen=True, slots=True)
class Start:
    """A ``start`` line: a step begins, ``after`` so many results.

    ``tree`` is what stood in the working tree, ``marker`` is in the environment
    of what the step starts; both are empty for a step that is no agent.
    """

    step_id: str
    after: int
    tree: str = ""
    marker: str = ""


@dataclass(frozen=True, slots=True)
class Saved:
    """What a checkpoint holds. ``header`` is None for the older form, a list of results."""

    header: Header | None
    results: tuple[StepResult, ...]
    stdin: str | None = None
    starts: tuple[Start, ...] = ()


class Checkpoint:
    """An open checkpoint, locked against a second writer until it is closed."""

    def __init__(self, path: Path, file: int, *, temporary: bool) -> None:
        self.path = path
        self.temporary = temporary
        self._file = file

    def header(self, header: Header) -> None:
        self._append("run", {"format": FORMAT, **asdict(header)})

    def stdin(self, text: str) -> None:
        """Keep what was piped in: a resume can't read it again."""
        self._append("stdin", {"text": text})

    def start(self, start: Start) -> None:
        """Tell that a step begins, before anything of it is called."""
        self._append("start", asdict(start))

    def result(self, result: StepResult) -> None:
        self._append("result", _plain(result))

    def failure(self, step_id: str, reason: str, partial: str) -> None:
        self._append("failure", {"step_id": step_id, "reason": reason, "partial": partial})

    def close(self, *, keep: bool = True) -> None:
        """Release the file; a temporary one that is not to be kept is removed."""
        if self.temporary and not keep:
            self.path.unlink(missing_ok=True)
        os.close(self._file)

    def _append(self, kind: str, fields: Mapping[str, Any]) -> None:
        line = json.dumps({"kind": kind, **fields}, separators=(",", ":")) + "\n"
        try:
            lockfile.write_all(self._file, line.encode("ascii"))
            os.fsync(self._file)
        except OSError as error:
            raise UsageError(f"can't write the checkpoint {self.path}: {error.strerror}") from None


def temporary(workflow: str) -> Path:
    """Name a new file in the private folder of the temporary directory."""
    return lockfile.folder_name() / f"{slug(workflow, 'run')}-{os.urandom(4).hex()}.jsonl"


def create(path: Path) -> Checkpoint:
    """Make a new file. Raises UsageError where one is there that holds something."""
    if _is_temporary(path):
        lockfile.private_folder()
        return _opened(path, os.O_CREAT | os.O_EXCL)
    checkpoint = _opened(path, os.O_CREAT)
    if not is_blank(lockfile.read_all(checkpoint._file)):  # noqa: SLF001 - same module
        checkpoint.close()
        raise UsageError(f"{path} holds something already", "name another file")
    os.ftruncate(checkpoint._file, 0)  # noqa: SLF001 - same module
    return checkpoint


def is_blank(beginning: bytes) -> bool:
    """Whether nothing was written, or only a part of the first line before a kill."""
    whole_line = b"\n" in beginning or len(beginning) >= 1 << 16
    return not beginning or (beginning.startswith(b'{"kind":"run"') and not whole_line)


def reopen(path: Path) -> tuple[Saved, Checkpoint]:
    """Read a checkpoint and go on writing it: locked first, then a torn last line is cut off."""
    checkpoint = _opened(path, 0)
    file = checkpoint._file  # noqa: SLF001 - same module
    try:
        data = lockfile.read_all(file)
        saved = parse(data, path)
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            _mend(file, data, whole)
    except BaseException:
        checkpoint.close()
        raise
    return saved, checkpoint


def read(path: Path) -> Saved:
    """Read a checkpoint without locking or mending it."""
    try:
        return parse(path.read_bytes(), path)
    except OSError as error:
        raise UsageError(f"can't read the checkpoint {path}: {error.strerror}") from None


def parse(data: bytes, path: Path | str) -> Saved:
    """Understand a checkpoint's bytes, also the older forms; ``path`` is for the message."""
    try:
        text = data.decode("utf-8")
        if older := _older(text):
            return older
        return _from_lines([json.loads(line) for line in _whole_lines(text)])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UsageError(f"not a checkpoint: {path}") from None


def _from_lines(lines: list[dict[str, Any]]) -> Saved:
    if not lines or lines[0]["kind"] != "run":
        raise ValueError
    first = lines[0]
    if first["format"] != FORMAT:
        raise UsageError(f"this checkpoint has format {first['format']}; this Aethr reads {FORMAT}")
    header = Header(**{key: first[key] for key in Header.__dataclass_fields__})
    if not isinstance(first["task"], str) or not isinstance(first["live"], bool):
        raise TypeError
    piped = [line["text"] for line in lines if line["kind"] == "stdin"]
    results = tuple(_result(line) for line in lines if line["kind"] == "result")
    starts = tuple(_start(line) for line in lines if line["kind"] == "start")
    return Saved(header, results, piped[-1] if piped else None, starts)


def _start(line: dict[str, Any]) -> Start:
    return Start(str(line["step_id"]), int(line["after"]), str(line["tree"]), str(line["marker"]))


def _whole_lines(text: str) -> list[str]:
    """Give the lines; a last one without its newline counts only if it is whole after all."""
    lines = text.split("\n")
    torn = lines.pop()
    if torn and _is_whole(torn):
        lines.append(torn)
    return lines


def _is_whole(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _older(text: str) -> Saved | None:
    """Read what users have from before: a JSON array of results, or an object with ``results``."""
    try:
        data = json.loads(text)
    except ValueError:
        return None
    if isinstance(data, dict) and "kind" in data:
        return None
    rows = data["results"] if isinstance(data, dict) else data
    if not isinstance(rows, list):
        raise TypeError
    return Saved(None, numbered(_result(row) for row in rows))


def numbered(results: Iterable[StepResult]) -> tuple[StepResult, ...]:
    """Count each step's results anew, for results that carry no numbers of their own."""
    counts: dict[str, int] = {}
    found = []
    for result in results:
        counts[result.step_id] = counts.get(result.step_id, 0) + 1
        fields = {name: getattr(result, name) for name in StepResult.__dataclass_fields__}
        found.append(StepResult(**{**fields, "number": counts[result.step_id]}))
    return tuple(found)


def _plain(result: StepResult) -> dict[str, Any]:
    fields = asdict(result)
    fields["verdict"] = result.verdict.value if result.verdict else None
    return fields


def _result(row: dict[str, Any]) -> StepResult:
    """Make a result from a line or from a row of the older form."""
    known = {name: row[name] for name in _TYPES if row.get(name) is not None}
    for name, value in known.items():
        if not isinstance(value, _TYPES[name]):
            raise TypeError(name)
    usage = known.get("usage", {})
    return StepResult(
        **{
            **known,
            "content": known["content"],  # a row without either is no result
            "step_id": known["step_id"],
            "verdict": Verdict(known["verdict"]) if "verdict" in known else None,
            "unproven": tuple(known.get("unproven", ())),
            "artifact": _artifact(known["artifact"]) if "artifact" in known else None,
            "usage": Usage(**{name: usage.get(name) for name in Usage.__dataclass_fields__}),
        }
    )


def _artifact(row: dict[str, Any]) -> Artifact:
    changes = tuple(Change(**change) for change in row["changes"])
    return Artifact(**{**row, "changes": changes})


def _is_temporary(path: Path) -> bool:
    return path.parent == lockfile.folder_name()


def _opened(path: Path, flags: int) -> Checkpoint:
    # In a shared temporary directory a link may be someone else's.
    temporary = _is_temporary(path)
    return Checkpoint(path, lockfile.opened(path, flags, links=not temporary), temporary=temporary)


def _mend(file: int, data: bytes, whole: int) -> None:
    """Cut off a line that a kill tore; complete one that lacks its newline only."""
    if _is_whole(data[whole:].decode("utf-8", "replace")):
        lockfile.write_all(file, b"\n")
    else:
        os.ftruncate(file, whole)
