"""A folder for the temporary files of a run; a resume finds what a kill left, by its name."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING
from zlib import crc32

from aethr import lockfile
from aethr.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


def of(checkpoint: Path) -> Path:
    """Name the folder of this process, in the private one: a checkpoint may be in the tree."""
    return lockfile.folder_name() / f"{_prefix(checkpoint)}{os.getpid()}.tmp"


def shared(subject: Path) -> Path:
    """Name the one folder of all processes that is about something; no resume removes it."""
    return lockfile.folder_name() / f"{_prefix(subject)}kept"


def made(folder: Path) -> Path:
    """Make the folder where it is not there yet. Raises UsageError."""
    lockfile.private_folder()
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise UsageError(f"can't make the folder {folder}: {error.strerror}") from None
    return folder


def written(file: Path, data: bytes) -> Path:
    """Write a file of a folder that is made where it is not there yet. Raises UsageError."""
    made(file.parent)
    try:
        file.write_bytes(data)
    except OSError as error:
        raise UsageError(f"can't write {file}: {error.strerror}") from None
    return file


def cleared(folder: Path) -> None:
    """Remove a folder with all that is in it."""
    shutil.rmtree(folder, ignore_errors=True)


def swept(checkpoint: Path) -> None:
    """Remove what killed processes left of a checkpoint; who asks has its lock."""
    own = of(checkpoint)
    prefix = _prefix(checkpoint)
    with suppress(OSError):
        for folder in lockfile.folder_name().iterdir():
            if folder.name.startswith(prefix) and folder.suffix == ".tmp" and folder != own:
                cleared(folder)


def _prefix(subject: Path) -> str:
    return f"{subject.name}.{crc32(os.fsencode(subject.absolute())):08x}."
