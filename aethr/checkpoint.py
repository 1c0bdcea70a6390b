"""The append-only file of a run: JSON lines, each synced before the run goes on.

Kinds of lines: ``run`` (once, first), ``stdin``, ``start``, ``call``, ``used``, ``result``,
``failure``; and what people decide between two steps: ``edit``, ``rewind``, ``note``, ``pause``.
Loops and positions are derived from them. A line is there before what it says comes into effect.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aethr import lockfile
from aethr.errors import UsageError
from aethr.saved import FORMAT, Header, Saved, is_line, is_whole, parse
from aethr.spent import Spent
from aethr.starts import Start
from aethr.text import slug

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from aethr.results import StepResult, Usage
    from aethr.steered import Edit, Rewind

__all__ = ["Checkpoint", "Header", "Saved", "Start", "create", "parse", "read", "reopen"]

# What a resume goes by. Masked for a key that is also a common word, it would find nothing.
_NAMES = frozenset({"kind", "workflow", "commit", "step_id", "marker", "tree", "before", "verdict"})


class Checkpoint:
    """An open checkpoint, locked against a second writer until it is closed.

    ``mask`` hides keys in all that is written. ``spent`` is what its calls took.
    """

    def __init__(self, path: Path, file: int, *, temporary: bool) -> None:
        self.path = path
        self.temporary = temporary
        self.mask: Callable[[str], str] = str
        self.spent = Spent()
        self._file = file
        self._size = 0  # when it was put to rest

    def header(self, header: Header) -> None:
        self._append("run", {"format": FORMAT, **asdict(header)})

    def stdin(self, text: str) -> None:
        """Keep what was piped in: a resume can't read it again."""
        self._append("stdin", {"text": text})

    def start(self, start: Start) -> None:
        """Tell that a step begins, before anything of it is called."""
        self._append("start", asdict(start))

    def call(self, step_id: str, model: str) -> None:
        """Count a call before it is made: it may have been paid for, whatever comes after."""
        self._append("call", {"step_id": step_id, "model": model})
        self.spent = self.spent.called()

    def used(self, usage: Usage, *, whole: bool) -> None:
        """Keep what the call in flight has used since this was last told; see ``Spent``."""
        self._append("used", {"usage": asdict(usage), "whole": whole})
        self.spent = self.spent.told(usage, whole=whole)

    def result(self, result: StepResult) -> None:
        self._append("result", _plain(result))
        self.spent = self.spent.after(result)

    def failure(self, step_id: str, reason: str, partial: str) -> None:
        self._append("failure", {"step_id": step_id, "reason": reason, "partial": partial})

    def edit(self, edit: Edit) -> None:
        self._append("edit", _plain(edit))

    def rewind(self, rewind: Rewind) -> None:
        self._append("note" if rewind.text else "rewind", asdict(rewind))

    def pause(self, step_id: str, *, over: bool) -> None:
        """Tell that a person is waited for after a step, or is no longer."""
        self._append("pause", {"step_id": step_id, "over": over})

    def rest(self) -> None:
        """Let others write while the call that has it open does something else."""
        self._size = os.fstat(self._file).st_size
        lockfile.unlock(self._file)

    def wake(self) -> bool:
        """Lock it again; False where others have written. Raises UsageError while they do."""
        lockfile.lock(self._file, self.path)
        return os.fstat(self._file).st_size == self._size

    def close(self, *, keep: bool = True) -> None:
        """Release the file; a temporary one that is not to be kept is removed."""
        if self.temporary and not keep:
            with suppress(OSError):  # it is in nobody's way
                self.path.unlink()
        os.close(self._file)

    def _append(self, kind: str, fields: Mapping[str, Any]) -> None:
        whole = _masked({"kind": kind, **fields}, self.mask)
        line = json.dumps(whole, separators=(",", ":")) + "\n"
        try:
            self._stand()
            lockfile.append(self._file, line.encode("ascii"))
        except OSError as error:
            raise UsageError(f"can't write the checkpoint {self.path}: {error.strerror}") from None

    def _stand(self) -> None:
        """Put the file back where a step's command has removed it, as ``git clean`` does.

        Raises OSError where that can't be, or where another one stands in its place.
        """
        if lockfile.stands(self._file, self.path):
            return
        if self.temporary:
            lockfile.private_folder()
        file = lockfile.opened(self.path, os.O_CREAT | os.O_EXCL, links=False)
        try:
            lockfile.append(file, lockfile.read_all(self._file))
        except OSError:
            os.close(file)
            self.path.unlink()  # it would stand in the way of the next try
            raise
        os.close(self._file)
        self._file = file


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


def is_older(path: Path) -> bool:
    """Whether a file is not one of lines: of the older form, or no checkpoint at all."""
    with lockfile.reading(path) as file:
        return not is_line(file.readline())


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
    checkpoint.spent = saved.spent
    return saved, checkpoint


def read(path: Path) -> Saved:
    """Read a checkpoint without locking or mending it."""
    with lockfile.reading(path) as file:
        return parse(file.read(), path)


def _masked(value: object, mask: Callable[[str], str]) -> object:
    """Mask every text before it is written: JSON's escapes would hide a key from the mask."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, (list, tuple)):
        return [_masked(one, mask) for one in value]
    if isinstance(value, dict):
        return {name: one if name in _NAMES else _masked(one, mask) for name, one in value.items()}
    return value


def _plain(result: StepResult | Edit) -> dict[str, Any]:
    fields = asdict(result)
    fields["verdict"] = result.verdict.value if result.verdict else None
    return fields


def _is_temporary(path: Path) -> bool:
    return path.parent == lockfile.folder_name()


def _opened(path: Path, flags: int) -> Checkpoint:
    # In a shared temporary directory a link may be someone else's.
    temporary = _is_temporary(path)
    return Checkpoint(path, lockfile.opened(path, flags, links=not temporary), temporary=temporary)


def _mend(file: int, data: bytes, whole: int) -> None:
    """Cut off a line that a kill tore; complete one that lacks its newline only."""
    if is_whole(data[whole:].decode("utf-8", "replace")):
        lockfile.append(file, b"\n")
    else:
        os.ftruncate(file, whole)
