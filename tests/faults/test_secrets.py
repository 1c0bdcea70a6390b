"""A hunt for leaks: keys from everywhere come in by every way, and every way out is searched."""

from __future__ import annotations

import json
import os
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from aethr import checkpoint, config, context, files, git
from aethr.backends.scripted import ScriptedBackend
from aethr.config.contexts import parse
from aethr.context import Surroundings
from aethr.errors import ConfigError, StepFailed
from aethr.files import Unread
from aethr.material import Piece
from aethr.runtime import Run
from aethr.secrets import Mask
from aethr.settings import Settings
from aethr.text import first_line
from aethr.world import World
from tests.support.agent import BEGUN, FakeOpenCode, text, tool, turn
from tests.support.live import live
from tests.support.llm_script import refusal, said
from tests.support.llm_server import LLMServer
from tests.support.workflows import step, workflow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aethr.errors import Problem
    from aethr.events import Event
    from tests.support.cli import Said, Shell

LEAK = "nothing leaked"
WAYS = "keys of 9 variables come in by 15 ways; every way out is searched"

# As people have them: in the environment, and in a .env, counted or not.
ENVIRONMENT = {
    "OPENAI_API_KEY": "sk-openai-Qx7Rk2mVb9",
    "ANTHROPIC_API_KEY": "sk-ant-Zt5Wn8pLc3\n",  # `$(cat key)` has none, a mounted file has
    "GITHUB_TOKEN": "ghp_Hj4Fs6dKq1Xv0Ty2",
    "LONG_TOKEN": "ghp_Hj4Fs6dKq1Xv0Ty2-and-more",
    "ODD_SECRET": 'q"uo\\te-ünï/c0de-5Gh2Lp',
    "PEM_SECRET": "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\nAQEFAASCBKcwggSjAgEAAoIB\n",
    "CORP_LLM_PASSWORD": "corp-Bn3Mx9Ws4",  # named by the workflow's api_key_env
}
DOTENV = {"XAI_API_KEY": "xai-Pd6Gy1Ru8Ek", "DEPLOY_TOKEN": "deploy-Vc2Ln7Qa5Jz9"}
KEYS = {**ENVIRONMENT, **DOTENV}
SECRET = [
    line
    for value in KEYS.values()
    for line in (value.strip(), *value.split("\n"))
    if len(line) >= 12
]
ALL = " / ".join(KEYS.values())

FLOW = f"""\
workflow: hunt
roles:
  planner: {json.dumps(f"Plan with {ALL}")}
  worker: Work.
  reviewer: Find defects.
models:
  planner: "openai:gpt-4o-mini"
  reviewer: {{model: "openai:gpt-4o-mini", api_key_env: CORP_LLM_PASSWORD, retries: 0}}
steps:
  - {{id: plan, role: planner, context: [stdin, "file:notes.txt", "glob:*.json", "git_diff:all"]}}
  - {{id: implement, role: worker, backend: opencode}}
  - {{id: review, role: reviewer, context: [latest_diff, run_diff, "step:plan"]}}
"""


def leaks(where: str, found: str) -> list[str]:
    """Name the keys that a text holds, in any form in which we write one."""
    every = {
        form: key
        for key in SECRET
        for form in (
            key,
            json.dumps(key)[1:-1],
            json.dumps(key, ensure_ascii=False)[1:-1],
            quote(key, safe=""),
            repr(key)[1:-1],
        )
    }
    return [f"{key!r} in {where}" for form, key in every.items() if form in found]


@pytest.fixture
def opencode(tmp_path: Path) -> FakeOpenCode:
    (tmp_path / "opencode").mkdir()
    return FakeOpenCode((tmp_path / "opencode").resolve())


