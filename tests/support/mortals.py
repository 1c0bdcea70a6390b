"""Commands that are killed: a repository, an agent that counts its calls, and what is left."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from tests.support.cli import PROJECT, Shell
from tests.support.mortal import NEVER, Instant, Order
from tests.support.processes import alive, carriers, until

if TYPE_CHECKING:
    from collections.abc import Iterator

FLOW = """\
workflow: nested
roles: {planner: Plan., worker: Work., reviewer: Find defects.}
steps:
  - {id: plan, role: planner, backend: opencode, expect_changes: false}
  - {id: draft, role: worker, backend: opencode, context: ["step:plan"]}
  - id: polish
    role: worker
    backend: opencode
    expect_changes: false
    context: ["step:draft", latest_diff]
    repeat: {back_to: draft, until_contains: SMOOTH}
  - id: review
    role: reviewer
    backend: opencode
    expect_changes: false
    context: ["step:polish", latest_diff, run_diff]
    repeat: {back_to: draft, until_review_pass: true}
  - id: ship
    role: worker
    backend: opencode
    expect_changes: false
    context: [run_diff]
"""
INNER = ["draft", "polish", "draft", "polish"]
ORDER = ["plan", *INNER, "review", *INNER, "review", "ship"]


@dataclass
class Mortals:
    """Runs commands in one folder; ``kills`` counts those that a SIGKILL or the kernel ended."""

    shell: Shell
    _popen: subprocess.Popen[str] = field(repr=False)
    kills: int = 0

    @property
    def place(self) -> Path:
        return self.shell.folder.parent

    @property
    def file(self) -> Path:
        return self.place / "run.jsonl"

    def run(self, *argv: str, at: Instant = NEVER) -> int:
        """Run a command until it ends; give its exit code, or minus its signal."""
        order = Order(
            argv or ("run", "go", "--checkpoint", str(self.file)), str(self.shell.folder), at
        )
        cast("IO[str]", self._popen.stdin).write(order.line())
        cast("IO[str]", self._popen.stdin).flush()
        code = int(cast("IO[str]", self._popen.stdout).readline())
        self.kills += code < 0
        return code

    def said(self, stream: str) -> str:
        return (self.place / stream).read_text()

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The whole lines of the checkpoint."""
        data = self.file.read_bytes() if self.file.exists() else b""
        return [json.loads(line) for line in data.split(b"\n")[:-1]]

    @property
    def calls(self) -> list[list[str]]:
        log = self.place / "calls"
        return [line.split() for line in log.read_text().splitlines()] if log.exists() else []

    def results(self) -> list[list[object]]:
        """Give what must not depend on a kill: all but the time that a step took."""
        names = ("step_id", "number", "content", "verdict", "usage", "artifact")
        rows = [row for row in self.lines if row["kind"] == "result"]
        return [[row[name] for name in names] for row in rows]

    def begin_anew(self) -> None:
        """Forget a run and its work."""
        for name in ("run.jsonl", "calls", "project/notes.md"):
            (self.place / name).unlink(missing_ok=True)
        self.kills = 0

    def left(self) -> list[str]:
        """Name the files in the temporary folder, and the agents that still run."""
        tmp = Path(self.shell.env["TMPDIR"])
        # The private folder for temporary checkpoints stays, as one in ~/.cache would.
        files = [str(path.relative_to(tmp)) for path in tmp.glob("aethr-*/**/*")]
        files += [path.name for path in tmp.iterdir() if not path.name.startswith("aethr-")]
        markers = {row["marker"] for row in self.lines if row["kind"] == "start"}
        markers |= {marker for marker, _ in self.calls}
        agents = {pid for marker in markers for pid in carriers(marker) if alive(pid)}
        return files + [f"process {pid}" for pid in agents]


@contextmanager
def mortals(shell: Shell) -> Iterator[Mortals]:
    """Give the runs of a repository, live, with an agent whose answers are its prompt's."""
    place = shell.folder.parent
    program = place / "bin" / "opencode"
    program.parent.mkdir()
    source = Path(__file__).with_name("pure_opencode.py").read_text()
    program.write_text(f"#!{sys.executable} -IS\n{source}")
    program.chmod(0o755)
    env = {
        **shell.env,
        "PATH": f"{program.parent}:/usr/bin:/bin",
        "AETHR_LIVE": "1",
        "CALLS": str(place / "calls"),
        "PYTHONPATH": str(PROJECT),
    }
    shell.env |= env
    command = [sys.executable, "-m", "tests.support.mortal"]
    with subprocess.Popen(
        command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as popen:
        assert cast("IO[str]", popen.stdout).readline() == "ready\n"
        yield Mortals(shell, popen)
        cast("IO[str]", popen.stdin).close()
    until(lambda: popen.poll() is not None)
