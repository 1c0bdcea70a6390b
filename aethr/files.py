"""Reading files of a project and never one outside it, nor one of its secrets."""

from __future__ import annotations

import codecs
import errno
import os
import stat
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from aethr.frozen import frozen
from aethr.material import Piece
from aethr.names import is_git_own, is_secret

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK = 1 << 16
_BINARY_IN = 8000  # git looks for a NUL in as many bytes
# Without O_NONBLOCK, opening a FIFO that nobody writes to waits for ever.
_READ = sum(getattr(os, name, 0) for name in ("O_RDONLY", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_FOLDER = getattr(os, "O_DIRECTORY", 0)


class Unread(Enum):
    """Why a file is not read."""

    SECRET = "a secret file"
    OUTSIDE = "outside the project root"
    GIT_OWN = "in .git"
    MISSING = "no such file"
    DIRECTORY = "a directory"
    SPECIAL = "no regular file"
    BINARY = "a binary file"
    DENIED = "not readable"


@frozen
class Place:
    """Where a file really is: names below ``root``, none of them a link when it was looked at."""

    root: Path
    parts: tuple[str, ...]


def read(root: Path, name: str, hold: int, most: int) -> Piece | Unread:
    """Read a file; its first ``hold`` characters are kept, at most ``most`` are counted."""
    place = locate(root, name)
    if isinstance(place, Unread):
        return place
    try:
        with opened(place) as file:
            mode = os.fstat(file).st_mode
            if stat.S_ISDIR(mode):
                return Unread.DIRECTORY
            if _is_env(file, place.root):
                return Unread.SECRET
            return _read(file, name, hold, most) if stat.S_ISREG(mode) else Unread.SPECIAL
    except (FileNotFoundError, NotADirectoryError):
        return Unread.MISSING
    except OSError as error:
        return Unread.SPECIAL if error.errno == errno.ENXIO else Unread.DENIED


def content(path: Path, most: int) -> bytes:
    """Give a file that is to be in the folder where its name stands, read whole.

    Raises OSError, whose ``strerror`` says why it is not read, also for a link out
    of the folder, what is no file, and one of more than ``most`` bytes.
    """
    top = path.parent.resolve()
    try:
        place = Place(top, path.resolve().relative_to(top).parts)
    except RuntimeError:  # up to Python 3.12
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from None
    except ValueError:
        # A cloned repository could pass its reader's own keys off as the project's.
        raise PermissionError(errno.EPERM, "it is a link out of the project") from None
    with opened(place) as file:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError(errno.EINVAL, "it is no file")
        with os.fdopen(os.dup(file), "rb") as reader:
            data = reader.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"it is larger than {most:,} bytes")
    return data


def locate(root: Path, name: str) -> Place | Unread:
    """Follow the links of a name to where the file is, if that may be read."""
    if is_secret(name):
        return Unread.SECRET
    top = root.resolve()
    try:
        parts = (top / name).resolve().relative_to(top).parts
    except ValueError:  # it is not below the root, or no name at all
        return Unread.OUTSIDE
    except (OSError, RuntimeError):  # links in a circle: RuntimeError up to Python 3.12
        return Unread.DENIED
    inner = "/".join(parts)
    if is_secret(inner):
        return Unread.SECRET
    if is_git_own(inner):
        return Unread.GIT_OWN
    return Place(top, parts) if parts else Unread.DIRECTORY


@contextmanager
def opened(place: Place) -> Iterator[int]:
    """Open a file at its place, and only there: a link put in the way since is an OSError."""
    by_steps = _NO_LINK and os.open in os.supports_dir_fd
    file = _descend(place) if by_steps else open_and_compare(place)
    try:
        yield file
    finally:
        os.close(file)


def _descend(place: Place) -> int:
    """Open folder by folder; whatever is swapped meanwhile, no step leaves the one before."""
    folder = os.open(place.root, _READ | _FOLDER)
    try:
        for part in place.parts[:-1]:
            inner = os.open(part, _READ | _FOLDER | _NO_LINK, dir_fd=folder)
            os.close(folder)
            folder = inner
        return os.open(place.parts[-1], _READ | _NO_LINK, dir_fd=folder)
    finally:
        os.close(folder)


def open_and_compare(place: Place) -> int:
    """Open, then look again: for systems that can't open relative to a folder."""
    path = place.root.joinpath(*place.parts)
    file = os.open(path, _READ)
    try:
        if path.resolve() == path and os.path.samestat(os.fstat(file), path.lstat()):
            return file
    except (OSError, RuntimeError):
        pass
    os.close(file)
    raise PermissionError(errno.EACCES, "a link was put in its way", str(path))


def _is_env(file: int, root: Path) -> bool:
    """Whether it is the project's ``.env`` under another name: a hard link, which no path tells."""
    found = os.fstat(file)
    try:
        return found.st_nlink > 1 and os.path.samestat(found, (root / ".env").stat())
    except OSError:
        return False


def _read(file: int, name: str, hold: int, most: int) -> Piece | Unread:
    data = os.read(file, _CHUNK)
    if b"\0" in data[:_BINARY_IN]:
        return Unread.BINARY
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    texts, size = [], 0
    while size <= most:
        text = decoder.decode(data, final=not data)
        texts.append(text[: max(0, hold - size)])
        size += len(text)
        if not data:
            return Piece.read(name, "".join(texts), size)
        data = os.read(file, _CHUNK)
    return Piece.read(name, "".join(texts), most, more=True)


def walk(root: Path) -> Iterator[str]:
    """Yield the names of all files below a folder; links are not followed."""
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not is_git_own(name)]
        inside = "" if folder == str(root) else f"{Path(folder).relative_to(root).as_posix()}/"
        yield from (inside + name for name in names if not is_git_own(name))