@pytest.fixture
def planted(repo: Shell, opencode: FakeOpenCode) -> Shell:
    """Give a project with keys in every file, and a git that writes down its environment."""
    repo.write(
        {
            ".aethr.yaml": FLOW,
            ".env": "".join(f"{name}={value}\n" for name, value in DOTENV.items()),
            ".gitignore": ".env\n",
            "notes.txt": f"note: {ALL}\n",
            "data.json": json.dumps({"ascii": ALL}),
            "more.json": json.dumps({"plain": ALL}, ensure_ascii=False),
            "README.md": f"# changed: {ALL}\n",
            f"named {KEYS['GITHUB_TOKEN']}.txt": "untracked\n",
        }
    )
    git = opencode.folder / "bin" / "git"
    git.parent.mkdir()
    git.write_text(
        f'#!/bin/sh\n{{ env; echo "$@"; }} >> {opencode.folder}/git.log\nexec /usr/bin/git "$@"\n'
    )
    git.chmod(0o755)
    repo.env |= ENVIRONMENT
    return repo


def edits(shell: Shell) -> list[list[object]]:
    """Have the agent write keys into files, say them, and name a file after one."""
    folder = shell.folder
    return [
        BEGUN,
        text(f"I use {ALL}."),
        tool("bash", input={"command": f"deploy {ALL}", "description": f"deploy {ALL}"}),
        tool("edit", input={"filePath": f"{folder}/new {KEYS['GITHUB_TOKEN']}.py"}),
        ["edit", f"{folder}/new {KEYS['GITHUB_TOKEN']}.py", f"key = '''{ALL}'''\n"],
        ["err", f"warning: {ALL}"],
        ["out", f"not JSON: {ALL}"],
        turn(),
    ]


def everything(shell: Shell, run: Said, server: LLMServer) -> Iterator[tuple[str, str]]:
    yield "stdout", run.out
    yield "stderr", run.err
    for number, request in enumerate(server.requests):
        yield f"request {number}", json.dumps(request.body, ensure_ascii=False)
    for path in Path(shell.env["TMPDIR"]).rglob("*"):
        yield f"the name of {path}", str(path)
        if path.is_file():
            yield str(path), path.read_text("utf-8", "surrogateescape")


@pytest.mark.fault(LEAK, WAYS, "a live run with an agent, --verbose, whose last call is refused")
def test_no_key_leaves_a_run_with_an_agent(
    planted: Shell, opencode: FakeOpenCode, cases: Callable[[int], None]
) -> None:
    with LLMServer(said(f"The plan: {ALL}"), refusal(403, f"no {ALL} for {ALL}")) as server:
        env = {**opencode.env(*edits(planted)), **live(server), **ENVIRONMENT}
        run = planted.aethr("run", f"task {ALL}", "-v", stdin=f"piped {ALL}", **env)
        assert run.code == 1, run.err
        out = list(everything(planted, run, server))
        assert "[masked ODD_SECRET]" in server.prompts[0]
        (kept,) = planted.checkpoints
        assert "[masked PEM_SECRET]" in kept.read_text()
        (trace,) = kept.parent.glob("*.events")
        assert "[masked ODD_SECRET]" in trace.read_text()
        again = planted.aethr("run", "--show-prompt", "-v", f"--resume-checkpoint=@{kept}", **env)
        assert again.code == 0, again.err
        assert "[masked DEPLOY_TOKEN]" in again.out
        out += everything(planted, again, server)
    out.append(("git", (opencode.folder / "git.log").read_text("utf-8", "replace")))
    assert [leak for where, found in out for leak in leaks(where, found)] == []
    (call,) = opencode.calls
    assert call["XAI_API_KEY"] == KEYS["XAI_API_KEY"]
    assert "DEPLOY_TOKEN" not in call
    cases(len(out) * len(SECRET))


# -- keys that a cut goes through -------------------------------------------------------

KEY = ENVIRONMENT["OPENAI_API_KEY"]
MASK = Mask({KEY: "OPENAI_API_KEY"})
FLOW_OF_ONE = workflow(step("plan"))
CUT = "a key that a cut goes through"


