"""A GitLab pipeline, really run: gitlab-ci-local, each job by a shell in a copy of its own."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.npm import CACHE, absent

if TYPE_CHECKING:
    from tests.support.cli import Shell

VERSION = "4.63.0"
_FOLDER = CACHE / "gitlab-ci-local"
INSTALL = f"npm install --prefix {_FOLDER} gitlab-ci-local@{VERSION}"
_PROGRAM = _FOLDER / "node_modules" / ".bin" / "gitlab-ci-local"
_HOW = ("--force-shell-executor", "--shell-isolation", "--no-artifacts-to-source", "--no-color")


@dataclass(frozen=True)
class Pipeline:
    """How it ended: ``jobs`` says of each that ran whether it passed."""

    code: int
    jobs: dict[str, bool]
    log: str
    _artifacts: Path

    def artifact(self, job: str, name: str) -> Path:
        return self._artifacts / job / name


def pipeline(project: Shell, task: str, **env: str) -> Pipeline:
    """Start one by hand for a task, with ``env`` as the project's CI/CD variables."""
    if not _PROGRAM.is_file():
        absent(f"gitlab-ci-local is not installed: {INSTALL}")
    if not shutil.which("rsync"):
        absent("gitlab-ci-local needs rsync: apt-get install rsync")
    node = Path(shutil.which("node") or "node").parent
    env["PATH"] = f"{env.get('PATH', project.env['PATH'])}:{node}"
    ran = subprocess.run(
        [_PROGRAM, *_HOW, "--variable", f"AETHR_TASK={task}"],
        cwd=project.folder,
        env={**project.env, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,  # three jobs, each with a start or more of its own
        check=False,
    )
    found = re.findall(r"^ (PASS|FAIL)  (\S+)", ran.stdout, re.MULTILINE)
    jobs = {name: result == "PASS" for result, name in found}
    artifacts = project.folder / ".gitlab-ci-local" / "artifacts"
    return Pipeline(ran.returncode, jobs, ran.stdout, artifacts)
