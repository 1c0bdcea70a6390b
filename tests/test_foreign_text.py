"""No foreign byte acts on a terminal, whichever way it comes in; what was there can be seen."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aethr.text import PrintableStream, printable
from tests.support.agent import BEGUN, GOOD, FakeOpenCode, error, event, text, tool, turn
from tests.support.cli import PROJECT
from tests.support.live import live
from tests.support.llm_script import Reply
from tests.support.llm_server import LLMServer
from tests.support.terminal import is_unsafe, left_alone, on_terminal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from tests.support.agent import Act
    from tests.support.cli import Shell
    from tests.support.terminal import Screen

ATTACKS = {
    "sets the title": "\x1b]0;owned\x07",
    "sets the title, ended by ST": "\x1b]2;owned\x1b\\",
    "sets the title with C1": "\x9d0;owned\x9c",
    "writes to the clipboard": "\x1b]52;c;b3duZWQ=\x07",
    "makes a link": "\x1b]8;;http://evil.example/\x07here\x1b]8;;\x07",
    "goes up and erases": "\x1b[2A\x1b[2K",
    "clears the screen": "\x1b[2J\x1b[H",
    "clears the screen with C1": "\x9b2J\x9bH",
    "hides text": "\x1b[8mhidden\x1b[0m",
    "switches to the other screen": "\x1b[?1049h",
    "hides the cursor, takes the mouse": "\x1b[?25l\x1b[?1000h",
    "switches the charset": "\x1b(0\x0e",
    "resets": "\x1bc\x1b[!p",
    "scrolls back": "\x1bM\x8d",
    "rings": "\x07",
    "asks for an answer": "\x05\x1b[c\x1b[6n",
    "ends a bracketed paste": "\x1b[201~",
    "overwrites by backspace": "no\x08\x08ok",
    "deletes": "no\x7f\x7f",
    "a device control string": '\x1bP$q"p\x1b\\',
    "an application command": "\x1b_Gi=1;AAAA\x1b\\",
    "a privacy message": "\x1b^x\x1b\\",
    "a string": "\x1bXx\x1b\\",
    "turns the direction": "\u202edrowssap\u202c",
    "isolates": "\u2066a\u2067b\u2068c\u2069",
    "marks a direction": "\u200ea\u200fb\u061cc",
    "a zero-width space": "pa\u200bss\u2060\ufeff",
    "a joiner in ASCII": "pa\u200dss\u200c",
    "tags": "\U000e0041\U000e0042\U000e007f",
    "selectors": "x\ufe00\ufe01\U000e0100",
    "soft hyphens and fillers": "a\xadb\u3164\u115f\u034f",
    "unterminated": "\x1b]0;unterminated",
}
# Python takes these for the end of a line, and what is shown of a line only ends there.
BREAKS = {
    "overwrites by carriage return": "bad\rgood",
    "moves down": "a\x0bb\x0cc",
    "information separators": "a\x1cb\x1dc\x1ed\x1fe",
    "a next line": "a\x85b",
    "separators of lines and paragraphs": "a\u2028b\u2029c",
}
NUL = {"nothing": "a\0b"}
LINES = list(ATTACKS.values())
WORDS = [*LINES, *BREAKS.values()]  # for what can't hold NUL: arguments, variables, names
ALL = [*WORDS, *NUL.values()]
# What fits into a line that is shortened.
SHORT = [
    "\x1b]0;owned\x07",
    "\x1b]52;c;b3duZWQ=\x07",
    "\x1b[2A\x9b2J",
    "no\x08\x08ok",
    "\u202e\u200b",
]
LAST = SHORT[-1:]

FLOW = """\
workflow: flow
roles: {worker: Work.}
models: {worker: "openai:gpt-4o-mini"}
steps: [{id: work, role: worker}]
"""
AGENT = FLOW.replace("role: worker}", "role: worker, backend: opencode}").replace("models", "#")
AETHR = [sys.executable, "-m", "aethr"]
INV = [sys.executable, "-m", "invoke"]
Cases = Callable[[int], None]


def way(what: str) -> pytest.MarkDecorator:
    """Mark a test of one way in."""
    foreign = "escapes, controls, bidi and unseen characters in foreign text"
    return pytest.mark.fault("explicit", foreign, f"{what}; a terminal emulator reads the screen")


def seen(attack: str) -> str:
    """Tell how people see it: what is not plain ASCII as Python writes it, in hexadecimal."""
    return "".join(char if " " <= char <= "~" else _escape(char) for char in attack)


def _escape(char: str) -> str:
    return f"\\x{ord(char):02x}" if ord(char) < 256 else char.encode("unicode_escape").decode()


def harmless(screen: Screen, attacks: Sequence[str]) -> int:
    """Check that nothing acted and that everything can be seen; count the attacks."""
    assert screen.harm == []
    assert [attack for attack in attacks if seen(attack) not in screen.text] == [], screen.text
    assert "Traceback" not in screen.text
    return len(attacks)


@pytest.fixture
def project(repo: Shell) -> Shell:
    repo.write({".aethr.yaml": FLOW, "tasks.py": (PROJECT / "tasks.py").read_text()})
    return repo


@pytest.fixture
def agent(tmp_path: Path) -> FakeOpenCode:
    return FakeOpenCode(tmp_path)


@way("the answer of a model, streamed a character at a time")
def test_what_a_model_says(project: Shell, cases: Cases) -> None:
    answer = "\n".join(ALL)
    with LLMServer(Reply(answer, pieces=len(answer))) as server:
        screen = on_terminal(project, [*AETHR, "run", "x"], **live(server))
    assert screen.code == 0
    cases(harmless(screen, ALL))


@way("the error of a provider, and the start of an answer that breaks off")
@pytest.mark.parametrize("status", [400, 200])
def test_what_a_provider_says(project: Shell, status: int, cases: Cases) -> None:
    said = "".join(SHORT)
    delta = {"choices": [{"index": 0, "delta": {"content": said}}]}
    body = json.dumps({"error": {"message": said}})
    if status == 200:
        body = f"data: {json.dumps(delta)}\n\ndata: {{{said}\n\n"
    with LLMServer(Reply(status=status, body=body)) as server:
        screen = on_terminal(project, [*AETHR, "run", "x", "--verbose"], **live(server))
    assert screen.code == 1
    cases(harmless(screen, SHORT))


ACTS: dict[str, tuple[Act, ...]] = {
    "its text": (text("\n".join(ALL)),),
    "its commands": tuple(tool("bash", input={"command": attack}) for attack in LINES),
    "its files": tuple(tool("edit", input={"filePath": attack}) for attack in LINES),
    "its tools": tuple(tool(attack) for attack in LINES),
    "their errors": tuple(tool("bash", status="error", error=attack) for attack in LINES),
}


@way("an agent's text, streamed or whole, its tool calls and their errors")
@pytest.mark.parametrize(
    ("said", "option"), [*((said, "--stream") for said in ACTS), ("its text", "--no-stream")]
)
def test_what_an_agent_does(
    project: Shell, agent: FakeOpenCode, said: str, option: str, cases: Cases
) -> None:
    project.write({".aethr.yaml": AGENT})
    env = {**agent.env(BEGUN, *ACTS[said], *GOOD[1:]), "AETHR_LIVE": "1"}
    screen = on_terminal(project, [*AETHR, "run", "x", option], **env)
    assert screen.code == 0
    cases(harmless(screen, ALL if said == "its text" else LINES))


ENDS: dict[str, tuple[Act, ...]] = {
    "an error event": (error("".join(SHORT)),),
    "stderr": (["err", f"Error: {''.join(SHORT)}"], ["end", 1]),
    "a refusal": (["err", f"permission requested: {''.join(SHORT)}; auto-rejecting"],),
    "the reason of its end": (*GOOD[:-1], turn(reason="".join(SHORT))),
    "a line that is no event": (["out", "".join(SHORT)], ["end", 1]),
    "an unknown event": (event("".join(SHORT)), ["end", 1]),
}


@way("an agent's errors, its stderr, and lines that are no events")
@pytest.mark.parametrize("end", ENDS)
def test_how_an_agent_ends(project: Shell, agent: FakeOpenCode, end: str, cases: Cases) -> None:
    project.write({".aethr.yaml": AGENT})
    env = {**agent.env(BEGUN, *ENDS[end]), "AETHR_LIVE": "1"}
    screen = on_terminal(project, [*AETHR, "run", "x", "-v"], **env)
    assert screen.code == 1
    cases(harmless(screen, SHORT))


@way("an agent that writes to the terminal itself")
def test_an_agent_has_no_terminal(project: Shell, agent: FakeOpenCode) -> None:
    project.write({".aethr.yaml": AGENT})
    env = {**agent.env(*GOOD), "AETHR_LIVE": "1"}
    program = agent.folder / "bin" / "opencode"
    fake = program.rename(agent.folder / "fake")
    program.write_text(f"#!/bin/sh\nprintf '\\033]0;owned' > /dev/tty\nexec {fake} \"$@\"\n")
    program.chmod(0o755)
    screen = on_terminal(project, [*AETHR, "run", "x"], **env)
    assert (screen.code, screen.harm) == (0, [])


def named(attacks: Iterable[str]) -> list[str]:
    """Give attacks that can be names of files."""
    return [attack.replace("/", "") for attack in attacks]


def quoted(words: str) -> str:
    """Write a text in YAML's double quotes."""
    plain = (char if char.isalnum() else f"\\U{ord(char):08x}" for char in words)
    return f'"{"".join(plain)}"'


