"""The example workflows for GitHub: held against other people's checks, and run job by job."""

from __future__ import annotations

import json
import shutil
import subprocess
from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.support import report_tools
from tests.support.actionlint import actionlint, shellcheck
from tests.support.actions import INSTALLS, Runner, commands, scripts
from tests.support.agent import BEGUN, FakeOpenCode, text, turn
from tests.support.cli import BIN, PROJECT, Shell
from tests.support.live import ANTHROPIC_KEY, OPENAI_KEY
from tests.support.live import live as pointing
from tests.support.llm_script import said
from tests.support.llm_server import LLMServer
from tests.test_run import PASS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.support.actions import Job

EXAMPLE = PROJECT / "examples" / "github-actions"
FILES = sorted((EXAMPLE / ".github" / "workflows").glob("*.yml"))
LIVE = 'AETHR_LIVE: "1"'
ANNOTATED = ["::error file=src/app.py,line=1::too loud: 100%25"]
FOUND = "::set-output name=x::y\n##[add-mask]e\n- [high] src/app.py:1: too loud: 100%\n"
REVISE = f"{FOUND}Review status: revise"
EXPRESSIONS = {
    "github.event.pull_request.head.repo.full_name == github.repository": True,
    "inputs.task": "add a $(touch pwned) flag",
    "secrets.ANTHROPIC_API_KEY": ANTHROPIC_KEY,
    "secrets.OPENAI_API_KEY": OPENAI_KEY,
}


