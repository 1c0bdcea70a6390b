"""Disks that are full and users who may not: both real, without a mount or another account."""

from __future__ import annotations

import os
import resource
import shutil
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.support.cli import Said, Shell

if TYPE_CHECKING:
    from collections.abc import Iterator

_LIMITED = """\
import os, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
os.execvp(sys.argv[2], sys.argv[2:])
"""


@contextmanager
def full_disk(at: int) -> Iterator[None]:
    """Let no file grow beyond so many bytes, in this process: a write beyond is an OSError."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (at, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def on_full_disk(shell: Shell, at: int, *argv: str, **options: str | None) -> Said:
    """Run ``aethr`` where no file grows beyond so many bytes."""
    python = [sys.executable, "-m", "aethr", *argv]
    return shell.run(sys.executable, "-c", _LIMITED, str(at), *python, **options)


class Powerless(Shell):
    """The shell of a user whom permissions stop, which root without its capabilities is."""

    def run(
        self, *argv: str, stdin: str | None = None, cwd: str | None = None, **env: str | None
    ) -> Said:
        drop = ("setpriv", "--inh-caps=-all", "--bounding-set=-all", "--")
        strip = drop if os.geteuid() == 0 and shutil.which("setpriv") else ()
        return super().run(*strip, *argv, stdin=stdin, cwd=cwd, **env)