def with_step(entries: str) -> str:
    """Give the workflow with more about its step."""
    return FLOW.replace("worker}]", f"worker, {entries}}}]")


@way("the contents and names of files, in prompts, diffs and lists of what is left out")
def test_what_files_hold_and_how_they_are_called(project: Shell, cases: Cases) -> None:
    names = named(WORDS)
    sources = '["file:evil.txt", "git_diff:all", "glob:names/*"]'
    project.write({".aethr.yaml": with_step(f"context: {sources}, context_limit: 20000")})
    project.write({"evil.txt": "\n".join(WORDS), "src/app.py": "\n".join(WORDS)})
    project.write({f"names/{name}": "x" * 2000 for name in names})
    screen = on_terminal(project, [*AETHR, "run", "x", "--show-prompt", "--verbose"])
    assert screen.code == 0
    assert "left out" in screen.text
    cases(harmless(screen, [*WORDS, *names]))


@way("the task: an argument, a variable, what the editor wrote")
@pytest.mark.parametrize("source", ["argument", "variable", "editor"])
def test_what_the_task_says(project: Shell, source: str, cases: Cases) -> None:
    task = "\n".join(WORDS)
    project.write({"task": task, "ed.sh": 'cat task > "$1"\n'})
    words = [task] if source == "argument" else []
    env = {"variable": {"AETHR_TASK": task}, "editor": {"AETHR_EDITOR": "sh ed.sh"}}
    screen = on_terminal(project, [*AETHR, "run", "--show-prompt", *words], **env.get(source, {}))
    assert screen.code == 0
    cases(harmless(screen, WORDS))


