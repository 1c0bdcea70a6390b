"""Limits of cost, tokens, time and calls: no call beyond one, and no call goes uncounted."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aethr import limits
from aethr.backends.model import ModelBackend
from aethr.errors import UsageError
from aethr.limits import LimitReached
from aethr.options import Request
from aethr.results import NOTHING_USED, Call, Usage
from aethr.settings import Settings
from aethr.spent import Spent
from aethr.workflow import Limits, ModelRef, Step
from tests.support.agent import BEGUN, GOOD, FakeOpenCode, error, text, turn
from tests.support.live import OPENAI_KEY, live
from tests.support.llm_script import Reply, refusal, said
from tests.support.llm_server import LLMServer
from tests.support.output import Heard
from tests.support.processes import until
from tests.support.workflow_files import SCHEMA
from tests.test_run import REVISE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.agent import Act
    from tests.support.cli import Said, Shell

STEPS = """\
steps:
  - {id: a, role: worker, backend: opencode}
  - {id: b, role: worker, backend: opencode}
  - {id: c, role: worker, backend: opencode}
"""
FLOW = "workflow: three\nroles: {worker: Work.}\n" + STEPS
# What one of these steps takes: $0.00321 and 1,050 tokens.
KEEP = ("--checkpoint", "c.jsonl")

fault = pytest.mark.fault


class Project:
    """A folder with a workflow whose steps are done by a stand-in, which plays ``acts``."""

    def __init__(self, shell: Shell, fake: FakeOpenCode) -> None:
        self.shell = shell
        self.fake = fake
        self.acts: list[Act] = GOOD

    def flow(self, limits: str = "", steps: str = STEPS) -> None:
        top = f"limits: {{{limits}}}\n" if limits else ""
        self.shell.write({".aethr.yaml": FLOW.replace(STEPS, top + steps)})

    @property
    def env(self) -> dict[str, str]:
        return {"AETHR_LIVE": "1", **self.fake.env(*self.acts)}

    def aethr(self, *argv: str) -> Said:
        return self.shell.aethr(*argv, **self.env)

    def go_on(self, before: Said) -> Said:
        """Paste the command that the run before printed."""
        return self.shell.sh(before.command, **{**self.env, "AETHR_LIVE": None})

    @property
    def called(self) -> int:
        return sum(call["argv"][0] == "run" for call in self.fake.calls)

    def lines(self, *kinds: str) -> list[dict[str, Any]]:
        rows = map(json.loads, (self.shell.folder / "c.jsonl").read_text().splitlines())
        return [row for row in rows if row["kind"] in kinds]


@pytest.fixture
def project(repo: Shell, tmp_path: Path) -> Project:
    (tmp_path / "fake").mkdir()
    made = Project(repo, FakeOpenCode(tmp_path / "fake"))
    made.flow()
    repo.write({"tasks.py": "import aethr\nfrom invoke import Collection\n"
                "ns = Collection(aethr.collection())\n"})  # fmt: skip
    return made


def stopped(run: Said) -> str:
    """Give the figure of a run that a limit stopped."""
    assert run.code == 1, run.err
    found = re.search(r"^error: limit reached: (.*)$", run.err, re.MULTILINE)
    assert found, run.err
    return found[1]


REACHED = {
    "cost": ("0.005", "cost $0.0064 of $0.0050"),
    "tokens": ("1500", "tokens 2,100 of 1,500"),
    "calls": ("2", "calls 2 of 2"),
}


@fault("fail closed", "a limit is reached", "agent steps that use it up, by file and by option")
@pytest.mark.parametrize("door", ["file", "option"])
@pytest.mark.parametrize("name", REACHED)
def test_a_limit_stops_the_run_and_raised_it_goes_on(
    project: Project, name: str, door: str
) -> None:
    limit, figure = REACHED[name]
    project.flow(f"{name}: {limit}" if door == "file" else "")
    run = project.aethr("run", "go", *([f"--max-{name}", limit] if door == "option" else []))
    assert stopped(run) == figure
    assert f"hint: raise --max-{name}, or `{name}` under `limits` in the workflow file" in run.err
    assert "2 of 3 steps are done and kept. To go on:" in run.err
    assert project.called == 2
    assert f"--max-{name}" in run.command
    done = project.go_on(run)
    assert done.code == 0, done.err
    assert project.called == 3


@fault("fail closed", "a limit is reached", "a limit of time that is over at once")
def test_time_counts_in_each_process_anew(project: Project) -> None:
    project.flow("time: 0.000001, calls: 3")
    run = project.aethr("run", "go")
    assert re.fullmatch(r"time [\d.]+ s of 0.0 s", stopped(run))
    assert "a call of aethr has its own time" in run.err
    assert not project.called
    assert "--max-time" not in run.command
    done = project.shell.sh(f"{run.command} --max-time 1h30m", **project.env)
    assert done.code == 0, done.err


def test_several_limits_are_named_together(project: Project) -> None:
    project.flow("cost: 0.001, calls: 1, tokens: 5000")
    run = project.aethr("run", "go")
    assert stopped(run) == "cost $0.0032 of $0.0010, calls 1 of 1"
    assert project.go_on(run).code in {0, 1}
    assert project.called > 1


@pytest.mark.parametrize("door", ["aethr", "inv"])
def test_an_option_beats_the_file(project: Project, door: str) -> None:
    project.flow("calls: 1")
    argv = {"aethr": ("aethr", "run", "go"), "inv": ("inv", "aethr.run", "go")}[door]
    tried = project.shell.sh(" ".join([*argv, "--max-calls", "2"]), **project.env)
    assert stopped(tried) == "calls 2 of 2"
    assert tried.command.startswith("AETHR_LIVE=1 " + " ".join(argv[:-1]))
    assert project.go_on(tried).code == 0


@fault("nothing lost", "a limit is reached", "the refused step leaves neither a start nor a tree")
def test_a_step_is_not_half_started(project: Project) -> None:
    project.flow("calls: 1")
    stopped(project.aethr("run", "go", *KEEP))
    kinds = [row["kind"] for row in project.lines("start", "call", "result", "failure")]
    assert kinds == ["start", "call", "result"]
    assert stopped(project.aethr("run", *KEEP)) == "calls 1 of 1"
    assert len(project.lines("start")) == 1


def test_a_limit_that_the_last_step_reaches_stops_nothing(project: Project) -> None:
    project.flow("calls: 3, cost: 0.009, tokens: 3150")
    run = project.aethr("run", "go")
    assert run.code == 0, run.err
    assert "limits: $0.0090 · 3,150 tokens · 3 calls" in run.err
    assert "3,000 / 150 tokens · $0.0096" in run.err


def test_a_failure_keeps_the_limits_in_its_command(project: Project) -> None:
    project.acts = [BEGUN, error("boom", statusCode=500)]
    failed = project.aethr("run", "go", "--max-calls", "2", "--max-cost", "1")
    assert "--max-cost 1 --max-calls 2" in failed.command
    assert project.go_on(failed).code == 1
    assert stopped(project.go_on(failed)) == "calls 2 of 2"


def test_loops_spend_too(project: Project) -> None:
    project.acts = [BEGUN, text(REVISE), turn()]
    loop = "repeat: {back_to: a, until_review_pass: true, max_iterations: 9}"
    review = f"  - {{id: r, role: worker, backend: opencode, {loop}}}\n"
    project.flow("calls: 5", STEPS.partition("  - {id: b")[0] + review)
    run = project.aethr("run", "go")
    assert stopped(run) == "calls 5 of 5"
    assert stopped(project.go_on(run)) == "calls 10 of 10"


# One checkpoint, many processes


def test_steps_of_several_processes_share_the_limits_of_their_checkpoint(project: Project) -> None:
    project.flow("calls: 1")
    assert project.aethr("step", "a", "go", *KEEP).code == 0
    refused = project.aethr("step", "b", *KEEP)
    assert stopped(refused) == "calls 1 of 1"
    assert refused.command.startswith("AETHR_LIVE=1 aethr step b --max-calls 2")
    assert project.go_on(refused).code == 0
    assert [row["step_id"] for row in project.lines("result")] == ["a", "b"]


def test_a_limit_given_to_the_first_task_of_a_call_holds_for_the_next(project: Project) -> None:
    tasks = "aethr.step a --text go --max-calls 1 aethr.step b"
    run = project.shell.sh(f"inv {tasks}", **project.env)
    assert stopped(run) == "calls 1 of 1"
    assert project.called == 1
    again = project.shell.sh(f"inv {tasks} --max-calls 2 aethr.steps.c", **project.env)
    assert stopped(again) == "calls 2 of 2"
    assert project.called == 3


def test_going_back_with_from_counts_what_was_spent_before(project: Project) -> None:
    stopped(project.aethr("run", "go", *KEEP, "--max-calls", "2"))
    again = project.aethr("run", "--from", "a", *KEEP, "--max-calls", "2")
    assert stopped(again) == "calls 2 of 2"
    assert "--from a" in again.command
    assert stopped(project.go_on(again)) == "calls 4 of 4"
    assert [row["step_id"] for row in project.lines("result")] == ["a", "b", "a", "b"]


@fault("fail closed", "a limit is reached", "failed steps whose cost the agent told")
def test_failed_steps_count(project: Project) -> None:
    project.acts = [BEGUN, turn("tool-calls"), error("boom", statusCode=500)]
    for _ in range(2):
        assert "failed: 500" in project.aethr("run", "go", *KEEP, "--max-cost", "0.006").err
    run = project.aethr("run", *KEEP, "--max-cost", "0.006")
    assert stopped(run) == "cost $0.0064 of $0.0060"
    assert project.called == 2
    project.acts = GOOD
    done = project.aethr("run", *KEEP, "--max-cost", "1", "--max-calls", "9")
    assert done.code == 0, done.err
    assert "5,000 / 250 tokens + 2 calls of unknown size" in done.err
    assert "$0.0161 + 2 calls of unknown cost" in done.err


@fault("fail closed", "SIGKILL in flight", "an agent's call that was told of in part, then a limit")
@pytest.mark.parametrize(
    ("limit", "figure"),
    [("calls 1", "calls 1 of 1"), ("cost 0.003", "cost $0.0032 of $0.0030")],
)
def test_a_kill_in_flight_does_not_lose_the_count(
    project: Project, limit: str, figure: str
) -> None:
    project.acts = [BEGUN, turn("tool-calls"), ["hang"]]
    process = subprocess.Popen(
        [sys.executable, "-m", "aethr", "run", "go", *KEEP],
        cwd=project.shell.folder,
        env={**project.shell.env, **project.env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    path = project.shell.folder / "c.jsonl"
    until(lambda: path.exists() and '"used"' in path.read_text())
    process.kill()
    process.wait()
    project.acts = GOOD
    option, value = limit.split()
    run = project.aethr("run", *KEEP, f"--max-{option}", value)
    assert stopped(run) == figure
    assert project.called == 1
    assert project.go_on(run).code in {0, 1}
    assert project.called > 1


@fault("nothing lost", "an older checkpoint", "a file without a line for each call, resumed")
def test_a_checkpoint_without_lines_of_calls_goes_on(project: Project) -> None:
    stopped(project.aethr("run", "go", *KEEP, "--max-calls", "2"))
    path = project.shell.folder / "c.jsonl"
    rows = path.read_text().splitlines(keepends=True)
    path.write_text("".join(row for row in rows if '"kind":"call"' not in row))
    assert stopped(project.aethr("run", *KEEP, "--max-calls", "2")) == "calls 2 of 2"
    done = project.aethr("run", *KEEP, "--max-calls", "3")
    assert done.code == 0, done.err
    assert "$0.0096" in done.err


@fault("nothing lost", "an older checkpoint", "a file without a line for each call, resumed")
def test_results_of_the_older_form_count(project: Project) -> None:
    used = {"input_tokens": 10, "output_tokens": 5, "cost": 3.0}
    rows = json.dumps([{"step_id": "a", "content": "done", "usage": used}])
    argv = ("run", "go", "--resume-checkpoint", rows)
    refused = project.aethr(*argv, "--max-cost", "2", "--max-calls", "1")
    assert stopped(refused) == "cost $3.00 of $2.00, calls 1 of 1"
    assert "--max-cost 5.00" in refused.command
    done = project.go_on(refused)
    assert stopped(done) == "calls 2 of 2"
    assert project.go_on(done).code == 0


# What is said


def test_nothing_may_be_spent(project: Project) -> None:
    for name in ("cost", "tokens", "calls"):
        project.flow(f"{name}: 0")
        run = project.aethr("run", "go", *KEEP)
        assert re.fullmatch(rf"{name} (\$0.00|0) of (\$0.00|0)", stopped(run))
        assert "0 of 3 steps are done and kept" in run.err
        assert not project.called
        (project.shell.folder / "c.jsonl").unlink()


def test_mock_runs_know_no_limits(project: Project) -> None:
    project.flow("cost: 0, calls: 0")
    run = project.shell.aethr("run", "go", "--max-tokens", "0")
    assert run.code == 0, run.err
    assert "limit" not in run.err
    assert "limits: $0.00 · 0 calls" in project.shell.aethr("show").out


def test_a_limit_of_cost_says_that_agents_tell_theirs_afterwards(project: Project) -> None:
    project.acts = [BEGUN, text("Done."), turn(cost=0)]
    run = project.aethr("run", "go", "--max-cost", "2")
    assert run.err.count("warning: the cost of opencode is known only when its step is done") == 1
    assert "3,000 / 150 tokens · cost unknown" in run.err
    assert "known only when" not in project.aethr("run", "go", "--max-calls", "9").err


@fault("fail closed", "an impossible usage", "less than nothing, no number, more than there is")
@pytest.mark.parametrize("cost", [-5, float("nan"), 1e400])
def test_a_cost_that_can_not_be_is_unknown(project: Project, cost: float) -> None:
    project.acts = [BEGUN, text("Done."), turn(cost=cost)]
    run = project.aethr("run", "go", "--until", "a", *KEEP)
    assert run.code == 0, run.err
    assert "a: done · " in run.err
    assert run.err.count("1,000 / 50 tokens · cost unknown") == 2
    assert stopped(project.aethr("run", *KEEP, "--max-calls", "1")) == "calls 1 of 1"


@fault("fail closed", "an impossible usage", "less than nothing, no number, more than there is")
def test_tokens_without_end_are_an_event_that_can_not_be_read(project: Project) -> None:
    project.acts = [BEGUN, text("Done."), turn(tokens={"input": 1e400})]
    assert "opencode sent an event that can't be read" in project.aethr("run", "go").err


WRONG = [
    ("--max-cost", "-1", "a number of US dollars, 0 or more, not `-1`"),
    ("--max-cost", "$2", "a number of US dollars, 0 or more, not `$2`"),
    ("--max-cost", "nan", "a number of US dollars, 0 or more, not `nan`"),
    ("--max-cost", "1e400", "a number of US dollars, 0 or more, not `1e400`"),
    ("--max-tokens", "1.5", "a whole number of tokens, 0 or more, not `1.5`"),
    ("--max-tokens", "9" * 30, f"a whole number of tokens, 0 or more, not `{'9' * 30}`"),
    ("--max-calls", "٣", "a whole number of calls, 0 or more, not `٣`"),
    ("--max-calls", "many\nand more", "a whole number of calls, 0 or more, not `many`"),
    ("--max-time", "0", "a time above 0 and up to 9999h, as seconds or like 90s, 30m, 2h or 1h30m"),
    ("--max-time", "10000h", "not `10000h`"),
    ("--max-time", "30 min", "not `30 min`"),
]


@pytest.mark.parametrize(("option", "value", "words"), WRONG)
def test_a_limit_that_is_none_is_refused(option: str, value: str, words: str) -> None:
    asked: dict[str, Any] = {option.removeprefix("--").replace("-", "_"): value}
    request = Request(**asked)
    with pytest.raises(UsageError, match=f"{option} must be .*{re.escape(words)}"):
        limits.effective(Limits(), request)


@pytest.mark.parametrize(
    "command", ["aethr run", "aethr run --show-prompt", "aethr step a", "inv aethr.run"]
)
def test_it_is_refused_before_anything_is_called(project: Project, command: str) -> None:
    refused = project.shell.sh(f"{command} --text go --max-cost=-1", **project.env)
    assert refused.code == 2
    words = "--max-cost must be a number of US dollars, 0 or more, not `-1`"
    assert refused.err.endswith(f"error: {words}\n")
    assert not project.called


# Models


@pytest.fixture
def modelled(project: Project) -> Project:
    models = 'models: {worker: {model: "openai:gpt-4o-mini", fallbacks: ["anthropic:claude-x"]}}\n'
    project.flow(steps=models + "steps: [{id: a, role: worker}, {id: b, role: worker}]\n")
    return project


def asked(project: Project, replies: Sequence[Reply], *argv: str) -> tuple[Said, int]:
    with LLMServer(*replies) as server:
        return project.shell.aethr(*argv, **live(server)), len(server.requests)


@fault("fail closed", "a limit is reached", "a retry and a fallback that it forbids, real LiteLLM")
@pytest.mark.parametrize("reply", [refusal(500, "oops"), refusal(404, "no such model")])
def test_no_further_attempt_is_made(modelled: Project, reply: Reply) -> None:
    run, requests = asked(modelled, [reply], "run", "go", "--max-calls", "1", *KEEP)
    assert stopped(run) == "calls 1 of 1"
    assert requests == 1
    assert "warning: a: " in run.err
    assert [row["model"] for row in modelled.lines("call")] == ["openai:gpt-4o-mini"]


def test_every_attempt_is_a_call_and_the_unknown_is_said(modelled: Project) -> None:
    cut = Reply("", finish="content_filter", usage=(1000, 0, 0))
    script = [cut, said("by the fallback"), said("fine")]
    run, requests = asked(modelled, script, "run", "go", "--max-cost", "2", *KEEP)
    assert run.code == 0, run.err
    assert requests == 3
    assert "warning: no price is known for anthropic:claude-x: its calls cost what" in run.err
    assert "gpt-4o-mini: its calls" not in run.err
    assert "1,024 / 10 tokens · $0.00015480 + 1 call of unknown cost" in run.err
    assert len(modelled.lines("call")) == 3


def ask(server: LLMServer, model: ModelRef, heard: Heard) -> str:
    environ = {"OPENAI_API_KEY": OPENAI_KEY, "OPENAI_BASE_URL": server.url}
    backend = ModelBackend(Settings(Path(), environ), sleep=heard.slept.append)
    return backend.answer(Call(Step("a", "worker"), "hi", model, Path()), heard).content


class OneCall(Heard):
    """Allows one call only."""

    def allowed(self) -> None:
        limits.check(Limits(calls=1), Spent(len(self.calls)), 0)


@fault("fail closed", "a limit is reached", "a retry and a fallback that it forbids, real LiteLLM")
def test_a_retry_that_is_not_made_is_not_waited_for() -> None:
    heard = OneCall()
    with LLMServer(refusal(500, "oops")) as server, pytest.raises(LimitReached):
        ask(server, ModelRef("openai:gpt-4o-mini"), heard)
    assert not heard.slept


def test_the_longest_timeout_works() -> None:
    model = ModelRef("openai:gpt-4o-mini", timeout=limits.seconds("9999h59999m9999999s"))
    with LLMServer(said("ok")) as server:
        assert ask(server, model, Heard()) == "ok"


# Counting


amounts = st.none() | st.integers(0, 10**9)
usages = st.builds(Usage, amounts, amounts, amounts)


@given(st.lists(st.tuples(st.lists(usages), st.none() | usages)))
def test_all_that_is_known_is_counted_once(history: list[tuple[list[Usage], Usage | None]]) -> None:
    """Calls that tell something on the way, each with its result, or broken off."""
    spent, cost, unknown = Spent(), 0.0, 0
    for told, result in history:
        spent = spent.called()
        for usage in told:
            spent = spent.told(usage, whole=False)
        on_the_way = sum(usage.cost or 0 for usage in told)
        known = result is not None and result.cost is not None
        spent = spent.finished(result) if result else spent
        cost += max(on_the_way, result.cost or 0) if result and known else on_the_way
        unknown += not known
    assert spent.calls == len(history)
    assert spent.used.cost == cost
    assert spent.unpriced == unknown


@pytest.mark.parametrize("cost", [-5.0, float("nan"), float("inf"), 10**400, "9", [9]])
def test_what_is_no_amount_makes_no_room(cost: Any) -> None:
    spent = Spent().called().finished(Usage(10, 10, 2.0)).called().finished(Usage(-1, -1, cost))
    assert spent.used == Usage(10, 10, 2.0)
    assert (spent.untold, spent.unpriced) == (1, 1)


def test_the_sum_of_a_limit_is_that_limit() -> None:
    """0.7 + 0.1 is a little less than 0.8 for a computer."""
    spent = Spent().called().finished(Usage(1, 1, 0.7)).called().finished(Usage(1, 1, 0.1))
    with pytest.raises(LimitReached):
        limits.check(Limits(cost=0.8), spent, 0)


def test_nothing_is_limited_where_nothing_is_said() -> None:
    limits.check(Limits(), Spent(10**9, NOTHING_USED), 10**9)


# Durations


NUMBER, WORD = SCHEMA["$defs"]["duration"]["anyOf"]
PATTERN = WORD["pattern"]


@given(st.from_regex(PATTERN))
def test_what_the_schema_takes_for_a_duration_is_one(text: str) -> None:
    assert limits.seconds(text.strip())


@given(st.from_regex(r"\A[0-9]{0,5}[smh]?[0-9.]{0,5}[ smh]?\Z"))
def test_an_option_takes_what_the_schema_takes_and_bare_seconds(text: str) -> None:
    number = re.fullmatch(r"[0-9]*\.?[0-9]*", text) and text.strip(".") and float(text)
    bare = number and number <= NUMBER["maximum"]
    assert bool(limits.seconds(text)) == bool(re.search(PATTERN, text) or bare)
