"""A run as people see it: on real terminals of several widths, and where there is none."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from aethr.streams import LOOKALIKE
from tests.support.cli import PROJECT
from tests.support.live import live
from tests.support.llm_script import refusal, said
from tests.support.llm_server import LLMServer
from tests.support.screens import FOLDER
from tests.support.terminal import console, on_terminal, rows
from tests.test_run import REVIEW

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.cli import Shell
    from tests.support.screens import Compare

AETHR = [sys.executable, "-m", "aethr"]
PLAYER = [sys.executable, "-m", "tests.support.player"]
PRESET = ["run", "--preset", "plan-implement-review", "add a --shout flag"]
# Commands need no key, and live runs of them are what takes time: as long as a test wants.
WAITS = """\
workflow: waits
steps:
  - id: build
    run: "printf 'one line\\nhalf a'; until [ -e go ]; do sleep 0.02; done; echo ' line more'"
  - {id: test, run: "echo tested"}
"""
STATUS = r"^step 1/2 build · [0-9]+ s · .*running$"
HALF = "^│ half"  # what stands when the command has begun, which the status does not wait for
CONTROL = re.compile(r"\x1b|[\x00-\x08\x0b-\x1f]")


@pytest.fixture
def waits(repo: Shell) -> Shell:
    repo.write({".aethr.yaml": WAITS})
    repo.env |= {"AETHR_LIVE": "1", "PYTHONPATH": str(PROJECT)}
    return repo


@pytest.fixture
def stage(shell: Shell) -> Shell:
    shell.env |= {"PYTHONPATH": str(PROJECT)}
    return shell


# Golden screens.


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_a_mock_run(repo: Shell, columns: int, screen: Compare) -> None:
    shown = on_terminal(repo, [*AETHR, *PRESET], columns=columns)
    assert shown.code == 0
    assert shown.harm == []
    screen(f"mock-run-{columns}", "\n".join(shown.lines))


@pytest.mark.fault(
    "explicit",
    "an answer that imitates our own lines",
    "the bottom edge and the summary in an answer, on terminals of 40 to 120 columns",
)
@pytest.mark.parametrize("columns", [40, 60, 80, 120])
def test_what_an_answer_imitates_stands_behind_the_border(
    stage: Shell, columns: int, screen: Compare
) -> None:
    shown = on_terminal(stage, [*PLAYER, "loop"], columns=columns)
    assert shown.code == 0
    assert shown.harm == []
    screen(f"loop-{columns}", "\n".join(shown.lines))
    alike = [line for line in shown.lines if re.search("╰ pass|passed · 5 results", line)]
    assert [line[:8] for line in alike] == ["│ ╰ pass", "│ passed", "╰ pass ·", "passed ·"]


@pytest.mark.parametrize("columns", [60, 80])
def test_a_failed_run(stage: Shell, columns: int, screen: Compare) -> None:
    shown = on_terminal(stage, [*PLAYER, "broken"], columns=columns)
    assert shown.harm == []
    screen(f"broken-{columns}", "\n".join(shown.lines))


def test_answers_that_are_shown_whole(stage: Shell, screen: Compare) -> None:
    shown = on_terminal(stage, [*PLAYER, "diff", "--no-stream", "-v"])
    assert shown.harm == []
    screen("whole-80", "\n".join(shown.lines))
    assert "\x1b[32m+import sys\x1b[0m" in shown.sent.replace("│ ", "")
    assert "\x1b[31m-print('hi')\x1b[0m" in shown.sent.replace("│ ", "")


@pytest.mark.fault(
    "explicit",
    "Markdown that changes what an answer says",
    "a JSON document with stars in it, with --no-stream",
)
def test_a_structured_answer_is_shown_as_it_is(repo: Shell) -> None:
    schema = "{type: object, required: [glob], properties: {glob: {const: '**x** _y_'}}}"
    step = f"{{id: one, role: r, output_schema: {schema}}}"
    repo.write({".aethr.yaml": f"workflow: w\nroles: {{r: R.}}\nsteps:\n  - {step}\n"})
    shown = on_terminal(repo, [*AETHR, "run", "go", "--no-stream"])
    assert '│   "glob": "**x** _y_"' in shown.lines


def test_a_terminal_that_knows_ascii_only(stage: Shell, screen: Compare) -> None:
    shown = on_terminal(stage, [*PLAYER, "loop"], PYTHONIOENCODING="ascii")
    assert shown.sent.isascii()
    screen("ascii-80", "\n".join(shown.lines))


@pytest.mark.parametrize("encoding", ["cp1252", "cp437"])
@pytest.mark.parametrize("option", ["--stream", "--no-stream"])
def test_no_encoding_breaks_a_run(repo: Shell, encoding: str, option: str) -> None:
    repo.env["PYTHONIOENCODING"] = encoding
    with console(repo, [*AETHR, *PRESET, option], (80, 60), encoding=encoding) as seen:
        assert seen.ends() == 0
        assert "Traceback" not in seen.sent
        assert "?" not in seen.sent
        assert any(line.endswith("Review status: pass") for line in seen.lines)
    code = repo.sh(f"aethr {shlex.join([*PRESET, option])} > out 2> err; echo $?").out
    assert code == "0\n"
    assert "passed · 3 results" in (repo.folder / "err").read_bytes().decode(encoding)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "cp437", "cp932", "koi8-r"])
def test_our_marks_can_be_said_in_any_encoding(encoding: str) -> None:
    marks = "╭╮╰╯├─│▸→✓✗×−–·↺≤≥…•▌"
    said = marks.encode(encoding, LOOKALIKE).decode(encoding)
    assert "?" not in said
    frames = "╭╮╰╯├─│·–"
    assert len(frames.encode(encoding, LOOKALIKE).decode(encoding)) == len(frames)


# What is asked for in the environment.


def test_colours_can_be_refused(stage: Shell) -> None:
    shown = on_terminal(stage, [*PLAYER, "diff"], NO_COLOR="1")
    assert "\x1b[3" not in shown.sent
    assert "\x1b[0m" not in shown.sent
    assert "\x1b[32m" in on_terminal(stage, [*PLAYER, "diff"]).sent
    assert "\x1b[32m" in on_terminal(stage, [*PLAYER, "diff"], NO_COLOR="").sent


@pytest.mark.parametrize("term", ["dumb", "unknown", ""])
def test_a_terminal_that_knows_no_escapes_gets_none(stage: Shell, term: str) -> None:
    shown = on_terminal(stage, [*PLAYER, "loop"], TERM=term)
    assert not CONTROL.search(shown.sent.replace("\r\n", "\n"))
    assert "├ importing LiteLLM" in shown.lines


@pytest.mark.parametrize(
    ("env", "coloured"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ({"TERM": "xterm-256color"}, False),
    ],
)
def test_a_file_gets_colours_only_by_force(
    stage: Shell, env: dict[str, str], coloured: bool
) -> None:
    said = stage.run(*PLAYER, "loop", **env)
    assert said.code == 0
    assert ("\x1b[32m" in said.err) == coloured
    assert "\x1b[J" not in said.err


@pytest.mark.parametrize(("columns", "width"), [("50", 50), ("200", 80)])
def test_columns_narrow_a_terminal_and_never_widen_it(
    stage: Shell, columns: str, width: int
) -> None:
    lines = on_terminal(stage, [*PLAYER, "loop"], COLUMNS=columns).lines
    edges = [line for line in lines if line.endswith("──") and line[0] in "╭╰"]
    assert {len(line) for line in edges} == {width - 1}


def test_where_there_is_no_terminal_lines_are_of_any_length(repo: Shell) -> None:
    task = "x" * 300
    repo.write({".aethr.yaml": f"workflow: w\nsteps: [{{id: {task}, run: 'true'}}]\n"})
    said = repo.aethr("run", "go", COLUMNS="40")
    assert f"1/1 {task} · $ true …\n{task}: exit 0 · " in said.err
    assert not CONTROL.search(said.err)
    assert not said.err.count("│")


def test_a_reader_of_stderr_that_goes_away_ends_the_view_only(repo: Shell) -> None:
    said = repo.sh(
        "set -o pipefail; { aethr run --preset plan-implement-review x 2>&1 >&3 | head -1; "
        "echo ${PIPESTATUS[0]}; } 3> out; cat out"
    )
    headline, code, *results = said.out.splitlines()
    assert headline.startswith("plan-implement-review · 3 steps · mock")
    assert code == "0"
    assert results[-2:] == ["Review status: pass", ""]


def test_nothing_of_rich_is_loaded_for_a_run_that_streams_or_that_nobody_sees(
    stage: Shell,
) -> None:
    loads = (
        "import sys; sys.argv = ['p', 'loop']; from tests.support import player; player.main(); "
    )
    code = (
        f"{loads}print(sorted(m for m in sys.modules if m.split('.')[0] in {{'rich', 'pygments'}}))"
    )
    assert stage.run(sys.executable, "-c", code).out == "[]\n"
    shown = on_terminal(stage, [sys.executable, "-c", code])
    assert shown.lines[-1] == "[]"


# While a step runs.


def test_the_status_line_lives_below_what_stands(waits: Shell, screen: Compare) -> None:
    with console(waits, [*AETHR, "run", "go"]) as seen:
        seen.until(HALF)
        seen.until(STATUS)
        sight = "\n".join(seen.lines)
        screen("status-80", re.sub(r" [0-9]+ s ·", " 0 s ·", sight[sight.index("╭") :]))
        (waits.folder / "go").touch()
        assert seen.ends() == 0
        assert not [line for line in seen.lines if re.match(r"step \d", line)]
        assert "│ half a line more" in seen.lines


def test_a_live_model_says_what_it_waits_for(repo: Shell) -> None:
    repo.write({".aethr.yaml": REVIEW})
    busy = refusal(429, "slow down", retry_after="2")
    with LLMServer(busy, said("Fine.\n\nReview status: pass\n")) as server:
        shown = on_terminal(repo, [*AETHR, "run", "go"], **live(server))
    assert shown.code == 0
    assert shown.harm == []
    waits = dict.fromkeys(status.rpartition(" · ")[2] for status in shown.statuses)
    # Each lasts for as long as the machine takes; importing is long on any, and a countdown is
    # shown when it begins.
    assert "importing LiteLLM" in waits
    assert {"retry in 1 s", "retry in 2 s"} & waits.keys()
    assert all(status.startswith("step 1/1 review · openai:gpt") for status in shown.statuses)
    assert len({len(line) for line in shown.lines if line.startswith(("╭", "╰"))}) == 1


def test_verbose_shows_what_a_step_changed_without_its_keys(repo: Shell) -> None:
    key = "sk-test-openai-0123456789"
    flow = "workflow: w\nsteps:\n"
    for number in (1, 2):
        flow += f"  - {{id: s{number}, run: 'echo {number} $OPENAI_API_KEY >> README.md'}}\n"
    repo.write({".aethr.yaml": flow})
    env = {"AETHR_LIVE": "1", "OPENAI_API_KEY": key}
    shown = on_terminal(repo, [*AETHR, "run", "go", "-v"], **env)
    assert shown.code == 0
    assert shown.harm == []
    assert key not in shown.sent
    second = shown.lines[shown.lines.index("├ what it changed", len(shown.lines) // 2) :]
    # Its own change only, and not all since the run's start.
    assert [line for line in second if line.startswith("│ +")][1:] == [
        "│ +2 [masked OPENAI_API_KEY]"
    ]
    assert "  README.md +1 -0" in second
    brief = on_terminal(repo, [*AETHR, "run", "go"], **env)
    assert "what it changed" not in brief.text
    assert brief.lines.count("  README.md +1 -0") == 2


def test_a_countdown_is_shown_when_it_begins(stage: Shell) -> None:
    shown = on_terminal(stage, [*PLAYER, "loop"])  # in no time, so that nothing else draws it
    assert [said for said in shown.statuses if re.search(" · retry in 1[0-2] s$", said)]


def test_a_mock_status_says_that_it_is_mock(stage: Shell) -> None:
    with console(stage, [*PLAYER, "mock", "--wait"]) as seen:
        seen.until(r"^step 1/3 plan · openai:gpt-4o-mini · [0-9]+ s · mock · starting$")
        seen.types("\n")
        assert seen.ends() == 0


def test_the_screen_in_the_readme_is_a_real_one(stage: Shell, screen: Compare) -> None:
    with console(stage, [*PLAYER, "midway", "--wait"], (80, 18)) as seen:
        seen.until("^step 2/3 implement · pass 2 · .* · working$")
        sight = re.sub(r" · [0-9]+ s · 40", " · 12 s · 40", "\n".join(seen.lines))
        seen.types("\n")
        assert seen.ends() == 0
    screen("midway-80", sight)
    golden = (FOLDER / "midway-80.txt").read_text("utf-8")
    assert f"```text\n{golden}```" in (PROJECT / "README.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("\x03", 130),
        (signal.SIGTERM, 143),
        (signal.SIGINT, 130),
    ],
)
@pytest.mark.fault(
    "nothing lost",
    "SIGINT, SIGTERM, SIGHUP",
    "a run interrupted while its status line lives; the terminal is as it was",
)
def test_an_interrupted_run_leaves_a_clean_terminal(
    waits: Shell, sent: str | signal.Signals, code: int
) -> None:
    with console(waits, [*AETHR, "run", "go"]) as seen:
        mode = seen.mode
        seen.until(HALF)
        seen.until(STATUS)
        if isinstance(sent, str):
            seen.types(sent)
        else:
            seen.process.send_signal(sent)
        assert seen.ends() == code
        assert seen.is_as_before(mode)
        assert not [line for line in seen.lines if re.match(r"step \d", line)]
        at = next(place for place, line in enumerate(seen.lines) if line.startswith("│ half"))
        assert seen.lines[at + 1].startswith("╰ interrupted · ")
        assert seen.lines[at + 2].startswith("error: interrupted by SIG")


@pytest.mark.fault(
    "explicit",
    "an answer that imitates our own lines",
    "Ctrl-Z in the middle of a row, then fg: the rest of it is behind the border, too",
)
@pytest.mark.parametrize("term", ["xterm-256color", "dumb"])
def test_a_row_that_ctrl_z_broke_off_goes_on_behind_its_border(waits: Shell, term: str) -> None:
    argv = ["bash", "--norc", "--noprofile", "-i"]
    with console(waits, argv, (200, 24), TERM=term, PS1="$ ") as seen:
        seen.types(f"{shlex.join(AETHR)} run go\n")
        seen.until(HALF)
        if term != "dumb":
            seen.until(STATUS)
        seen.types("\x1a")
        seen.until(r"^\[1\]\+ +Stopped")
        assert not [line for line in seen.lines if re.match(r"step \d", line)]
        seen.types("fg\n")
        seen.until("^/.* run go$")
        (waits.folder / "go").touch()
        seen.until("^done · 2 results")
        after = seen.lines[seen.lines.index("$ fg") + 2 :]
        assert re.fullmatch("│  *(a )?line more", after[0])
        assert after[1].startswith("╰ exit 0")
        assert not [line for line in seen.lines if re.match(r"step \d", line)]


def test_where_ctrl_z_stops_nothing_the_line_lives_on(waits: Shell) -> None:
    """As with ``ssh -t host aethr run``: the kernel stops none that nobody could have go on."""
    with console(waits, [*AETHR, "run", "go"]) as seen:
        seen.until(HALF)
        before = seen.until(STATUS)[0]
        seen.types("\x1a")
        seen.until(STATUS.replace("[0-9]+", f"(?!{before.split(' · ')[1]})[0-9]+"))
        (waits.folder / "go").touch()
        assert seen.ends() == 0


STUBBORN = WAITS.replace("until [ -e go ]", "trap '' TERM INT; until [ -e go ]")


def test_a_second_signal_leaves_a_clean_terminal(waits: Shell) -> None:
    """The first one waits for a command that is deaf; the second one waits for nothing."""
    waits.write({".aethr.yaml": STUBBORN})
    with console(waits, [*AETHR, "run", "go"]) as seen:
        mode = seen.mode
        seen.until(HALF)
        seen.until(STATUS)
        seen.types("\x03")
        # Within a quarter of a second it would be the same Ctrl-C, passed on by a wrapper.
        time.sleep(0.4)
        seen.types("\x03")
        assert seen.ends() == 130
        assert seen.is_as_before(mode)
        assert not [line for line in seen.lines if re.match(r"step \d", line)]
        seen.until("To go on:")


def test_a_bug_leaves_a_clean_terminal(waits: Shell) -> None:
    bug = (
        "import os, time\nfrom aethr.backends import shell\nfrom aethr.__main__ import main\n"
        "def answer(*_):\n    while not os.path.exists('go'):\n        time.sleep(0.02)\n"
        "    raise RuntimeError('a bug')\n"
        "shell.ShellBackend.answer = answer\nmain()\n"
    )
    with console(waits, [sys.executable, "-c", bug, "run", "go"], (80, 100)) as seen:
        mode = seen.mode
        seen.until(STATUS)
        (waits.folder / "go").touch()
        assert seen.ends() == 1
        assert seen.is_as_before(mode)
        seen.until("RuntimeError: a bug")
        assert "╰ not finished" in "\n".join(seen.lines)
        assert not [line for line in seen.lines if re.match(r"step \d", line)]


@pytest.mark.parametrize("columns", [40, 120])
def test_a_resized_window_is_taken_as_it_is(waits: Shell, columns: int) -> None:
    with console(waits, [*AETHR, "run", "go"]) as seen:
        seen.until(STATUS)
        seen.resize(columns, 24)
        (waits.folder / "go").touch()
        assert seen.ends() == 0
        edges = [line for line in seen.lines if line.startswith("╰ exit 0")]
        assert [len(line) for line in edges] == [columns - 1] * 2
        assert not [line for line in seen.lines if re.match(r"step \d", line)]


# The same in tmux, which sets long lines anew when a window becomes narrow.


@pytest.fixture
def tmux(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    program = shutil.which("tmux")
    if not program:
        missing = "there is no tmux; `apt-get install tmux` puts it on"
        pytest.fail(missing) if os.environ.get("CI") == "true" else pytest.skip(missing)
    socket = str(tmp_path_factory.mktemp("tmux") / "socket")

    def call(*argv: str) -> str:
        done = subprocess.run(
            [str(program), "-S", socket, "-f", "/dev/null", *argv],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return done.stdout

    yield call
    call("kill-server")


def test_a_whole_run_in_tmux_with_a_resize(waits: Shell, tmux: Callable[..., str]) -> None:
    env = [word for pair in waits.env.items() for word in ("-e", "=".join(pair))]
    waits.write({"run.sh": f'{sys.executable} -m aethr run go; echo "code $?"; exec cat\n'})
    new = ["new-session", "-d", "-x", "90", "-y", "30", *env, "-c", str(waits.folder)]
    tmux(*new, "sh", "run.sh")

    def until(pattern: str) -> list[str]:
        deadline = time.monotonic() + 60
        while True:
            lines = tmux("capture-pane", "-p", "-S", "-").rstrip().splitlines()
            if any(re.search(pattern, line) for line in lines):
                return lines
            assert time.monotonic() < deadline, lines
            time.sleep(0.05)

    def elapsed() -> str:
        (last,) = (line for line in until("^step 1") if line.startswith("step 1"))
        return str(re.findall("[0-9]+ s", last)[0])

    def resized(columns: int) -> None:
        """Wait until the terminal has the new size (tmux takes its time), and a tick longer."""
        tmux("resize-window", "-x", f"{columns}", "-y", "20")
        tty = tmux("display-message", "-p", "#{pane_tty}").strip()
        with open(tty, "rb", buffering=0) as terminal:  # noqa: PTH123 - no path of ours
            while os.get_terminal_size(terminal.fileno()).columns != columns:
                time.sleep(0.05)
        first = elapsed()
        while elapsed() == first:
            time.sleep(0.05)

    until(STATUS)
    resized(30)
    resized(70)
    (waits.folder / "go").touch()
    lines = until("^code 0$")
    assert not [line for line in lines if re.match(r"step \d", line)]
    assert "│ one line" in lines
    assert "│ half a line more" in lines
    assert [len(line) for line in lines if line.startswith("╰ exit 0")] == [69, 69]
    (cursor,) = tmux("display-message", "-p", "#{cursor_flag}").split()
    assert cursor == "1"


def test_a_screen_is_read_as_an_emulator_shows_it() -> None:
    assert rows("ab\r\n漢字x\r\n", 10) == ["ab", "漢字x"]