SHOWN = [*AETHR, "show"]
PREVIEW = [*AETHR, "run", "x", "--show-prompt"]
EVERYTHING, A_FEW = quoted(" ".join(ALL)), quoted("".join(SHORT))
LOOP = FLOW.replace(
    "worker}]",
    "worker}, {id: again, role: worker, repeat: {back_to: work, until_contains: TEXT}}]",
).replace("TEXT", EVERYTHING)
FILES: dict[str, tuple[str, Sequence[str], Sequence[str]]] = {
    "guidance": (FLOW.replace("Work.", EVERYTHING), PREVIEW, ALL),
    "a task's help": (FLOW.replace("Work.", A_FEW), [*INV, "--help", "aethr.steps.work"], SHORT),
    "a model": (FLOW.replace('"openai:gpt-4o-mini"', f"{{model: {EVERYTHING}}}"), SHOWN, ALL),
    "a condition": (LOOP, SHOWN, ALL),
    "a mock answer": (LOOP, [*AETHR, "run", "x"], ALL),
    "a bad name": (FLOW.replace("id: work", f"id: {A_FEW}"), SHOWN, SHORT),
    "a bad key": (FLOW.replace("roles", f"{A_FEW}: 1\nroles"), SHOWN, SHORT),
    "a bad source": (with_step(f"context: [{A_FEW}]"), SHOWN, SHORT),
    "no YAML": (f"{FLOW}# {''.join(SHORT)}\nx: [\n", SHOWN, []),
    "a line with a mistake": (FLOW.replace("id: work", '"\u202e\u200b": 1'), SHOWN, LAST),
}


