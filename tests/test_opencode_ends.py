"""How an agent ends: in time or not, by signals, and never without all that it started."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from aethr import process
from aethr.errors import StepFailed
from tests.support.agent import BEGUN, GOOD, STEP, Agent, FakeOpenCode, text, turn
from tests.support.processes import alive, carriers, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from aethr.workflow import Step
    from tests.support.agent import Act
    from tests.support.cli import Shell

on_linux = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="markers are found in /proc"
)


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    return Agent(FakeOpenCode(tmp_path.resolve()))


def test_a_model_whose_stream_ends_without_a_reason_for_ever_is_stopped(agent: Agent) -> None:
    line = turn("unknown")[1]
    told = agent.fails(["child", str(agent.fake.folder / "pid"), "session"], ["forever", line])
    assert told == "stopped: the model's stream ended without a reason 3 times"
    assert not agent.left


def test_two_such_streams_between_good_ones_are_borne(agent: Agent) -> None:
    unknown = [turn("unknown"), turn("unknown"), turn("tool-calls")]
    assert agent.plays(*unknown, *unknown, *GOOD).content == "All done."


@pytest.mark.parametrize(
    ("step", "acts", "reason"),
    [
        (replace(STEP, timeout=0.5), [["hang"]], "timed out after 0.5 s"),
        (replace(STEP, timeout=0.5), [["forever", BEGUN[1]]], "timed out after 0.5 s"),
        (
            replace(STEP, idle_timeout=0.2),
            [BEGUN, ["hang"]],
            "stopped: nothing came from opencode for 0.2 s",
        ),
    ],
)
def test_an_agent_that_takes_too_long_is_ended_with_its_children(
    agent: Agent, step: Step, acts: list[Act], reason: str
) -> None:
    started = ["child", str(agent.fake.folder / "pid"), "session"]
    assert agent.fails(started, *acts, step=step) == reason
    assert not agent.left


def test_an_agent_that_would_fill_the_disk_is_stopped(agent: Agent) -> None:
    assert "wrote more than 1 GiB" in agent.fails(["flood"], ["hang"])
    assert not agent.left


@pytest.mark.parametrize("step", [STEP, replace(STEP, unsafe_permissions=True)])
def test_a_program_that_cannot_be_run_is_a_failed_step(agent: Agent, step: Step) -> None:
    backend = agent.backend()
    (agent.fake.folder / "bin" / "opencode").write_bytes(b"\x7fELF of another machine")
    with pytest.raises(StepFailed, match=r"^can't run opencode: Exec format error$"):
        backend.answer(agent.call(step), agent.heard)


def test_what_was_said_before_a_limit_is_shown(agent: Agent) -> None:
    agent.fails(text("So far"), ["hang"], step=replace(STEP, idle_timeout=0.2))
    assert agent.heard.texts == ["So far\n"]


ENDINGS: dict[str, list[Act]] = {
    "done": [*GOOD],
    "failed": [["end", 1]],
    "refused": [["err", "! edit: auto-rejecting"], ["hang"]],
    "late": [BEGUN, ["hang"]],
    "late and deaf": [["deaf", "/dev/null"], BEGUN, ["hang"]],
}
CHILDREN = [
    *(("done", how) for how in ("", "session", "orphan", "deaf")),
    *(("refused", how) for how in ("", "session", "orphan", "deaf", "bare")),
    ("failed", "orphan"),
    ("late", "orphan"),
    ("late and deaf", "bare"),
]


@on_linux
@pytest.mark.parametrize(("ending", "how"), CHILDREN)
def test_nothing_that_an_agent_started_outlives_its_step(
    agent: Agent, ending: str, how: str
) -> None:
    acts = [["child", str(agent.fake.folder / "pid"), how], *ENDINGS[ending]]
    step = replace(STEP, idle_timeout=0.2) if ending.startswith("late") else STEP
    if ending == "done":
        agent.plays(*acts, step=step)
        assert agent.heard.warnings[0].endswith(" that opencode had left running")
    else:
        agent.fails(*acts, step=step)
    assert not agent.left


WORKFLOW = """\
workflow: one
roles: {implementer: Do it.}
steps: [{id: implement, role: implementer, backend: opencode}]
"""


@dataclass
class Started:
    """``aethr run`` as a person starts it, with the stand-in on the PATH."""

    aethr: subprocess.Popen[bytes]
    fake: FakeOpenCode
    pid_file: Path

    def wait_for_child(self) -> None:
        until(lambda: self.pid_file.exists() or self.aethr.poll() is not None)
        assert self.pid_file.exists(), self.aethr.communicate()

    @property
    def left(self) -> list[int]:
        child = int(self.pid_file.read_text())
        marker = self.fake.calls[0]["AETHR_RUN_MARKER"]
        return [pid for pid in (child, *carriers(marker)) if alive(pid)]


@pytest.fixture
def start(repo: Shell, tmp_path: Path) -> Iterator[Callable[..., Started]]:
    fake, runs = FakeOpenCode(tmp_path / "fake"), []
    fake.folder.mkdir()
    repo.write({".aethr.yaml": WORKFLOW})

    def started(*acts: Act, how: str = "session") -> Started:
        """Start it with acts to come before a child and a silence without end."""
        child = ["child", str(tmp_path / "pid"), how]
        aethr = subprocess.Popen(
            [sys.executable, "-m", "aethr", "run", "go", "--checkpoint", "run.jsonl"],
            cwd=repo.folder,
            env={**repo.env, **fake.env(*acts, child, ["hang"]), "AETHR_LIVE": "1"},
            stdin=subprocess.PIPE,  # held open: nothing may wait for it
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        runs.append(Started(aethr, fake, tmp_path / "pid"))
        return runs[-1]

    yield started
    for run in runs:
        run.aethr.kill()
        run.aethr.communicate()
        process.end_marked(fake.calls[0]["AETHR_RUN_MARKER"])


@on_linux
def test_stdin_that_the_caller_holds_open_hangs_nothing(start: Callable[..., Started]) -> None:
    run = start(*GOOD, ["end", 0])
    assert run.aethr.wait(60) == 0
    assert run.aethr.stdout is not None
    assert run.aethr.stdout.read() == b"All done.\n"


@pytest.mark.fault(
    "nothing lost", "SIGINT, SIGTERM, SIGHUP", "while an agent works, deaf to SIGTERM or not"
)
@on_linux
@pytest.mark.parametrize(
    ("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
@pytest.mark.parametrize("acts", [[], [["deaf", "/dev/null"]]], ids=["", "deaf"])
def test_a_signal_to_aethr_alone_ends_the_agent_and_all_it_started(
    start: Callable[..., Started], signum: int, code: int, acts: list[Act]
) -> None:
    run = start(*acts)
    run.wait_for_child()
    run.aethr.send_signal(signum)
    assert run.aethr.wait(60) == code
    assert not run.left


@pytest.mark.fault("nothing lost", "a second Ctrl-C", "while a deaf agent is asked to end")
@on_linux
def test_a_second_ctrl_c_leaves_nobody_either(
    start: Callable[..., Started], tmp_path: Path
) -> None:
    asked = tmp_path / "asked"
    run = start(["deaf", str(asked)], how="deaf")
    run.wait_for_child()
    run.aethr.send_signal(signal.SIGINT)
    until(asked.exists)
    run.aethr.send_signal(signal.SIGINT)
    assert run.aethr.wait(60) == 130
    assert not run.left


@on_linux
def test_survivors_of_a_killed_aethr_are_ended_by_their_marker(
    start: Callable[..., Started],
) -> None:
    run = start()
    run.wait_for_child()
    run.aethr.kill()
    run.aethr.wait(60)
    until(lambda: len(set(run.left)) == 3)  # the child's own, too
    assert process.end_marked(run.fake.calls[0]["AETHR_RUN_MARKER"]) == 3
    assert not run.left
