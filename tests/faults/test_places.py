"""Full disks and bad places: one plain line, and nothing that was whole before is truncated."""

from __future__ import annotations

import os
import re
import socket
import stat
import sys
from typing import TYPE_CHECKING

import pytest

from aethr import checkpoint, context, lockfile, runtime
from aethr.backends import driver
from aethr.backends.scripted import ScriptedBackend
from aethr.checkpoint import Header, Start
from aethr.errors import StepFailed, UsageError
from aethr.events import StepFinished, Warned
from aethr.process import Line
from aethr.results import StepResult, Verdict
from aethr.secrets import Mask
from aethr.settings import Settings
from aethr.world import World
from tests.support.agent import BEGUN, GOOD, FakeOpenCode, turn
from tests.support.agent import text as agent_text
from tests.support.live import live
from tests.support.llm_script import said
from tests.support.llm_server import LLMServer
from tests.support.output import Heard
from tests.support.places import Powerless, full_disk, on_full_disk
from tests.support.workflows import step, workflow
from tests.test_invoke import TASKS
from tests.test_run import LOOP, PASS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from aethr.events import Event
    from tests.support.cli import Said, Shell

LOST, CLOSED = "nothing lost", "fail closed"
DISK = "a disk that is full"
PLACE = "a checkpoint in a bad place"
KEY = "sk-a-key-0123456789"


@pytest.fixture
def project(repo: Shell) -> Shell:
    repo.write({".aethr.yaml": LOOP})
    return repo


@pytest.fixture
def powerless(project: Shell) -> Iterator[Powerless]:
    """Give the project to somebody whom permissions stop; at the end they can be removed."""
    yield Powerless(project.folder, project.folder.parent / "home")
    for folder, _, _ in os.walk(project.folder.parent):
        os.chmod(folder, 0o700)  # noqa: PTH101 - while it walks, from the top


def refused(run: Said, code: int = 2) -> str:
    """Assert that a run ended with one plain error, and return all that it said."""
    assert run.code == code, run.err
    assert "Traceback" not in run.err
    assert run.err.count("error: ") == 1
    return run.err


# -- the checkpoint's disk is full ------------------------------------------------------

HEADER = Header("demo", "workflow: demo", "a task", True)
RESULT = StepResult("review", "no\n" * 9, verdict=Verdict.REVISE)
LINES: dict[str, Callable[[checkpoint.Checkpoint], None]] = {
    "run": lambda file: file.header(HEADER),
    "stdin": lambda file: file.stdin("piped in " * 9),
    "start": lambda file: file.start(Start("review", 0, "7ree", "mark")),
    "result": lambda file: file.result(RESULT),
    "failure": lambda file: file.failure("review", "HTTP 500", "half a sent"),
}


@pytest.mark.fault(LOST, DISK, "at every 7th byte of each kind of line of a checkpoint")
@pytest.mark.parametrize("kind", LINES)
def test_a_line_is_written_whole_or_not_at_all(
    tmp_path: Path, kind: str, cases: Callable[[int], None]
) -> None:
    path = tmp_path / "c.jsonl"
    file = checkpoint.create(path)
    if kind != "run":
        file.header(HEADER)
        file.result(RESULT)
    before = path.read_bytes()
    LINES[kind](file)
    size = len(path.read_bytes()) - len(before)
    counted = 0
    for room in range(0, size, 7):
        os.truncate(path, len(before))
        with full_disk(len(before) + room), pytest.raises(UsageError, match="can't write"):
            LINES[kind](file)
        assert path.read_bytes() == before
        LINES[kind](file)
        assert checkpoint.read(path).header == HEADER
        counted += 1
    file.close()
    cases(counted)


FLOW = workflow(step("plan"), step("implement"), step("review", "implement"))
ANSWERS = ["p\n" * 30, "i\n" * 30, "No.\nReview status: revise", "j\n" * 30, PASS]