def tells(found: str) -> bool:
    """Whether a text holds more of the key than its first three characters."""
    return KEY[:4] in found


@pytest.mark.fault(LEAK, CUT, "a source cut at 100 places by its step's limit")
@pytest.mark.parametrize("source", ["file:long.txt", "glob:*.txt", "git_diff:all", "stdin"])
def test_half_a_key_is_not_shown_where_a_source_is_cut(
    repo: Shell, source: str, cases: Callable[[int], None]
) -> None:
    line = f"{'x' * 150}{KEY}{'y' * 900}\n"
    repo.write({"long.txt": line})
    found = git.find(repo.folder, repo.env)
    around = Surroundings(repo.folder, found, line, mask=MASK)
    limits = range(100, 400, 3)
    for limit in limits:
        (block,) = context.collect([parse(source)], around, limit)
        assert not tells(block.text), limit
        assert len(block.text) <= limit
    cases(len(limits))


def world(root: Path, backend: ScriptedBackend, events: list[Event]) -> World:
    settings = Settings(root, {}, live_because="the test", secrets={KEY: "OPENAI_API_KEY"})
    return World(settings, {"model": backend}, Surroundings(root), MASK, events.append)


@pytest.mark.fault(LEAK, CUT, "an answer that breaks off after every character of it")
def test_half_a_key_is_not_shown_where_an_answer_breaks_off(
    tmp_path: Path, cases: Callable[[int], None]
) -> None:
    for size in range(4, len(KEY) + 1):
        events: list[Event] = []
        broken = StepFailed("the stream just ended", "", f"use {KEY[:size]}")
        run = Run(FLOW_OF_ONE, "task", world(tmp_path, ScriptedBackend([broken]), events))
        file = checkpoint.create(tmp_path / f"{size}.jsonl")
        file.mask = MASK
        with pytest.raises(StepFailed) as raised:
            run.perform(FLOW_OF_ONE.steps[0], file)
        file.close()
        assert not tells(f"{events} {raised.value.partial} {file.path.read_text()}"), size
    cases(len(KEY) - 3)


@pytest.mark.fault(LEAK, CUT, "a line for people, shortened at every character of it")
def test_half_a_key_is_not_shown_where_a_line_is_shortened(cases: Callable[[int], None]) -> None:
    for width in range(20, 60):
        assert not tells(MASK.brief(first_line(f"the server said: {KEY} is wrong", width))), width
    cases(40)


# -- keys in what is kept, and in mistakes ----------------------------------------------


@pytest.mark.fault(LEAK, "keys in a checkpoint of the older form", "resumed into a new one")
def test_the_older_form_is_masked_in_its_new_file(planted: Shell, opencode: FakeOpenCode) -> None:
    planted.write({"old.json": json.dumps([{"step_id": "plan", "content": ALL}])})
    env = {**opencode.env(["end", 1]), "AETHR_LIVE": "1"}
    run = planted.aethr("run", "x", "--resume-checkpoint", "@old.json", stdin="", **env)
    assert run.code == 1, run.err
    (kept,) = planted.checkpoints
    assert leaks("the new checkpoint", kept.read_text()) == []
    assert "[masked LONG_TOKEN]" in kept.read_text()


@pytest.mark.fault(LEAK, "a key in a mistake", "in a wrong line, an option, a command's words")
@pytest.mark.parametrize(
    "words",
    [
        "check",
        f"run x --from {KEY}",
        f"run x -f {KEY}.yaml",
        f"step {KEY} x",
        f"auth login openai {KEY}",
        f"auth login {KEY}",
    ],
)
def test_a_mistake_does_not_repeat_a_key(repo: Shell, words: str) -> None:
    broken = f"workflow: w\nroles: {{a: b}}\nsteps: [{{id: x, role: {KEY}}}]\n"
    good = broken.replace(KEY, "a")
    repo.write({".aethr.yaml": broken if words == "check" else good})
    run = repo.aethr(*words.split(), stdin="", OPENAI_API_KEY=KEY)
    assert run.code == 2
    assert not tells(run.out + run.err)


