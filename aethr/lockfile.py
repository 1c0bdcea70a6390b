"""A file that one process writes at a time, and the private folder for temporary ones."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from aethr.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_ELSEWHERE = "name another file with --checkpoint FILE"
_TMPDIR = "set TMPDIR to a folder of your own"
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)  # opening a pipe that nobody writes to waits for ever


def opened(path: Path, flags: int, *, links: bool) -> int:
    """Open a file for reading and appending, locked until it is closed; a new one has mode 0600.

    ``links`` says whether it may be a link, which then must be this user's, as what
    it leads to. Raises UsageError, also where another process has the lock.
    """
    try:
        file = _opened(path, os.O_RDWR | os.O_APPEND | flags, links=links)
    except OSError as error:
        raise UsageError(f"can't open {path}: {error.strerror}", _ELSEWHERE) from None
    try:
        lock(file, path)
    except UsageError:
        os.close(file)
        raise
    return file


def _opened(path: Path, flags: int, *, links: bool) -> int:
    try:
        return _regular(os.open(path, flags | _NO_LINK | _NO_WAIT, 0o600), path)
    except OSError:
        if not (links and path.is_symlink()):
            raise
    _refuse_foreign(path.lstat())
    file = _regular(os.open(path, flags | _NO_WAIT, 0o600), path)
    try:
        _refuse_foreign(os.fstat(file))
    except PermissionError:
        os.close(file)
        raise
    return file


def _refuse_foreign(found: os.stat_result) -> None:
    if not _is_mine(found):
        raise PermissionError(errno.EPERM, "it is a link of someone else's, or to their file")


def _is_mine(found: os.stat_result) -> bool:
    return not hasattr(os, "getuid") or found.st_uid == os.getuid()


def _regular(file: int, path: Path) -> int:
    """Refuse a pipe, which may be waited for without an end, and a device, which may have none."""
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise UsageError(f"{path} is no regular file", _ELSEWHERE)
    return file


@contextmanager
def reading(path: Path) -> Iterator[BinaryIO]:
    """Open a checkpoint to read it only. Raises UsageError."""
    try:
        with os.fdopen(_regular(os.open(path, os.O_RDONLY | _NO_WAIT), path), "rb") as file:
            yield file
    except OSError as error:
        raise UsageError(f"can't read the checkpoint {path}: {error.strerror}") from None


def stands(file: int, path: Path) -> bool:
    """Whether an open file is at its path. Raises OSError where another one is."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return False
    if not os.path.samestat(found, os.fstat(file)):
        raise FileExistsError(errno.EEXIST, "another file stands there now")
    return True


def lock(file: int, path: Path) -> None:
    """Keep other writers out; where the system has no locks, go on without. UsageError."""
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise UsageError(f"another run is writing {path}", "let it end first") from None


def unlock(file: int) -> None:
    with suppress(ImportError):
        import fcntl

        fcntl.flock(file, fcntl.LOCK_UN)


def folder_name() -> Path:
    """Name the folder of this user's temporary files. Raises UsageError."""
    user = os.getuid() if hasattr(os, "getuid") else "user"
    try:
        return Path(tempfile.gettempdir()) / f"aethr-{user}"
    except FileNotFoundError:
        raise UsageError("no folder for temporary files can be written to", _TMPDIR) from None


def unused_tmpdir(environ: Mapping[str, str]) -> list[str]:
    """Warn of a TMPDIR in which no file can be made: Python then takes another folder."""
    named = environ.get("TMPDIR", "")
    used = folder_name().parent
    if not named or Path(named).absolute() == used.absolute():
        return []
    return [f"TMPDIR={named} can't be used; temporary files go to {used}"]


def private_folder() -> Path:
    """Make the folder of this user's temporary files; refuse one that others could read."""
    folder = folder_name()
    try:
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()
        if not (stat.S_ISDIR(found.st_mode) and _is_mine(found)):
            raise UsageError(f"{folder} is not a folder of yours", _TMPDIR)
        folder.chmod(0o700)
    except OSError as error:
        raise UsageError(f"can't make the folder {folder}: {error.strerror}", _TMPDIR) from None
    return folder


def read_all(file: int) -> bytes:
    with os.fdopen(os.dup(file), "rb") as reader:
        reader.seek(0)
        return reader.read()


def write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def append(file: int, data: bytes) -> None:
    """Add all of it, on the disk when this returns; on a full one nothing is added. OSError."""
    before = os.fstat(file).st_size
    try:
        write_all(file, data)
        os.fsync(file)
    except OSError:
        # A torn line would make one with the next, and the file be no checkpoint any more.
        os.ftruncate(file, before)
        raise
