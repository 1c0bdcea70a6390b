"""SIGINT, SIGTERM and SIGHUP: everything ends, nothing is lost, and how to go on is said."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from signal import SIGHUP, SIGINT, SIGTERM
from typing import TYPE_CHECKING

import pexpect
import pytest

from aethr import process
from tests.support.agent import BEGUN, FakeOpenCode, text, turn
from tests.support.mortal import Instant
from tests.support.mortals import FLOW, Mortals, mortals
from tests.support.processes import alive, carriers, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.cli import Shell

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="what still runs is found in /proc"
)
ANYWHERE = 40
NEW: tuple[str, ...] = ("run", "go")
SIGNALS = [(SIGINT,), (SIGTERM,), (SIGHUP,), (SIGINT, SIGTERM)]
COMMAND = re.compile(r"^  AETHR_LIVE=1 aethr (run .*\\\n.*)$", re.MULTILINE)
NOISE = re.compile("Traceback|Exception ignored|Error")


@pytest.fixture
def runs(repo: Shell) -> Iterator[Mortals]:
    repo.write({".aethr.yaml": FLOW})
    # An interrupted start of a process leaves its pipes to the garbage collector, unseen.
    del repo.env["PYTHONWARNINGS"]
    with mortals(repo) as found:
        yield found


def signalled(runs: Mortals, argv: tuple[str, ...], at: Instant) -> tuple[str, ...]:
    """Let a run meet its signals; give the command with which it goes on, empty if it is over."""
    code, err = runs.run(*argv, at=at), runs.said("err")
    assert not NOISE.search(err), err
    if code == 0:
        assert runs.left() == []
        return ()
    # Before its task begins, and after it ended, Python has nothing to say: the signal ends it.
    assert code in {sign for signum in at.signals for sign in (-signum, 128 + signum)}, err
    assert len(COMMAND.findall(err)) <= 1
    assert runs.left() == [str(path.relative_to(Path(runs.shell.env["TMPDIR"])))
                           for path in runs.shell.checkpoints]  # fmt: skip
    assert all(path.read_bytes().endswith(b"\n") for path in runs.shell.checkpoints)
    if " done and kept in " in err:  # the signal came after the last step
        runs.shell.checkpoints[0].unlink()
        return ()
    if found := COMMAND.search(err):
        return tuple(shlex.split(found[1].replace("\\\n", "")))
    assert argv != NEW or not runs.shell.checkpoints, err
    return argv


@pytest.mark.fault(
    "nothing lost",
    "SIGINT, SIGTERM, SIGHUP",
    "a run signalled anywhere in its code; the command that it prints is typed, again and again",
)
def test_signalled_anywhere(runs: Mortals, cases: Callable[[int], None]) -> None:
    assert runs.run(*NEW) == 0, runs.said("err")
    whole = runs.said("out")
    runs.begin_anew()
    random, argv, out = Random(3), NEW, ""
    for _ in range(ANYWHERE):
        at = Instant("call", random.randint(1, 12_000), random.choice(SIGNALS))
        argv = signalled(runs, argv, at) or NEW
        out += runs.said("out")
        if argv == NEW:
            assert out in ("", whole)
            out = ""
            runs.begin_anew()
    assert runs.run(*argv) == 0
    assert out + runs.said("out") == whole
    cases(ANYWHERE)


@pytest.mark.fault(
    "nothing lost", "SIGINT, SIGTERM, SIGHUP", "a run signalled at each of its events"
)
def test_signalled_at_every_event(runs: Mortals, cases: Callable[[int], None]) -> None:
    argv, number = NEW, 0
    while argv:
        number += 1
        argv = signalled(runs, argv, Instant("event", 1 + number % 5, SIGNALS[number % 4]))
    cases(number)


ONE = """\
workflow: one
roles: {implementer: Do it.}
steps: [{id: implement, role: implementer, backend: opencode, expect_changes: false}]
"""
TASKS_FILE = "import aethr\nfrom invoke import Collection\nns = Collection(aethr.collection())\n"
DONE = [BEGUN, text("All done."), turn()]


@pytest.fixture
def stubborn(repo: Shell, tmp_path: Path) -> Iterator[FakeOpenCode]:
    """Give an agent that is deaf to SIGTERM, as its child is, and that never ends."""
    fake = FakeOpenCode(tmp_path / "fake")
    fake.folder.mkdir()
    repo.write({".aethr.yaml": ONE, "tasks.py": TASKS_FILE})
    child = ["child", str(tmp_path / "pid"), "deaf"]
    repo.env |= fake.env(["deaf", str(tmp_path / "asked")], BEGUN, child, ["hang"])
    repo.env |= {"AETHR_LIVE": "1", "TERM": "xterm"}
    yield fake
    for call in fake.calls:
        process.end_marked(call["AETHR_RUN_MARKER"])


def opened(repo: Shell, *argv: str) -> pexpect.spawn[str]:
    """Start a command in a terminal of its own."""
    env = {**repo.env, "PATH": f"{repo.env['PATH']}"}
    return pexpect.spawn(
        sys.executable, ["-m", *argv], cwd=str(repo.folder), env=env, encoding="utf-8", timeout=60
    )


def survivors(fake: FakeOpenCode) -> list[int]:
    child = int((fake.folder.parent / "pid").read_text())
    marker = fake.calls[0]["AETHR_RUN_MARKER"]
    return [pid for pid in (child, *carriers(marker)) if alive(pid)]


@pytest.mark.fault(
    "nothing lost", "a second Ctrl-C", "typed in a terminal while a deaf agent is asked to end"
)
@pytest.mark.parametrize("door", ["aethr run go", "invoke aethr.run --text go"])
def test_a_second_ctrl_c_ends_at_once(
    repo: Shell, stubborn: FakeOpenCode, tmp_path: Path, door: str
) -> None:
    run = opened(repo, *door.split())
    until(lambda: (tmp_path / "pid").exists() or not run.isalive())
    run.sendintr()
    until((tmp_path / "asked").exists)
    # Within a quarter of a second it would be the same Ctrl-C, passed on by a wrapper.
    time.sleep(0.3)
    run.sendintr()
    run.expect(pexpect.EOF)
    run.close()
    said = str(run.before)
    assert run.exitstatus == 130, said
    assert not survivors(stubborn)
    assert not NOISE.search(said), said
    assert said.count("To go on:") <= 1
    (path,) = repo.checkpoints
    # At once: the way out, which says how the step ended, was not gone to its end.
    assert '"kind":"failure"' not in path.read_text()
    done = repo.aethr("run", "--resume-checkpoint", f"@{path}", **stubborn.env(*DONE))
    assert done.code == 0, done.err
    assert list(Path(repo.env["TMPDIR"]).glob("*/*")) == []


@pytest.mark.fault("nothing lost", "a closed terminal", "its window is closed while an agent works")
def test_a_closed_terminal(repo: Shell, stubborn: FakeOpenCode, tmp_path: Path) -> None:
    run = opened(repo, "aethr", "run", "go")
    until(lambda: (tmp_path / "pid").exists() or not run.isalive())
    os.close(run.child_fd)
    assert run.pid is not None
    assert os.waitstatus_to_exitcode(os.waitpid(run.pid, 0)[1]) == 129
    run.closed = True
    assert not survivors(stubborn)
    (path,) = repo.checkpoints
    assert '"kind":"failure"' in path.read_text()


def begun(repo: Shell, *argv: str, out: int = subprocess.PIPE) -> subprocess.Popen[str]:
    return subprocess.Popen(
        argv, cwd=repo.folder, env=repo.env, stdout=out, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.fault("nothing lost", "SIGHUP under nohup", "ignored, and SIGTERM after it is not")
def test_nohup_stays(repo: Shell, stubborn: FakeOpenCode, tmp_path: Path) -> None:
    run = begun(repo, "nohup", sys.executable, "-m", "aethr", "run", "go")
    until((tmp_path / "pid").exists)
    run.send_signal(SIGHUP)
    run.send_signal(SIGTERM)
    _, err = run.communicate()
    assert run.returncode == 143, err
    assert not survivors(stubborn)


@pytest.mark.fault(
    "nothing lost", "SIGINT, SIGTERM, SIGHUP", "while nobody reads the answer from stdout"
)
@pytest.mark.parametrize("signum", [SIGINT, SIGTERM, SIGHUP])
@pytest.mark.parametrize("quiet", [(), ("--quiet",)])
def test_a_report_that_nobody_reads(
    repo: Shell, stubborn: FakeOpenCode, signum: signal.Signals, quiet: tuple[str, ...]
) -> None:
    answer = "all done " * 30_000
    repo.env |= stubborn.env(BEGUN, text(answer), turn())
    with begun(repo, sys.executable, "-m", "aethr", "run", "go", *quiet) as run:
        assert run.stdout
        assert run.stderr
        assert run.stdout.read(1)
        run.send_signal(signum)
        err = run.stderr.read()
        assert run.wait() == 128 + signum, err
    (path,) = repo.checkpoints
    assert f"1 of 1 step is done and kept in {path}\n" in err
    assert answer in path.read_text()


@pytest.mark.fault("fail closed", "SIGINT, SIGTERM, SIGHUP", "while Python still imports Aethr")
@pytest.mark.parametrize("signum", [SIGINT, SIGTERM, SIGHUP])
@pytest.mark.usefixtures("stubborn")
def test_at_the_start(repo: Shell, signum: signal.Signals) -> None:
    del repo.env["PYTHONWARNINGS"]  # a start of git that is torn would say so
    run = begun(repo, sys.executable, "-X", "importtime", "-m", "aethr", "run", "go")
    assert run.stderr
    while not (line := run.stderr.readline()).endswith(" invoke.config\n"):
        assert line
    run.send_signal(signum)
    out, err = run.communicate()
    assert run.returncode in (-signum, 128 + signum)
    assert not NOISE.search(re.sub("import time:.*", "", err))
    assert out == ""


@pytest.mark.fault("nothing lost", "Ctrl-C in the editor", "typed while it is open for the task")
def test_ctrl_c_is_the_editors_own(repo: Shell) -> None:
    editor = "trap 'echo my long task > $1' INT\necho is up\nread line\nexit 0\n"
    repo.write({"ed.sh": editor, ".aethr.yaml": ONE})
    repo.env |= {"AETHR_EDITOR": "sh ed.sh", "TERM": "xterm"}
    run = opened(repo, "aethr", "run")
    run.expect("is up")
    run.sendintr()
    run.send("\n")
    run.expect(pexpect.EOF)
    run.close()
    assert run.exitstatus == 0, run.before


SWALLOWED = """
import signal, sys
from aethr import signals
from aethr.errors import Signalled

def closed():
    try:
        yield
    finally:
        signal.raise_signal(signal.SIGINT)

try:
    with signals.taken():
        next(closed())
        while True:
            signal.pause()
except Signalled as met:
    sys.exit(100 + met.signum)
"""


@pytest.mark.fault("nothing lost", "SIGINT, SIGTERM, SIGHUP", "while Python closes a generator")
def test_a_signal_that_python_swallows_comes_again() -> None:
    """What is raised in a finalizer is only printed by Python; the run would go on."""
    argv = [sys.executable, "-c", SWALLOWED]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (100 + SIGINT, "")
