"""The workflows that ship with Aethr."""

from __future__ import annotations

import os
import re
from pathlib import Path

from aethr.errors import UsageError, did_you_mean


def preset_dir() -> Path:
    """Give the folder of the presets: the packaged copy, else the one of a checkout."""
    here = Path(__file__).parent
    packaged = here / "_presets"
    return packaged if packaged.is_dir() else here.parent / "presets"


def names() -> list[str]:
    return sorted(path.stem for path in preset_dir().glob("*.yaml"))


def describe(name: str) -> str:
    """Give a preset's description without parsing its YAML: it stands on a line of its own."""
    found = re.search(r"^description: (.+)$", path(name).read_text("utf-8"), re.MULTILINE)
    return found[1] if found else ""


def path(name: str) -> Path:
    """Give a preset's file. Raises UsageError, with the nearest name, where there is none."""
    if name not in names():
        raise UsageError(
            f"no preset `{name}`{did_you_mean(name, names())}",
            f"the presets are {', '.join(names())}",
        )
    return preset_dir() / f"{name}.yaml"


def write(name: str, file: Path, *, force: bool) -> Path | None:
    """Write a preset to a file that must not be there; return where an old text was moved.

    With ``force`` an old file is kept beside the new one. Raises UsageError.
    """
    text = path(name).read_text("utf-8")
    kept = None
    if file.is_symlink() or file.exists():
        if not force:
            raise UsageError(f"{file} is there already", "--force replaces it and keeps its text")
        kept = _kept(file)
    try:
        _write_new(file, text.encode())
    except OSError as error:
        if kept:
            kept.rename(file)
        raise UsageError(f"can't write {file}: {error.strerror}") from None
    return kept


def _write_new(file: Path, data: bytes) -> None:
    """Write a file whole or not at all; what came there in between is not ours to overwrite."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "wb") as writer:
        try:
            writer.write(data)
            writer.flush()
        except OSError:
            file.unlink()
            raise


def _kept(file: Path) -> Path:
    """Move a file aside, to a name that nothing has."""
    number = 1
    while (beside := file.with_name(f"{file.name}.old-{number}")).exists():
        number += 1
    try:
        return file.rename(beside)
    except OSError as error:
        raise UsageError(f"can't keep {file} as {beside}: {error.strerror}") from None