@way("the workflow file: guidance, models, conditions, and what is wrong in it")
@pytest.mark.parametrize("place", FILES)
def test_what_the_workflow_says(project: Shell, place: str, cases: Cases) -> None:
    content, argv, attacks = FILES[place]
    project.write({".aethr.yaml": content})
    cases(harmless(on_terminal(project, argv), attacks))


def test_a_caret_stands_below_what_is_shown(project: Shell) -> None:
    project.write({".aethr.yaml": FLOW.replace("id: work", '"\u202e\u200b": 1, id: work, idd: x')})
    *_, source, caret, _ = on_terminal(project, SHOWN).text.splitlines()
    assert source[caret.index("^") :].startswith("idd")


def checkpoint(**fields: object) -> str:
    """Write a checkpoint by hand: raw where JSON allows it; ``fields`` are of its first line."""
    header = {"kind": "run", "format": 1, "workflow": "flow", "digest": "", "text": ""}
    first = {**header, "task": "x", "live": False, "commit": "", "tree": "", **fields}
    return json.dumps(first, ensure_ascii=False) + "\n"


def line(kind: str, **fields: object) -> str:
    return json.dumps({"kind": kind, **fields}, ensure_ascii=False) + "\n"


PAYLOAD = "\n".join(ALL)
NO_PASS = {"verdict": "inconclusive", "number": 1}
KEPT = {
    "its task": checkpoint(task=PAYLOAD),
    "its workflow": checkpoint(workflow=PAYLOAD),
    "its format": checkpoint(format=PAYLOAD),
    "a step": checkpoint() + line("result", step_id=PAYLOAD, content="x"),
    "a result": checkpoint() + line("result", step_id="plan", content=PAYLOAD),
    "a start": checkpoint() + line("start", step_id=PAYLOAD, after=0, tree="", marker="0" * 16),
}


@way("a checkpoint from a stranger: its task, workflow, steps, results and failures")
@pytest.mark.parametrize("place", KEPT)
def test_what_a_checkpoint_says(project: Shell, place: str, cases: Cases) -> None:
    two_steps = FLOW.replace("[{id", "[{id: plan, role: worker}, {id")
    project.write({".aethr.yaml": two_steps, "evil.jsonl": KEPT[place]})
    screen = on_terminal(project, [*PREVIEW[:-2], "--show-prompt", "--checkpoint", "evil.jsonl"])
    said_nothing = place in ("a start", "its format")
    cases(harmless(screen, [] if said_nothing else ALL))


@way("a checkpoint from a stranger: its task, workflow, steps, results and failures")
def test_a_checkpoint_that_is_shown_whole(
    project: Shell, agent: FakeOpenCode, cases: Cases
) -> None:
    """JSON itself escapes C0 only."""
    raw = [attack for attack in ALL if not attack.isascii() or "\x7f" in attack]
    kept = checkpoint(live=True) + line("failure", step_id="work", reason="".join(raw), partial="")
    project.write({".aethr.yaml": AGENT, "evil.jsonl": kept})
    env = {**agent.env(["end", 1]), "AETHR_LIVE": "1"}
    argv = [*AETHR, "run", "--verbose", "--checkpoint", "evil.jsonl"]
    screen = on_terminal(project, argv, **env)
    assert screen.code == 1
    assert screen.harm == []
    cases(len(raw))