def drive(path: Path, *script: str | StepFailed) -> tuple[int, list[Event]]:
    """Begin a run, or go on with it, to its end; return what was called and what was seen."""
    results = checkpoint.read(path).results if path.exists() else ()
    events: list[Event] = []
    backend = ScriptedBackend(script or ANSWERS[len(results) :])
    settings, around = Settings(path.parent, {}), context.Surroundings(path.parent)
    world = World(settings, {"model": backend}, around, Mask({}), events.append)
    run = runtime.Run(FLOW, "task", world, results)
    file = checkpoint.reopen(path)[1] if path.exists() else begun(path)
    try:
        run.drive(lambda one: run.perform(one, file))
    except StepFailed as error:
        events.append(Warned(f"{error}"))
    finally:
        file.close()
    return len(backend.calls), events


def begun(path: Path) -> checkpoint.Checkpoint:
    file = checkpoint.create(path)
    file.header(HEADER)
    return file


def room_after_header(folder: Path) -> int:
    begun(folder / "header.jsonl").close()
    return (folder / "header.jsonl").stat().st_size


@pytest.mark.fault(LOST, DISK, "at 40 places of a whole run's checkpoint, then resumed")
def test_a_run_goes_on_after_a_full_disk_and_shows_what_was_paid_for(
    tmp_path: Path, cases: Callable[[int], None]
) -> None:
    whole = tmp_path / "whole.jsonl"
    drive(whole)
    begin, end = room_after_header(tmp_path), whole.stat().st_size - 50
    # So many in any run: how long a step took makes its line a byte longer or shorter.
    rooms = [begin + (end - begin) * place // 40 for place in range(40)]
    for room in rooms:
        path = tmp_path / f"{room}.jsonl"
        with full_disk(room):
            called, events = drive(path)
        assert "can't write the checkpoint" in f"{events[-1]}"
        shown = [event.result.content for event in events if isinstance(event, StepFinished)]
        assert shown == ANSWERS[:called], "what was paid for is shown"
        assert called - len(checkpoint.read(path).results) in (0, 1)
        drive(path)
        assert [result.content for result in checkpoint.read(path).results] == ANSWERS
    cases(len(rooms))


@pytest.mark.fault(LOST, DISK, "when a step fails, so that its failure can't be kept either")
def test_what_a_failed_step_said_is_shown_where_it_can_not_be_kept(tmp_path: Path) -> None:
    failed = StepFailed("HTTP 500", "", "half a sent")
    path, before = tmp_path / "c.jsonl", room_after_header(tmp_path)
    drive(tmp_path / "whole.jsonl", failed)
    whole = (tmp_path / "whole.jsonl").read_bytes()
    failure = whole.rindex(b'{"kind":"failure"')
    assert before < failure
    with full_disk(failure + 9):
        _, events = drive(path, failed)
    said, why = (event.text for event in events if isinstance(event, Warned))
    assert "can't write the checkpoint" in said
    assert said.endswith("it had said:\nhalf a sent")
    assert "HTTP 500" in why
    assert path.read_bytes() == whole[:failure]


@pytest.mark.fault(LOST, DISK, "while the raw events of an agent are written")
def test_a_trace_that_is_full_ends_no_agents_step(tmp_path: Path) -> None:
    heard, path = Heard(), tmp_path / "c.events"
    with driver.traced(path, Settings(tmp_path, {}), heard) as keep:
        keep(Line(b"one"))
        with full_disk(5):
            keep(Line(b"two"))
        keep(Line(b"three"))
    assert path.read_bytes()[:5] == b"one\nt"
    assert heard.warnings == [f"no more raw events in {path}: File too large"]


@pytest.mark.fault(CLOSED, DISK, "under a redirected stdout, of a live run")
def test_results_that_stdout_did_not_take_are_no_success(project: Shell) -> None:
    with LLMServer(said("the plan"), said("i"), said(PASS)) as server:
        run = project.sh("aethr run x >/dev/full", **live(server))
    assert run.code == 1
    assert "error: can't write to stdout: No space left on device" in run.err
    (kept,) = project.checkpoints
    assert f"3 of 3 steps are done and kept in {kept}" in run.err
    assert "the plan" in kept.read_text()


@pytest.mark.fault(CLOSED, DISK, "when there is no room for any temporary file")
def test_no_temporary_file_can_be_made(project: Shell) -> None:
    assert "no folder for temporary files" in refused(on_full_disk(project, 0, "run", "x"))


# -- .env and .aethr.yaml on a full disk ------------------------------------------------


@pytest.mark.fault(LOST, DISK, "while `auth login` or `init` writes")
@pytest.mark.parametrize("old", ["OPENAI_API_KEY=old\nOTHER=1\n", None])
def test_the_keys_file_is_as_it_was_or_as_it_should_be(project: Shell, old: str | None) -> None:
    if old:
        project.write({".env": old})
    run = on_full_disk(project, 20, "auth", "login", "openai", stdin=KEY)
    assert "can't write" in refused(run)
    env = project.folder / ".env"
    assert (env.read_text() if env.exists() else None) == old
    assert not list(project.folder.glob(".env.*"))


@pytest.mark.fault(LOST, DISK, "while `auth login` or `init` writes")
@pytest.mark.parametrize("old", ["workflow: mine\n", None])
def test_the_workflow_file_is_as_it_was_or_as_it_should_be(project: Shell, old: str | None) -> None:
    file = project.folder / ".aethr.yaml"
    file.unlink()
    if old:
        file.write_text(old)
    run = on_full_disk(project, 100, "init", "add-tests", "--force")
    assert "can't write" in refused(run)
    assert [(one.name, one.read_text()) for one in project.folder.glob(".aethr*")] == (
        [(".aethr.yaml", old)] if old else []
    )


@pytest.mark.fault(LOST, "a folder that can't be written to", "for `auth login`, `init`, `run`")
@pytest.mark.parametrize(
    "words", ["auth login openai", "init add-tests --force", "run x --checkpoint c.jsonl"]
)
def test_a_project_folder_that_is_read_only(powerless: Powerless, words: str) -> None:
    powerless.write({".env": "OTHER=1\n"})
    before = texts(powerless.folder)
    powerless.folder.chmod(0o500)
    assert ": Permission denied" in refused(powerless.aethr(*words.split(), stdin=KEY))
    assert texts(powerless.folder) == before


def texts(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}


# -- where a checkpoint is to be --------------------------------------------------------


@pytest.fixture
def odd(project: Shell, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    """Give the project with one of each file that is none."""
    monkeypatch.chdir(project.folder)  # the path of a socket is limited to some hundred bytes
    os.mkfifo("fifo")
    (project.folder / "folder").mkdir()
    (project.folder / "loop").symlink_to("loop")
    (project.folder / "to-fifo").symlink_to("fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        yield project


BAD = ["fifo", "to-fifo", "folder", "socket", "loop", "no/such/file", "x" * 300]


@pytest.mark.fault(
    CLOSED, PLACE, "a pipe, a socket, a device, a folder, a loop of links, no folder"
)
@pytest.mark.parametrize("option", ["--checkpoint=", "--resume-checkpoint=@"])
@pytest.mark.parametrize("place", [*BAD, "/dev/full", "/dev/zero", "/dev/null"])
def test_what_is_no_file_is_no_checkpoint_and_not_waited_for(
    odd: Shell, option: str, place: str
) -> None:
    before = sorted(odd.folder.rglob("*"))
    assert place in refused(odd.aethr("run", "x", f"{option}{place}"))
    assert sorted(odd.folder.rglob("*")) == before
    assert not odd.checkpoints


def test_a_link_of_ones_own_may_lead_to_a_checkpoint(project: Shell) -> None:
    (project.folder / "link").symlink_to("c.jsonl")
    assert project.aethr("run", "x", "--checkpoint", "link").code == 0
    assert checkpoint.read(project.folder / "c.jsonl").results


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file of somebody else's")
@pytest.mark.parametrize("theirs", ["link", "target"])
def test_a_link_that_is_not_all_ones_own_is_no_checkpoint(project: Shell, theirs: str) -> None:
    target, link = project.folder / "target", project.folder / "link"
    target.touch(0o666)
    link.symlink_to("target")
    os.chown(project.folder / theirs, 65534, 65534, follow_symlinks=False)
    run = project.aethr("run", "x", "--checkpoint", "link")
    assert "a link of someone else's" in refused(run)
    assert target.read_bytes() == b""


@pytest.mark.fault(CLOSED, "somebody else made the folder of temporary checkpoints first", "a link")
def test_a_private_folder_that_is_a_link_is_refused(project: Shell) -> None:
    private, elsewhere = folder_of(project), project.folder.parent / "elsewhere"
    elsewhere.mkdir()
    private.symlink_to(elsewhere)
    assert "is not a folder of yours" in refused(project.aethr("run", "x"))
    assert not list(elsewhere.iterdir())


def folder_of(shell: Shell) -> Path:
    return shell.folder.parent / "home" / "tmp" / lockfile.folder_name().name


@pytest.mark.fault(CLOSED, "somebody else made the folder of temporary checkpoints first", "a file")
def test_a_private_folder_that_is_a_file_is_refused(project: Shell) -> None:
    folder_of(project).write_text("")
    assert "is not a folder of yours" in refused(project.aethr("run", "x"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a folder of somebody else's")
def test_a_private_folder_of_somebody_else_is_refused(project: Shell) -> None:
    folder_of(project).mkdir(0o777)
    os.chown(folder_of(project), 65534, 65534)
    assert "is not a folder of yours" in refused(project.aethr("run", "x"))


@pytest.mark.fault("nothing leaked", "a folder of temporary checkpoints open to all", "mode 0777")
def test_a_private_folder_is_closed_before_it_is_used(project: Shell) -> None:
    folder_of(project).mkdir()
    folder_of(project).chmod(0o777)
    assert project.aethr("run", "x").code == 0
    assert stat.S_IMODE(folder_of(project).stat().st_mode) == 0o700


@pytest.mark.fault(CLOSED, "a TMPDIR that can't be used", "missing, relative, a file, read-only")
@pytest.mark.parametrize("tmpdir", ["/no/such/folder", "relative", "README.md", "locked"])
def test_another_folder_than_tmpdir_is_said_to_be_used(powerless: Powerless, tmpdir: str) -> None:
    (powerless.folder / "locked").mkdir(0o500)
    run = powerless.aethr("run", "x", TMPDIR=tmpdir)
    assert run.code == 0, run.err
    assert run.err.count(f"warning: TMPDIR={tmpdir} can't be used; temporary files go to ") == 1
    assert run.out.endswith("Review status: pass\n\n")


@pytest.mark.parametrize("home", [None, "", "/no/such/folder"])
def test_no_home_is_needed(project: Shell, home: str | None) -> None:
    run = project.aethr("run", "x", HOME=home)
    assert run.code == 0, run.err
    assert "warning" not in run.err


@pytest.mark.parametrize("home", ["README.md", "locked"])
def test_a_home_that_is_none_of_ours_is_one_line(powerless: Powerless, home: str) -> None:
    (powerless.folder / "locked").mkdir(0)
    home = str(powerless.folder / home)
    assert f"can't read {home}/.invoke.yaml: " in refused(powerless.aethr("run", "x", HOME=home))


# -- .aethr.yaml and .env that are no files ---------------------------------------------


def replaced(shell: Shell, name: str, how: str) -> Path:
    """Put something odd where a file should be."""
    file = shell.folder / name
    file.unlink(missing_ok=True)
    match how:
        case "folder":
            file.mkdir()
        case "pipe":
            os.mkfifo(file)
        case "dangling link" | "loop":
            file.symlink_to("nothing" if how == "dangling link" else name)
        case "link out":
            (shell.folder.parent / "theirs").write_text("AETHR_LIVE=1\n")
            file.symlink_to("../theirs")
        case "1 GB":
            file.touch()
            os.truncate(file, 1_000_000_000)
        case "unreadable":
            file.write_text("AETHR_LIVE=1\n")
            file.chmod(0)
        case "latin":
            file.write_bytes(b"\xff\xfe")
    return file


@pytest.mark.fault(
    CLOSED, "a workflow file that is none", "a folder, a pipe, a link, 0 bytes, 1 GB"
)
@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("folder", "is a directory"),
        ("pipe", "is no regular file"),
        ("dangling link", "is a link to nothing, which does not exist"),
        ("loop", "can't read"),
        ("1 GB", "is larger than"),
        ("unreadable", "Permission denied"),
    ],
)
def test_a_workflow_file_that_is_none(powerless: Powerless, how: str, why: str) -> None:
    replaced(powerless, ".aethr.yaml", how)
    assert why in refused(powerless.aethr("run", "x"))


@pytest.mark.fault(CLOSED, "a .env that is none", "a folder, a pipe, unreadable, a link out, 1 GB")
@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("folder", "it is no file"),
        ("pipe", "it is no file"),
        ("link out", "it is a link out of the project"),
        ("loop", "Too many levels of symbolic links"),
        ("1 GB", "it is larger than 100,000 bytes"),
        ("unreadable", "Permission denied"),
        ("latin", "'utf-8' codec can't decode"),
    ],
)
def test_a_dotenv_that_is_none_is_neither_read_nor_replaced(
    powerless: Powerless, how: str, why: str
) -> None:
    file = replaced(powerless, ".env", how)
    before = file.lstat()
    run = powerless.aethr("run", "x")
    assert run.code == 0, run.err
    assert f"warning: .env is not read: {why}" in run.err
    assert "mock:" in run.err
    assert why in refused(powerless.aethr("auth", "login", "openai", stdin=KEY))
    assert os.path.samestat(file.lstat(), before)


# -- repositories and folders -----------------------------------------------------------

AGENT = """\
workflow: change
roles: {worker: Work.}
steps: [{id: implement, role: worker, backend: opencode}]
"""


@pytest.fixture
def opencode(tmp_path: Path) -> FakeOpenCode:
    (tmp_path / "opencode").mkdir()
    return FakeOpenCode((tmp_path / "opencode").resolve())


@pytest.mark.fault(
    CLOSED, "a repository that can't be written to", "its .git/objects are read-only"
)
def test_what_can_not_be_recorded_is_said_before_the_agent_starts(
    powerless: Powerless, opencode: FakeOpenCode
) -> None:
    powerless.write({".aethr.yaml": AGENT, "new.txt": "new\n"})
    for folder in (powerless.folder / ".git" / "objects").rglob("."):
        folder.chmod(0o500)
    run = powerless.aethr("run", "x", AETHR_LIVE="1", **opencode.env(*GOOD))
    assert "git" in refused(run)
    assert not opencode.calls


@pytest.mark.fault(CLOSED, DISK, "while git's index is copied for an agent's tree")
def test_a_tree_that_can_not_be_recorded_starts_no_agent(
    project: Shell, opencode: FakeOpenCode
) -> None:
    project.write({".aethr.yaml": AGENT})
    run = on_full_disk(project, 100, "run", "x", AETHR_LIVE="1", **opencode.env(*GOOD))
    assert "File too large" in refused(run)
    assert not opencode.calls


def test_a_folder_above_that_can_not_be_entered_is_passed_by(powerless: Powerless) -> None:
    (powerless.folder / "locked" / "in").mkdir(parents=True)
    script = f"cd locked/in; chmod 0 ..; {sys.executable} -m aethr run x"
    run = powerless.run("sh", "-c", script)
    assert run.code == 0, run.err


@pytest.mark.fault(LOST, "a repository that breaks under an agent", "its .git/HEAD is overwritten")
def test_what_an_agent_said_survives_a_repository_that_it_broke(
    project: Shell, opencode: FakeOpenCode
) -> None:
    project.write({".aethr.yaml": AGENT})
    breaks = ["edit", str(project.folder / ".git" / "HEAD"), "no ref"]
    acts = opencode.env(BEGUN, breaks, agent_text("All is done."), turn())
    run = project.aethr("run", "x", AETHR_LIVE="1", **acts)
    assert "step `implement` failed: git" in refused(run, code=1)
    assert "All is done." in project.checkpoints[0].read_text()


@pytest.mark.fault(LOST, "the project folder is deleted", "between two steps of a run")
def test_a_project_that_is_deleted_meanwhile(project: Shell) -> None:
    gone = "@task\ndef gone(c):\n    import os, shutil\n    shutil.rmtree(os.getcwd())\n\n"
    gone += 'aethr_tasks["steps.review"].pre.append(gone)\nns = '
    flow = LOOP.replace("role: reviewer,", 'role: reviewer, context: ["git_diff:all"],')
    project.write({"tasks.py": TASKS.replace("ns = ", gone), ".aethr.yaml": flow})
    run = project.inv("aethr.run", "x")
    assert "Traceback" not in run.err
    assert run.code in (1, 2)
    assert re.search(r"^error: ", run.err, re.MULTILINE)
    assert len(checkpoint.read(project.checkpoints[0]).results) == 2