@pytest.mark.fault(
    "nothing lost", "a key that is a common word", "the name of a step and of a role"
)
def test_a_key_that_is_a_common_word_masks_no_names_that_a_resume_goes_by(repo: Shell) -> None:
    flow = "workflow: implement\nroles: {implement: Do it.}\nsteps:\n"
    flow += "  - {id: implement, role: implement}\n  - {id: check, role: implement}\n"
    repo.write({".aethr.yaml": flow})
    argv = ("run", "x", "--checkpoint", "c.jsonl")
    assert repo.aethr(*argv, "--until", "implement", OPENAI_API_KEY="implement").code == 0
    run = repo.aethr(*argv, OPENAI_API_KEY="implement")
    assert run.code == 0, run.err


# -- files that are secret, or elsewhere ------------------------------------------------

NAMED = "a secret file named as `file:`"
VARIANTS = [".env", "./.env", ".ENV", ".Env.local", "sub/../.env", ".env/", "deep/.env.production"]


@pytest.mark.fault(LEAK, NAMED, "in every spelling; refused at its line of the workflow")
@pytest.mark.parametrize("name", VARIANTS)
def test_a_secret_file_is_refused_by_its_name(name: str) -> None:
    (problem,) = problems(f"file:{name}")
    assert "names a secret file, which is never read" in problem.text
    assert problem.source[problem.column - 1 :].startswith(f"'file:{name}'")


def problems(source: str) -> tuple[Problem, ...]:
    flow = f"workflow: w\nroles: {{a: b}}\nsteps:\n  - {{id: x, role: a, context: ['{source}']}}\n"
    with pytest.raises(ConfigError) as raised:
        config.parse(flow, "w.yaml")
    return raised.value.problems


@pytest.mark.parametrize("name", [".env.example", ".env.local.sample", ".envrc", "env", "x.env"])
def test_what_only_looks_like_one_is_not_refused(name: str) -> None:
    flow = f"workflow: w\nroles: {{a: b}}\nsteps: [{{id: x, role: a, context: ['file:{name}']}}]\n"
    assert config.parse(flow, "w.yaml").workflow.steps


@pytest.mark.fault(LEAK, NAMED, "through a link, a chain of links, a linked folder")
@pytest.mark.parametrize("name", ["link", "chain", "folder/.ENV.local", "linked"])
@pytest.mark.parametrize("words", ["check", "run x", "run --show-prompt x"])
def test_a_link_to_a_secret_file_is_refused_before_anything_runs(
    repo: Shell, name: str, words: str
) -> None:
    links = {"link": ".env", "chain": "link", "folder": "sub", "linked": "folder/.env.test"}
    repo.write({".env": KEY, "sub/.ENV.local": KEY, "sub/.env.test": KEY})
    for link, target in links.items():
        (repo.folder / link).symlink_to(target)
    flow = "workflow: w\nroles: {a: b}\nsteps:\n"
    flow += f"  - {{id: x, role: a, context: ['file:{name}']}}\n"
    repo.write({".aethr.yaml": flow})
    run = repo.aethr(*words.split())
    assert run.code == 2
    assert "a secret file, which is never read" in run.err
    assert not tells(run.out + run.err)


