"""GitHub's runner, as far as the example workflows use it: their shell parts run, in real clones.

Values of expressions come from a table of the test, actions and installed programs from those
below; what stands in none of them fails the test. A job has a machine of its own: a folder.
"""

from __future__ import annotations

import itertools
import re
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from tests.support.opencode import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

# Steps that are nothing else are skipped and counted: the test's PATH has what they install.
INSTALLS = ("pip install aethr", f"npm install -g opencode-ai@{VERSION}")
# As documented under `jobs.<job_id>.steps[*].shell`; without one, pipefail is off.
SHELLS = {"": ["bash", "-e"], "bash": ["bash", "--noprofile", "--norc", "-eo", "pipefail"]}
FILES = ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STEP_SUMMARY")
# What the runner registers; a line of either form is a command of a name that is here.
COMMANDS = re.findall(
    r"\S+",
    "add-mask add-matcher add-path debug echo endgroup error group notice remove-matcher"
    " save-state set-env set-output stop-commands warning",
)
_COMMAND = re.compile(r"^\s*::([\w-]+)(?: .*?)?::|##\[([\w-]+)[^]]*\]")


def commands(log: str) -> list[str]:
    """Give the lines that the runner would carry out (its ActionCommand.cs says which)."""
    found = ((line.strip(), _COMMAND.search(line)) for line in log.split("\n"))
    return [line for line, command in found if command and (command[1] or command[2]) in COMMANDS]


@dataclass
class Job:
    """One job on a machine of its own, and how it ended."""

    machine: Path
    result: str = "success"  # or "failure", "skipped": GitHub's words
    codes: list[int] = field(default_factory=list)
    log: str = ""
    installed: int = 0
    sarif: list[bytes] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)

    @property
    def work(self) -> Path:
        return self.machine / "work"

    @property
    def summary(self) -> str:
        return (self.machine / "GITHUB_STEP_SUMMARY").read_text("utf-8")


@dataclass
class Runner:
    """Runs a workflow over repositories, the first of which is the one that it stands in.

    ``ref`` is what a checkout without `repository` gets; ``artifacts`` has what was uploaded.
    """

    home: Path
    env: Mapping[str, str]
    repositories: Mapping[str, Path]
    expressions: Mapping[str, object]
    ref: str = "refs/heads/main"
    artifacts: dict[str, dict[str, bytes]] = field(default_factory=dict)

    def run(self, text: str) -> dict[str, Job]:
        """Run all jobs, each after those that it needs; of a matrix each as ``id (value)``."""
        workflow = yaml.safe_load(text)
        done: dict[str, Job] = {}
        for name, job in _in_order(workflow["jobs"]):
            matrix = job.get("strategy", {}).get("matrix", {})
            for index, values in enumerate(itertools.product(*matrix.values())):
                table = {f"matrix.{key}": one for key, one in zip(matrix, values, strict=True)}
                title = f"{name} ({', '.join(values)})" if values else name
                known = {**self.expressions, **table, "strategy.job-index": index}
                machine = self.home / f"machine-{len(done)}"
                done[title] = _JobRun(self, known, Job(machine)).run(workflow, job, done)
        return done


