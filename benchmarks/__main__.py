"""Every row beside its floor in the same run: ``python -m benchmarks [--runs N]``."""

from __future__ import annotations

import argparse
import compileall
import json
import math
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import aethr
from benchmarks.agent import beside_bare
from benchmarks.measure import RUNS, Command, Cost, side_by_side

if TYPE_CHECKING:
    from collections.abc import Mapping

PYTHON = sys.executable
SCRIPT = str(Path(PYTHON).with_name("aethr"))
GROWTH = (100, 1_000, 5_000)
TRACKED = 10_000
AGENT_MOST = 0.3  # seconds of CPU that a step may take beyond a bare run
# One step's workflow with a small diff; many steps without history.
ONE = """workflow: one
roles: {reviewer: "Find defects."}
models: {reviewer: "openai:gpt-4o-mini"}
steps: [{id: review, role: reviewer, context: [git_diff]}]
"""
THREE = """workflow: three
roles: {planner: "Plan.", implementer: "Do.", reviewer: "Find defects."}
models: {planner: "openai:a", implementer: "openai:b", reviewer: "openai:c"}
steps:
  - {id: plan, role: planner, context: [git_diff]}
  - {id: implement, role: implementer}
  - {id: review, role: reviewer, repeat: {back_to: implement, until_review_pass: true}}
"""