ECHOED = [attack.replace("=", "") for attack in SHORT]  # an option ends at its `=`
EVIL = "".join(ECHOED)
SPOKEN = {
    ("run", "x", "--preset", EVIL): True,
    ("run", "x", "-f", EVIL): True,
    ("run", "x", "--from", EVIL): True,
    ("run", "x", "--checkpoint", f"no/{EVIL}"): True,
    ("run", "x", "--resume-checkpoint", f"@{EVIL}"): True,
    ("run", "x", "--resume-checkpoint", EVIL): False,
    ("run", f"--bad{EVIL}"): True,
    ("run", "x", EVIL): True,
    ("step", EVIL, "x"): True,
    ("init", EVIL): True,
    ("auth", "login", EVIL): False,
    (EVIL,): True,
    (f"-{EVIL}",): False,
}


@way("words that the command line refuses")
@pytest.mark.parametrize(("words", "echoed"), SPOKEN.items(), ids=range(len(SPOKEN)))
def test_what_is_typed_and_refused(
    project: Shell, words: tuple[str, ...], echoed: bool, cases: Cases
) -> None:
    screen = on_terminal(project, [*AETHR, *words])
    assert screen.code == 2
    harmless(screen, ECHOED if echoed else [])
    cases(len(SHORT))


@way("words that Aethr refuses at the door of invoke")
@pytest.mark.parametrize(
    "words",
    [("aethr.run", "x", "--preset", EVIL), ("aethr.step", EVIL), ("aethr.init", EVIL)],
    ids=["run", "step", "init"],
)
def test_what_invoke_passes_on(project: Shell, words: tuple[str, ...], cases: Cases) -> None:
    screen = on_terminal(project, [*INV, *words])
    assert screen.code == 2
    cases(harmless(screen, ECHOED))


VARIABLES = {
    "AETHR_LIVE": {"AETHR_LIVE": EVIL},
    "AETHR_MODEL": {"AETHR_MODEL": f"openai:{EVIL}", "AETHR_LIVE": "0"},
    "AETHR_EDITOR": {"AETHR_EDITOR": EVIL},
}


@way("variables of the environment and of .env")
@pytest.mark.parametrize("name", VARIABLES)
def test_what_a_variable_says(project: Shell, name: str, cases: Cases) -> None:
    task = [] if name == "AETHR_EDITOR" else ["x"]
    screen = on_terminal(project, [*AETHR, "run", *task], **VARIABLES[name])
    cases(harmless(screen, ECHOED))


@way("variables of the environment and of .env")
@pytest.mark.parametrize("name", ["AETHR_LIVE", "AETHR_MODEL"])
def test_what_a_dotenv_says(project: Shell, name: str, cases: Cases) -> None:
    value = f"openai:{EVIL}" if name == "AETHR_MODEL" else EVIL
    project.write({".env": f'{name}="{value}"\n'})
    screen = on_terminal(project, [*AETHR, "run", "x"])
    assert screen.code == 2
    cases(harmless(screen, ECHOED))


@way("git's own error messages")
def test_what_git_says(project: Shell, cases: Cases) -> None:
    project.write({".aethr.yaml": with_step("context: [git_diff]")})
    config = project.folder / ".git" / "config"
    config.write_text(f"[diff]\n\trenameLimit = {''.join(SHORT)}\n")
    screen = on_terminal(project, [*AETHR, "run", "x"])
    assert "bad numeric config value" in screen.text
    harmless(screen, [])  # git itself shows a control character as `?`
    cases(len(SHORT))


@way("an error of a library, in a traceback")
def test_what_a_traceback_says(project: Shell, cases: Cases) -> None:
    project.write({"broken/rich/__init__.py": f"raise RuntimeError({''.join(SHORT)!r})\n"})
    env = {"PYTHONPATH": f"{PROJECT}:{project.folder}/broken"}
    # rich is what shows answers that are whole.
    screen = on_terminal(project, [*AETHR, "run", "x", "--no-stream"], **env)
    assert screen.code == 1
    assert "Traceback" in screen.text
    assert screen.harm == []
    cases(len(SHORT))