class Hub:
    """A host with repositories, whose runners ask a scripted model and agent."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.agent = FakeOpenCode(folder / "agent")
        self.agent.folder.mkdir()
        self.runners = 0

    def repository(self, name: str, files: Mapping[str, str], example: Path | None = None) -> Shell:
        shell = Shell(self.folder / name, self.folder / "home")
        if example:
            shutil.copytree(example, shell.folder)
        shell.folder.mkdir(exist_ok=True)
        shell.git("init", "-q")
        for key, value in {"user.name": "t", "user.email": "t@example.com"}.items():
            shell.git("config", key, value)
        self.commit(shell, files)
        return shell

    @staticmethod
    def commit(shell: Shell, files: Mapping[str, str]) -> None:
        shell.write(files)
        shell.git("add", "-A")
        shell.git("commit", "-qm", "work")

    def run(
        self,
        name: str,
        server: LLMServer | None = None,
        *,
        pull: bool = False,
        live: bool = True,
        known: Mapping[str, object] = MappingProxyType({}),
    ) -> tuple[Runner, dict[str, Job]]:
        """Run a workflow, on main or for the pull request; `known` are values of expressions."""
        self.runners += 1
        home = self.folder / f"runner-{self.runners}"
        places = {"us/own": "own", "example/one": "one", "example/two": "two"}
        repositories = {name: self.folder / place for name, place in places.items()}
        edit = ["edit", "src/app.py", "print('HI')\n"]
        acts = self.agent.env(BEGUN, edit, text("Done."), turn())
        shell = Shell(self.folder, self.folder / "home")
        path = f"{acts['PATH'].split(':')[0]}:{shell.env['PATH']}"
        pointed = pointing(server) if server else {}
        url = {name: value for name, value in pointed.items() if "_BASE" in name}
        env = {**shell.env, **acts, **url, "PATH": path}
        ref = "refs/pull/1/merge" if pull else "refs/heads/main"
        runner = Runner(home, env, repositories, {**EXPRESSIONS, **known}, ref)
        source = (EXAMPLE / ".github" / "workflows" / name).read_text("utf-8")
        return runner, runner.run(source if live else source.replace(LIVE, 'AETHR_LIVE: "0"'))


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    """Give a host with this example on main, and a pull request that changes the program."""
    hub = Hub(tmp_path)
    own = hub.repository("own", {"src/app.py": "print('hi')\n", "README.md": "# demo\n"}, EXAMPLE)
    own.git("checkout", "-q", "-b", "topic")
    lenient = (EXAMPLE / ".aethr.yaml").read_text().replace("real defects", "nothing at all")
    hub.commit(own, {"src/app.py": "print('HI')\n", ".aethr.yaml": lenient})
    own.git("checkout", "-q", "main")
    hub.commit(own, {"later.txt": "later\n"})
    own.git("checkout", "-q", "--detach")
    own.git("merge", "-q", "--no-edit", "topic")
    own.git("update-ref", "refs/pull/1/merge", "HEAD")
    own.git("checkout", "-q", "main")
    return hub


class TestFiles:
    def test_others_find_nothing_wrong(self) -> None:
        assert actionlint(*FILES) == ""
        schema = ("--builtin-schema", "vendor.github-workflows")
        argv = [str(BIN / "check-jsonschema"), *schema, *map(str, FILES)]
        checked = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout

    @pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
    def test_the_shell_parts_are_sound_and_hold_no_expression(self, file: Path) -> None:
        for script in scripts(file.read_text("utf-8")):
            assert shellcheck(script) == ""
            assert "${{" not in script

    @pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
    def test_every_job_can_do_as_little_as_it_needs(self, file: Path) -> None:
        workflow = yaml.safe_load(file.read_text("utf-8"))
        assert workflow["permissions"] == {"contents": "read"}
        rights = [job["permissions"] for job in workflow["jobs"].values() if "permissions" in job]
        upload = {"contents": "read", "security-events": "write", "actions": "read"}
        assert rights == ([upload] if file.stem == "review" else [])
        assert "pull_request_target" not in workflow[True]  # `on`, to YAML 1.1
        for job in workflow["jobs"].values():
            for step in job["steps"]:
                if "checkout" in step.get("uses", ""):
                    assert step["with"]["persist-credentials"] is False

    def test_the_checks_would_see_a_mistake(self, tmp_path: Path) -> None:
        bad = tmp_path / "bad.yml"
        wrong = FILES[-1].read_text().replace("if: always()", "if: alway()", 1)
        bad.write_text(wrong)
        assert 'undefined function "alway"' in actionlint(bad)
        assert "SC2086" in shellcheck("rm $1")


class TestReview:
    @pytest.mark.fault("fail closed", "no pass", "the review of a pull request in GitHub Actions")
    def test_a_review_that_does_not_pass_fails_the_job_and_is_reported(self, hub: Hub) -> None:
        with LLMServer(said(REVISE)) as server:
            runner, jobs = hub.run("review.yml", server, pull=True)
            (prompt,) = server.prompts
        job = jobs["review"]
        assert (job.result, job.codes, job.installed) == ("failure", [3], 1), job.log
        assert "-print('hi')\n+print('HI')" in prompt
        assert "later.txt" not in prompt
        assert "You find real defects" in prompt.split("# ")[1]  # main's, not the pull request's
        (document,) = map(json.loads, job.sarif)
        assert not list(report_tools.sarif_schema().iter_errors(document))
        assert len(document["runs"][0]["results"]) == 1
        assert job.summary.rstrip() == runner.artifacts["review"]["review.md"].decode().rstrip()
        assert "Review status: revise" in job.summary
        assert commands(job.log) == ANNOTATED

    @pytest.mark.fault("fail closed", "no answer", "a pull request's review without its secret")
    def test_a_secret_that_is_not_set_fails_the_job(self, hub: Hub) -> None:
        unset = {"secrets.OPENAI_API_KEY": ""}
        _, jobs = hub.run("review.yml", pull=True, known=unset)
        assert (jobs["review"].result, jobs["review"].codes) == ("failure", [2])
        assert "OPENAI_API_KEY" in jobs["review"].log

    def test_a_fork_starts_nothing(self, hub: Hub) -> None:
        (fork,) = [name for name in EXPRESSIONS if "head.repo" in name]
        _, jobs = hub.run("review.yml", pull=True, known={fork: False})
        assert jobs["review"].result == "skipped"


class TestChain:
    @pytest.mark.parametrize(
        ("answer", "result"), [(PASS, "success"), (REVISE, "failure")], ids=["pass", "revise"]
    )
    def test_the_checkpoint_goes_from_job_to_job(self, hub: Hub, answer: str, result: str) -> None:
        with LLMServer(said("Plan: shout."), said(answer)) as server:
            runner, jobs = hub.run("chain.yml", server)
            plan, review = server.prompts
        ends = [(name, job.result) for name, job in jobs.items()]
        log = "\n".join(job.log for job in jobs.values())
        assert ends == [("plan", "success"), ("implement", "success"), ("review", result)], log
        assert "add a $(touch pwned) flag" in plan
        assert "+print('HI')" in review
        assert "warning" not in log
        assert commands(log) == (ANNOTATED if answer == REVISE else [])
        assert [*runner.artifacts] == ["planned", "implemented", "reviewed"]
        (call,) = [call for call in hub.agent.calls if call["argv"][:2] != ["run", "--help"]]
        assert "Plan: shout." in call["stdin"]
        assert call["ANTHROPIC_API_KEY"] == ANTHROPIC_KEY
        assert "OPENAI_API_KEY" not in call
        assert [job.installed for job in jobs.values()] == [1, 2, 1]
        self.is_put_on(hub, runner)

    @staticmethod
    def is_put_on(hub: Hub, runner: Runner) -> None:
        """The last artifact holds the patch, for a person's clone."""
        own = Shell(hub.folder / "own", hub.folder / "home")
        run = runner.artifacts["reviewed"]["run.jsonl"].decode()
        assert own.aethr("apply", "-", stdin=run).out == "src/app.py +1 -1\n"
        assert (own.folder / "src/app.py").read_text() == "print('HI')\n"

    def test_a_step_that_fails_stops_the_chain(self, hub: Hub) -> None:
        runner, jobs = hub.run("chain.yml", known={"secrets.OPENAI_API_KEY": ""})
        assert [job.result for job in jobs.values()] == ["failure", "skipped", "skipped"]
        assert not runner.artifacts


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_in_mock_mode_it_runs_to_its_end_without_a_key(hub: Hub, file: Path) -> None:
    for name in ("one", "two"):
        hub.repository(name, {".github/workflows/a.yml": "on: push\n"})
    unset = dict.fromkeys(("secrets.OPENAI_API_KEY", "secrets.ANTHROPIC_API_KEY"), "")
    _, jobs = hub.run(file.name, live=False, pull=True, known=unset)
    assert {job.result for job in jobs.values()} == {"success"}
    assert all(" · mock" in job.log for job in jobs.values())
    assert not hub.agent.calls


