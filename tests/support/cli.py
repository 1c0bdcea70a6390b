"""The command line as a person types it: real processes in a clean environment."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PROJECT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Said:
    """What a process said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def command(self) -> str:
        """The command that the last lines offer for going on, for a shell."""
        pattern = r"^  ((?:AETHR_\w+=\S+ )*(?:aethr |inv aethr)(?:.*\\\n)*.*)$"
        found = re.search(pattern, self.err, re.MULTILINE)
        assert found, f"no command to go on in:\n{self.err}"
        return found[1]


class Shell:
    """A folder to work in and an environment of one's own; nothing of the machine's counts."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder = folder
        home.mkdir(exist_ok=True)
        (home / "tmp").mkdir(exist_ok=True)
        self.env = {
            "PATH": f"{BIN}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(home),
            "TMPDIR": str(home / "tmp"),
            "PYTHONWARNINGS": "error",
            "GIT_CONFIG_NOSYSTEM": "1",
        }

    @property
    def checkpoints(self) -> list[Path]:
        """The temporary checkpoints that are left."""
        return sorted(Path(self.env["TMPDIR"]).glob("aethr-*/*.jsonl"))

    def write(self, files: Mapping[str, str | bytes]) -> None:
        for name, content in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def run(
        self, *argv: str, stdin: str | None = None, cwd: str | None = None, **env: str | None
    ) -> Said:
        """Run a command; ``env`` is added to the environment, None takes a variable out."""
        changed = {**self.env, **{name: value for name, value in env.items() if value is not None}}
        for name in [name for name, value in env.items() if value is None]:
            changed.pop(name, None)
        done = subprocess.run(
            argv,
            cwd=self.folder / (cwd or ""),
            env=changed,
            input=(stdin or "").encode(),
            capture_output=True,
            timeout=120,
            check=False,
        )
        return Said(done.returncode, done.stdout.decode(), done.stderr.decode())

    def aethr(self, *argv: str, **options: str | None) -> Said:
        return self.run(sys.executable, "-m", "aethr", *argv, **options)

    def inv(self, *argv: str, **options: str | None) -> Said:
        return self.run(sys.executable, "-m", "invoke", *argv, **options)

    def sh(self, script: str, **options: str | None) -> Said:
        """Run what a person would paste into a shell, with ``aethr`` and ``inv`` at hand."""
        python = shlex.quote(sys.executable)
        names = f'aethr() {{ {python} -m aethr "$@"; }}\ninv() {{ {python} -m invoke "$@"; }}\n'
        return self.run("bash", "-c", names + script, **options)

    def git(self, *argv: str) -> str:
        settings = ("user.name=t", "user.email=t@example.com", "init.defaultBranch=main")
        said = self.run("git", *(word for one in settings for word in ("-c", one)), *argv)
        assert said.code == 0, said.err
        return said.out
