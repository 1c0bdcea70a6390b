"""A file that one process writes at a time, and the private folder for temporary ones."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from aethr.errors import UsageError


def opened(path: Path, flags: int, *, links: bool) -> int:
    """Open a file for reading and appending, locked until it is closed; a new one has mode 0600.

    Raises UsageError, also where another process has the lock.
    """
    nofollow = 0 if links else getattr(os, "O_NOFOLLOW", 0)
    try:
        file = os.open(path, os.O_RDWR | os.O_APPEND | nofollow | flags, 0o600)
    except OSError as error:
        raise UsageError(f"can't open the checkpoint {path}: {error.strerror}") from None
    if not _locked(file):
        os.close(file)
        raise UsageError(f"another run is writing the checkpoint {path}", "let it end first")
    return file


def _locked(file: int) -> bool:
    """Take the lock of a second writer away; where the system has none, go on without."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def folder_name() -> Path:
    user = os.getuid() if hasattr(os, "getuid") else "user"
    return Path(tempfile.gettempdir()) / f"aethr-{user}"


def private_folder() -> Path:
    """Make the folder of this user's temporary checkpoints; refuse one that others could read."""
    folder = folder_name()
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise UsageError(
            f"can't make the checkpoint folder {folder}: {error.strerror}",
            "name a file with --checkpoint FILE, or set TMPDIR",
        ) from None
    mine = not hasattr(os, "getuid") or found.st_uid == os.getuid()
    if not stat.S_ISDIR(found.st_mode) or not mine:
        raise UsageError(f"{folder} is not a folder of yours", "name a file with --checkpoint FILE")
    folder.chmod(0o700)
    return folder


def read_all(file: int) -> bytes:
    with os.fdopen(os.dup(file), "rb") as reader:
        reader.seek(0)
        return reader.read()


def write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