def test_one_repository_of_a_fleet_hides_no_other(hub: Hub) -> None:
    workflow = {".github/workflows/a.yml": "on: pull_request_target\n"}
    hub.repository("one", {**workflow, ".aethr.yaml": "of another kind\n"})
    hub.repository("two", {".github/workflows/b.yaml": "on: push\n"})
    with LLMServer(said(REVISE), said(PASS)) as server:
        runner, jobs = hub.run("fleet.yml", server)
        one, two = server.prompts
    assert "on: pull_request_target" in one
    assert "on: push" in two
    assert [job.result for job in jobs.values()] == ["failure", "success"]
    assert [*jobs] == ["audit (example/one)", "audit (example/two)"]
    for index in (0, 1):
        assert runner.artifacts[f"audit-{index}"].keys() == {"audit.md", "audit.sarif"}


class TestRunner:
    """The stand-in itself: what it does not know is no success."""

    def job(self, hub: Hub, *steps: str) -> Job:
        env = Shell(hub.folder, hub.folder / "home").env
        runner = Runner(hub.folder / "r", env, {"us/own": hub.folder / "own"}, {"known": "a b"})
        jobs = f"{{one: {{env: {{A: job}}, steps: [{', '.join(steps)}]}}}}"
        return runner.run(f"jobs: {jobs}\nenv: {{A: top, B: top}}")["one"]

    def test_env_has_three_levels_and_grows(self, hub: Hub) -> None:
        says = 'echo "$A $B $C"'
        first = f"{{run: '{says}; echo C=set >> $GITHUB_ENV', env: {{B: '${{{{ known }}}}'}}}}"
        assert self.job(hub, first, f"{{run: '{says}'}}").log == "job a b \njob top set\n"

    def test_after_a_failure_only_always_runs(self, hub: Hub) -> None:
        steps = ("{run: 'false; echo on'}", "{run: echo no}", "{run: echo yes, if: always()}")
        job = self.job(hub, *steps)
        assert (job.result, job.log, job.codes) == ("failure", "yes\n", [1, 0])

    @pytest.mark.parametrize(("shell", "code"), [("", 0), (", shell: bash", 1)])
    def test_pipefail_is_githubs(self, hub: Hub, shell: str, code: int) -> None:
        assert self.job(hub, f"{{run: 'false | true'{shell}}}").codes == [code]

    @pytest.mark.parametrize(
        "step",
        [
            "{run: 'echo ${{ unknown }}'}",
            "{run: 'false'}, {run: 'true', if: failure()}",
            "{uses: actions/checkout@main}",
            "{run: 'echo x=y >> $GITHUB_OUTPUT'}",
        ],
    )
    def test_what_it_does_not_know_fails(self, hub: Hub, step: str) -> None:
        with pytest.raises(AssertionError):
            self.job(hub, step)

    def test_installs_are_exact(self, hub: Hub) -> None:
        job = self.job(hub, *(f"{{run: '{line}'}}" for line in INSTALLS))
        assert (job.installed, job.codes) == (2, [])

    @pytest.mark.parametrize(
        ("line", "is_one"),
        [
            ("::error file=a::x", True),
            ("  ::add-mask::x", True),
            ("a line with ##[group]x", True),
            ("::nothing::x", False),
            ("a ::error::x", False),
        ],
    )
    def test_commands_are_the_runners(self, line: str, is_one: bool) -> None:
        assert commands(line) == ([line.strip()] if is_one else [])