@pytest.mark.fault(LEAK, "a file outside the project", "a link swapped in while it is read")
def test_a_link_that_is_swapped_all_the_time_never_leads_outside(
    tmp_path: Path, cases: Callable[[int], None]
) -> None:
    """Swap a file, and the folder it is in, for links to their twins outside."""
    root, outside = tmp_path / "root", tmp_path / "outside"
    for folder, content in ((root / "in", "inside"), (outside, "outside")):
        folder.mkdir(parents=True)
        (folder / "file").write_text(content)
    (root / "out").symlink_to(outside)
    over = threading.Event()

    def swap() -> None:
        while not over.is_set():
            for target in ("in", "out"):
                (root / "new").symlink_to(target)
                (root / "new").replace(root / "name")
            (root / "name").unlink()
            (root / "in").rename(root / "name")  # a folder, not a link
            (root / "name").rename(root / "in")

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        seen = [files.read(root, "name/file", 100, 100) for _ in range(3_000)]
    finally:
        over.set()
        swapper.join()
    assert {piece.text for piece in seen if isinstance(piece, Piece)} <= {"inside"}
    cases(len(seen))


@pytest.mark.fault(LEAK, "a file outside the project", "`/proc/self/environ`, by name and by link")
@pytest.mark.parametrize("name", ["/proc/self/environ", "link"])
def test_the_environment_is_no_file_of_the_project(tmp_path: Path, name: str) -> None:
    (tmp_path / "link").symlink_to("/proc/self/environ")
    assert files.read(tmp_path, name, 100, 100) is Unread.OUTSIDE


@pytest.mark.fault(LEAK, NAMED, "under another name, through a hard link")
def test_a_hard_link_to_the_keys_file_is_a_secret_file_too(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(KEY)
    (tmp_path / "notes.txt").hardlink_to(tmp_path / ".env")
    (tmp_path / "other.txt").write_text("fine")
    (tmp_path / "twin.txt").hardlink_to(tmp_path / "other.txt")
    assert files.read(tmp_path, "notes.txt", 100, 100) is Unread.SECRET
    assert isinstance(files.read(tmp_path, "twin.txt", 100, 100), Piece)


@pytest.mark.fault(
    "fail closed", "pipes and sockets in the project", "`glob:**`, in git and outside"
)
@pytest.mark.parametrize("inside", [True, False])
def test_what_is_no_file_is_neither_read_nor_waited_for(
    shell: Shell, inside: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if inside:
        shell.git("init", "-q")
    monkeypatch.chdir(shell.folder)
    os.mkfifo("pipe")
    Path("line\nbreak").write_text("odd name")
    Path(os.fsdecode(b"latin \xe9")).write_text("odd bytes")
    Path("n" * 255).write_text("long name")
    Path("dangling").symlink_to("nothing")
    Path("loop").symlink_to("loop")
    around = Surroundings(shell.folder, git.find(shell.folder, shell.env))
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        (block,) = context.collect([parse("glob:**")], around, 10_000)
    for text_of_one in ("odd name", "odd bytes", "long name"):
        assert text_of_one in block.text
    assert "==> line\\nbreak <==" in block.text
    assert ("pipe (no regular file)" in block.text) == (not inside), "git lists none"


AGENT = "workflow: w\nroles: {a: b}\nsteps: [{id: x, role: a, backend: opencode}]\n"


@pytest.mark.fault(
    "fail closed", "pipes and sockets in the project", "while an agent's tree is kept"
)
@pytest.mark.parametrize("tracked", [True, False])
def test_a_tree_with_a_pipe_in_it_is_not_waited_for(
    repo: Shell, opencode: FakeOpenCode, tracked: bool
) -> None:
    repo.write({".aethr.yaml": AGENT})
    name = repo.folder / ("README.md" if tracked else "pipe")
    name.unlink(missing_ok=True)
    os.mkfifo(name)
    acts = [BEGUN, text("Done."), ["edit", "new.txt", "new\n"], turn()]
    run = repo.aethr("run", "x", "--checkpoint", "c", AETHR_LIVE="1", **opencode.env(*acts))
    assert "Traceback" not in run.err
    assert run.code == (2 if tracked else 0), run.err
    if not tracked:
        (result,) = checkpoint.read(repo.folder / "c").results
        assert result.artifact
        assert [change.path for change in result.artifact.changes] == ["new.txt"]