@pytest.mark.fault("nothing lost", "the terminal goes away", "a pty closed at the first word")
def test_a_run_outlives_its_terminal(project: Shell) -> None:
    script = "trap '' HUP; exec \"$@\" > out"
    assert left_alone(project, ["sh", "-c", script, "sh", *AETHR, "run", "x"]) == 0
    assert "[mock] step `work`" in (project.folder / "out").read_text()


ODD = "a\x1b]0;owned\x07\n\u202eb' \udcff"


@way("a folder's name in the command to go on, which goes on with the very same file")
@pytest.mark.parametrize("option", ["TMPDIR", "--checkpoint", "-f"])
def test_the_command_to_go_on_is_right(
    project: Shell, agent: FakeOpenCode, tmp_path: Path, option: str
) -> None:
    folder = tmp_path / ODD
    folder.mkdir()
    project.write({".aethr.yaml": AGENT})
    (folder / "flow.yaml").write_text(AGENT)
    words = {"--checkpoint": [option, f"{folder}/c"], "-f": [option, f"{folder}/flow.yaml"]}
    tmp = str(folder) if option == "TMPDIR" else project.env["TMPDIR"]
    env = {"AETHR_LIVE": "1", "TMPDIR": tmp}
    failed = project.aethr("run", "x", *words.get(option, ()), **env, **agent.env(["end", 1]))
    assert failed.code == 1
    assert ODD[:2] not in failed.err
    done = project.sh(failed.command, TMPDIR=tmp, **agent.env(*GOOD))
    assert (done.code, done.out) == (0, "All done.\n")


@pytest.mark.fault(
    "explicit",
    "a model's bytes changed on their way into a file",
    "stdout redirected, with every kind of control character",
)
def test_redirected_results_are_exactly_what_was_written(
    project: Shell, agent: FakeOpenCode
) -> None:
    project.write({".aethr.yaml": AGENT})
    acts = [BEGUN, text("\n".join(ALL) + "\n"), turn()]
    done = project.aethr("run", "x", AETHR_LIVE="1", **agent.env(*acts))
    assert done.out == "\n".join(ALL) + "\n"


@pytest.mark.fault("explicit", "a megabyte of escapes", "an agent says it at once, on a terminal")
def test_a_flood_of_escapes_is_shown_whole(project: Shell, agent: FakeOpenCode) -> None:
    project.write({".aethr.yaml": AGENT})
    env = {**agent.env(BEGUN, text("\x1b" * 1_000_000), turn()), "AETHR_LIVE": "1"}
    screen = on_terminal(project, [*AETHR, "run", "x"], **env)
    assert screen.code == 0
    assert screen.text.replace("\n│ ", "").count("\\x1b") == 1_000_000


@given(st.lists(st.text(st.sampled_from("a1\r\n\t\x1b[\x9b\u200d\ufe0f\u2764\u202e\U000e0041é"))))
def test_pieces_are_shown_as_the_whole(pieces: list[str]) -> None:
    stream = PrintableStream()
    shown = "".join(map(stream.feed, pieces)) + stream.close()
    assert shown == printable("".join(pieces))


@pytest.mark.fault("explicit", "every character of Unicode", "each behind a letter")
def test_no_character_that_acts_or_hides_is_printable() -> None:
    """Signs that Unicode files under format (Cf) and that can be seen stay, as in Arabic."""
    signs = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}
    chars = [chr(code) for code in range(sys.maxunicode + 1) if code not in signs]
    shown = set(printable("a".join(chars)))
    assert {char for char in shown if is_unsafe(char)} == set()


@pytest.mark.parametrize("words", ["👩🏽‍💻 ❤️‍🔥 ⚠️ 1️⃣", "می‌خواهم", "क्‍ष", "naïve ﬁ €\t日本語\n"])
def test_what_people_write_stays(words: str) -> None:
    assert printable(words) == words
