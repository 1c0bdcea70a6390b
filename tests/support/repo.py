"""Real git repositories, made cheap: no template, fixed people and times."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from aethr.git import find

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from aethr.git import Repo

WHO = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in {
        "NAME": "t",
        "EMAIL": "t@example.com",
        "DATE": "2030-01-01T00:00:00Z",
    }.items()
}


class GitRepo:
    """A working tree and the environment of a user who has configured nothing."""

    def __init__(self, path: Path, *, init: bool = True) -> None:
        self.path = path
        home = path.parent / f"{path.name}.home"
        home.mkdir()
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CEILING_DIRECTORIES": str(path.parent),
        }
        path.mkdir(exist_ok=True)
        if init:
            self.git("init", "-q", "--template=", "--initial-branch=main")

    def git(self, *argv: str, stdin: bytes = b"") -> str:
        done = subprocess.run(
            ["git", *argv],
            cwd=self.path,
            env={**self.environ, **WHO},
            input=stdin,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode("utf-8", "surrogateescape")

    def write(self, files: Mapping[str, str | bytes]) -> None:
        for name, content in files.items():
            file = self.path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else content.encode())

    def commit(self, files: Mapping[str, str | bytes]) -> str:
        """Commit these files, and whatever else has changed; return the commit."""
        self.write(files)
        self.git("add", "--all")
        self.git("commit", "-qm", "more")
        return self.git("rev-parse", "HEAD").strip()

    def config(self, **values: str) -> None:
        """Set what a user sets for all of their repositories; ``_`` stands for a dot."""
        for name, value in values.items():
            self.git("config", "--global", name.replace("_", "."), value)

    def found(self) -> Repo:
        repo = find(self.path, self.environ)
        assert repo
        return repo

    def state(self) -> tuple[bytes, ...]:
        """Everything that git keeps, object files apart, byte for byte."""
        folder = self.path / ".git"
        kept = sorted(path for path in folder.rglob("*") if path.is_file())
        return tuple(
            str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes() for path in kept
        )
