"""Files as they stood before they changed, to be put back: all or nothing."""

from __future__ import annotations

import shutil
from contextlib import suppress
from os.path import lexists
from typing import TYPE_CHECKING

from aethr import lockfile, scratch
from aethr.errors import AethrError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def refuse_unfinished(folder: Path) -> None:
    """Raise AethrError where copies are left: nobody knows which of the files are changed."""
    if lexists(folder):
        raise _unfinished(folder)


def _unfinished(folder: Path) -> AethrError:
    return AethrError(
        "another change of these files goes on, or was killed half way",
        f"the files as they were are in {folder}: copy back what you need, and remove that folder",
    )


class Before:
    """Copies of files below ``top``, byte for byte: what git puts back went through filters.

    They lie in ``folder`` as the files do below ``top``. A kill leaves them there, and keeps
    others from changing anything until somebody has looked. There need be no file where
    one of the ``names`` is that of a new one.
    """

    def __init__(self, top: Path, names: Sequence[str], folder: Path) -> None:
        self._folder = folder
        self._copies = {top / name: folder / name for name in names}
        parents = (parent for path in self._copies for parent in path.parents)
        self._new = {parent for parent in parents if not lexists(parent)}

    def keep(self) -> None:
        """Copy what is there. Raises AethrError."""
        lockfile.private_folder()
        try:
            self._folder.mkdir(mode=0o700)
            for path, copy in self._copies.items():
                if _is_a_file(path):
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(path, copy, follow_symlinks=False)
        except FileExistsError:
            raise _unfinished(self._folder) from None
        except OSError as error:
            self.forget()
            raise AethrError(f"can't copy {error.filename}: {error.strerror}") from None

    def forget(self) -> None:
        """Remove the copies: nothing is to be put back any more."""
        scratch.cleared(self._folder)

    def put_back(self) -> None:
        """Make everything as it was. Raises AethrError, which says where the copies are."""
        # A file may have become a folder, or a folder a file: what is new goes first.
        for path in self._copies:
            with suppress(OSError):
                path.unlink()
        for folder in sorted({*self._new, *self._copies}, reverse=True):
            with suppress(OSError):
                folder.rmdir()
        try:
            for path, copy in self._copies.items():
                if _is_a_file(copy):
                    path.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(copy, path, follow_symlinks=False)
        except OSError as error:
            raise AethrError(
                f"{error.filename} can't be put back: {error.strerror}",
                f"the files as they were are in {self._folder}",
            ) from None
        self.forget()


def _is_a_file(path: Path) -> bool:
    return path.is_symlink() or path.is_file()