@dataclass(frozen=True)
class Row:
    """A measured command beside its floor. ``budget`` is the most that the ratio may be."""

    name: str
    floor_name: str
    budget: float
    cost: Cost
    floor: Cost
    wall: bool = False

    @property
    def seconds(self) -> tuple[float, float]:
        """The times that are compared, of CPU unless the row is about wall time."""
        kind = "wall" if self.wall else "cpu"
        return getattr(self.cost, kind), getattr(self.floor, kind)

    @property
    def ratio(self) -> float:
        ours, floor = self.seconds
        return ours / floor


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS)
    asked = parser.parse_args()
    # As pip does when it installs; stock invoke writes no bytecode of what it imports.
    compileall.compile_dir(str(Path(aethr.__file__).parent), quiet=2)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), asked.runs)
        rows = [*bench.rows(), *bench.trees()]
        agent = beside_bare(bench.repo, max(3, asked.runs // 2))
        growth = bench.growth()
    _print(rows)
    print(f"\n{growth.text}")
    if agent:
        ours, bare = (cost.cpu for cost in agent)
        print(
            f"an OpenCode step: {ours:.2f} s of CPU, bare `opencode run` {bare:.2f} s: "
            f"{ours - bare:+.2f} s (at most +{AGENT_MOST:.2f})"
        )
    results = {
        "python": sys.version.split()[0],
        "rows": [{**asdict(row), "ratio": round(row.ratio, 3)} for row in rows],
        "growth": asdict(growth),
        "agent": [asdict(cost) for cost in agent] if agent else None,
    }
    file = Path(__file__).with_name("results.json")
    file.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    held = agent is None or agent[0].cpu - agent[1].cpu <= AGENT_MOST
    return 0 if held and growth.linear and all(row.ratio <= row.budget for row in rows) else 1


@dataclass(frozen=True)
class Growth:
    """CPU seconds of mock runs by number of steps, above the start-up of one step."""

    seconds: Mapping[int, float]
    exponent: float

    @property
    def linear(self) -> bool:
        return self.exponent <= 1.05

    @property
    def text(self) -> str:
        steps = ", ".join(
            f"{n:,} steps {s:.2f} s ({1000 * s / n:.2f} ms a step)" for n, s in self.seconds.items()
        )
        return f"mock steps above start-up: {steps}; exponent {self.exponent:.2f} (at most 1.05)"


class Bench:
    """A small repository with a small diff, and the commands that are measured in it."""

    def __init__(self, folder: Path, runs: int) -> None:
        self.folder = folder
        self.runs = runs
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        }
        self.repo = folder / "repo"
        self._make_repo()

    def rows(self) -> list[Row]:
        bare = self._python("pass")
        invoke = self._python("import invoke")
        diff = self._python("import invoke, subprocess; subprocess.run(['git', 'diff'])")
        lists = Command((PYTHON, "-m", "invoke", "--list"), self._tasks("trivial", ""))
        ours = Command((PYTHON, "-m", "invoke", "--list"), self._tasks("ours", "import aethr\n"))
        return [
            self._row("version", bare, "python -c pass", 1.6, "version"),
            self._row("--help", invoke, "import invoke", 1.2, "--help"),
            self._row("init --list", invoke, "import invoke", 1.2, "init", "--list"),
            self._row("show", invoke, "import invoke", 1.5, "show"),
            self._row("check", invoke, "import invoke", 1.5, "check"),
            self._row(
                "run --show-prompt", diff, "the same and git diff", 1.5, "run", "--show-prompt", "x"
            ),
            self._row(
                "run, 3 mock steps",
                diff,
                "the same and git diff",
                1.6,
                "run",
                "-f",
                "three.yaml",
                "x",
            ),
            self._pair("inv --list", "inv --list, trivial tasks.py", 1.25, ours, lists),
        ]

    def trees(self) -> list[Row]:
        """Record two trees, as an agent step does, beside one ``git status``.

        Once where all files are tracked, and once, without a budget, where as
        many again are not.
        """
        big = self.folder / "big"
        self._fill(big)
        self._commit(big)
        (big / "d1/f1.txt").write_text("changed\n", encoding="utf-8")
        tracked = self._two_trees(big, f"2 trees, {TRACKED:,} tracked", 3)
        self._fill(big / "untracked")
        return [tracked, self._two_trees(big, f"and {TRACKED:,} untracked", math.inf)]

    def _fill(self, folder: Path) -> None:
        for place in range(TRACKED):
            file = folder / f"d{place % 100}" / f"f{place}.txt"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{place}\n" * 20, encoding="utf-8")

    def _two_trees(self, big: Path, name: str, budget: float) -> Row:
        code = (
            "import os, pathlib\nfrom aethr import git, scratch\nfrom aethr.trees import Trees\n"
            "here = pathlib.Path.cwd()\n"
            "trees = Trees(git.find(here, os.environ), scratch.of(here))\n"
        )
        twice = Command((PYTHON, "-c", f"{code}trees.record()\ntrees.record()"), big)
        status = Command(("git", "status", "--porcelain"), big)
        ready = Command((PYTHON, "-c", code), big)
        cost, floor, start = side_by_side([twice, status, ready], self.env, self.runs)
        own = Cost(cost.cpu - start.cpu, cost.wall - start.wall, cost.peak)
        return Row(name, "git status, wall", budget, own, floor, wall=True)

    def growth(self) -> Growth:
        commands = [self._steps(number) for number in (1, *GROWTH)]
        costs = side_by_side(commands, self.env, max(3, self.runs // 3))
        seconds = {n: cost.cpu - costs[0].cpu for n, cost in zip(GROWTH, costs[1:], strict=True)}
        first, last = GROWTH[0], GROWTH[-1]
        exponent = math.log(seconds[last] / seconds[first]) / math.log(last / first)
        return Growth(seconds, exponent)

    def _row(self, name: str, floor: Command, floor_name: str, budget: float, *argv: str) -> Row:
        command = Command((SCRIPT, *argv), self.repo)
        return self._pair(f"aethr {name}", floor_name, budget, command, floor)

    def _pair(
        self, name: str, floor_name: str, budget: float, command: Command, floor: Command
    ) -> Row:
        cost, below = side_by_side([command, floor], self.env, self.runs)
        return Row(name, floor_name, budget, cost, below)

    def _python(self, code: str) -> Command:
        return Command((PYTHON, "-c", code), self.repo)

    def _steps(self, number: int) -> Command:
        head = "workflow: many\nroles: {worker: Work.}\nmodels: {worker: 'openai:a'}\nsteps:\n"
        body = "".join(
            f"  - {{id: s{place}, role: worker, history_visibility: none}}\n"
            for place in range(number)
        )
        file = self.repo / f"many-{number}.yaml"
        file.write_text(head + body, encoding="utf-8")
        return Command((PYTHON, "-m", "aethr", "run", "-f", file.name, "x"), self.repo)

    def _tasks(self, name: str, first: str) -> Path:
        folder = self.folder / name
        folder.mkdir()
        (folder / ".aethr.yaml").write_text(THREE, encoding="utf-8")
        namespace = "ns = Collection(lint, aethr.collection())\n" if first else ""
        (folder / "tasks.py").write_text(
            f"from invoke import Collection, task\n{first}\n"
            f"@task\ndef lint(c):\n    pass\n\n{namespace}",
            encoding="utf-8",
        )
        return folder

    def _make_repo(self) -> None:
        self.repo.mkdir()
        files = {".aethr.yaml": ONE, "three.yaml": THREE, "app.py": "print('hi')\n" * 50}
        for name, text in files.items():
            (self.repo / name).write_text(text, encoding="utf-8")
        self._commit(self.repo)
        (self.repo / "app.py").write_text("print('ho')\n" * 50, encoding="utf-8")

    def _commit(self, folder: Path) -> None:
        who = ["-c", "user.name=b", "-c", "user.email=b@example.com"]
        for argv in (["init", "-q"], ["add", "-A"], [*who, "commit", "-qm", "begin"]):
            subprocess.run(["git", *argv], cwd=folder, env=self.env, check=True)


def _print(rows: list[Row]) -> None:
    print(f"{'command':26} {'CPU':>8} {'floor':>8} {'ratio':>6} {'budget':>6} {'MiB':>6}  floor is")
    for row in rows:
        ours, floor = row.seconds
        mark = "" if row.ratio <= row.budget else "  OVER"
        print(
            f"{row.name:26} {1000 * ours:5.0f} ms {1000 * floor:5.0f} ms "
            f"{row.ratio:6.2f} {row.budget:6.2f} {row.cost.peak:6.1f}  {row.floor_name}{mark}"
        )


if __name__ == "__main__":
    raise SystemExit(main())