@dataclass
class _JobRun:
    runner: Runner
    known: Mapping[str, object]
    job: Job

    def run(self, workflow: Mapping[str, Any], job: Mapping[str, Any], done: dict[str, Job]) -> Job:
        needed = [done[name].result == "success" for name in _needs(job)]
        if not all(needed) or not self._holds(job.get("if", "true")):
            self.job.result = "skipped"
            return self.job
        for folder in ("work", "temp", "home"):
            (self.job.machine / folder).mkdir(parents=True)
        self.job.env = {**self._env(), **self._filled(workflow.get("env", {}))}
        self.job.env |= self._filled(job.get("env", {}))
        for step in job["steps"]:
            self._step(step)
        return self.job

    def _env(self) -> dict[str, str]:
        machine = self.job.machine
        for name in FILES:
            (machine / name).touch()
        return {
            **self.runner.env,
            **{name: str(machine / name) for name in FILES},
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_REF": self.runner.ref,
            "GITHUB_REPOSITORY": next(iter(self.runner.repositories)),
            "GITHUB_WORKSPACE": str(self.job.work),
            "HOME": str(machine / "home"),
            "RUNNER_TEMP": str(machine / "temp"),
            "TMPDIR": str(machine / "temp"),
        }

    def _step(self, step: Mapping[str, Any]) -> None:
        if self.job.result != "success" and not self._holds(step.get("if", "false")):
            return
        if step.get("run", "").strip() in INSTALLS:
            self.job.installed += 1
            return
        if "run" in step:
            passed = self._shell(step)
        else:
            name, _, version = step["uses"].partition("@")
            assert re.fullmatch(r"v\d+", version), f"not pinned by version: {step['uses']}"
            passed = ACTIONS[name](self, self._filled(step.get("with", {})))
        if not passed:
            self.job.result = "failure"

    def _shell(self, step: Mapping[str, Any]) -> bool:
        script = self.job.machine / "step.sh"
        script.write_text(self._fill(step["run"]), "utf-8")
        ran = subprocess.run(
            [*SHELLS[step.get("shell", "")], str(script)],
            cwd=self.job.work / step.get("working-directory", ""),
            env={**self.job.env, **self._filled(step.get("env", {}))},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=120,
            check=False,
        )
        self.job.log += ran.stdout.decode()
        self.job.codes.append(ran.returncode)
        for name in ("GITHUB_OUTPUT", "GITHUB_PATH"):
            assert not (self.job.machine / name).read_text(), f"{name} is not simulated"
        lines = (self.job.machine / "GITHUB_ENV").read_text().splitlines()
        self.job.env |= dict(line.split("=", 1) for line in lines)
        return ran.returncode == 0

    def _holds(self, condition: str) -> bool:
        literal = {"true": True, "false": False, "always()": True}
        return literal[condition] if condition in literal else bool(self._value(condition))

    def _value(self, expression: str) -> object:
        assert expression in self.known, f"not in the test's table: {expression}"
        return self.known[expression]

    def _fill(self, value: object) -> str:
        return re.sub(r"\$\{\{ *(.*?) *\}\}", lambda it: str(self._value(it[1])), str(value))

    def _filled(self, values: Mapping[str, object]) -> dict[str, str]:
        return {name: self._fill(value) for name, value in values.items()}

    # -- the actions ------------------------------------------------------------------

    def checkout(self, given: Mapping[str, str]) -> bool:
        """Fetch as the action does: one commit and no branch, unless the depth is 0."""
        own = next(iter(self.runner.repositories))
        origin = self.runner.repositories[given.get("repository", own)]
        folder = self.job.work / given.get("path", "")
        folder.mkdir(exist_ok=True)
        ref = "HEAD" if "repository" in given else self.runner.ref
        every = "+refs/heads/*:refs/remotes/origin/*"
        whole = given.get("fetch-depth") == "0"
        for line in (
            ["init", "-q"],
            ["remote", "add", "origin", f"file://{origin}"],
            *([["fetch", "-q", "origin", every]] if whole else []),
            ["fetch", "-q", *([] if whole else ["--depth=1"]), "origin", ref],
            ["checkout", "-q", "--detach", "FETCH_HEAD"],
        ):
            subprocess.run(["git", *line], cwd=folder, env=self.job.env, check=True)
        return True

    def installed(self, given: Mapping[str, str]) -> bool:
        """Leave it to the PATH of the test."""
        return bool(given)

    def upload(self, given: Mapping[str, str]) -> bool:
        """Keep copies; a name is given once, a file that is missing is a mere warning."""
        assert given["name"] not in self.runner.artifacts, "an artifact can't be changed"
        files = [self.job.work / name for name in given["path"].split()]
        kept = {file.name: file.read_bytes() for file in files if file.exists()}
        if kept:
            self.runner.artifacts[given["name"]] = kept
        return True

    def download(self, given: Mapping[str, str]) -> bool:
        kept = self.runner.artifacts.get(given["name"], {})
        for name, data in kept.items():
            (self.job.work / name).write_bytes(data)
        return bool(kept)

    def upload_sarif(self, given: Mapping[str, str]) -> bool:
        file = self.job.work / given["sarif_file"]
        if file.exists():
            self.job.sarif.append(file.read_bytes())
        return file.exists()


ACTIONS: Mapping[str, Callable[[_JobRun, Mapping[str, str]], bool]] = {
    "actions/checkout": _JobRun.checkout,
    "actions/download-artifact": _JobRun.download,
    "actions/setup-python": _JobRun.installed,
    "actions/upload-artifact": _JobRun.upload,
    "github/codeql-action/upload-sarif": _JobRun.upload_sarif,
}


def scripts(text: str) -> list[str]:
    """Give every shell script of a workflow."""
    jobs = yaml.safe_load(text)["jobs"].values()
    return [step["run"] for job in jobs for step in job["steps"] if "run" in step]


def _needs(job: Mapping[str, Any]) -> list[str]:
    needs = job.get("needs", [])
    return [needs] if isinstance(needs, str) else needs


def _in_order(jobs: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Give each job after those that it needs."""
    left = dict(jobs)
    while left:
        ready = [name for name, job in left.items() if not left.keys() & set(_needs(job))]
        assert ready, f"jobs need each other: {', '.join(left)}"
        for name in ready:
            yield name, left.pop(name)
