"""Steps that run a command line: what becomes of its output and its exit code, and its end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from aethr import plan, process, prompt
from aethr.backends.shell import ShellBackend
from aethr.errors import StepFailed, UsageError
from aethr.excerpt import Excerpt
from aethr.results import Call, StepResult
from aethr.settings import Settings
from aethr.workflow import History, Repeat, Step
from tests.support.agent import BEGUN, FakeOpenCode, text, turn
from tests.support.cli import PROJECT
from tests.support.live import live
from tests.support.llm_script import said
from tests.support.llm_server import LLMServer
from tests.support.output import Heard
from tests.support.processes import alive, carriers, until
from tests.support.workflows import workflow

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from aethr.results import Reply
    from tests.support.cli import Shell

KEY = "sk-0123456789abcdef"
PASS = "Fine.\n\nReview status: pass\n"
RETRY = Repeat("work", until_success=True)
on_linux = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="what lost its parent is found in /proc"
)


class Command:
    """The backend over a folder, and what it said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.heard = Heard()
        self.environ: dict[str, str] = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
        self.dotenv: dict[str, str] = {}
        self.marker = process.new_marker()

    def runs(self, line: str, **said: Any) -> Reply:
        settings = Settings(self.folder, self.environ, self.dotenv, secrets={KEY: "OPENAI_API_KEY"})
        step = Step("test", backend="shell", run=line, **said)
        call = Call(step, f"{line}\n", None, self.folder, self.marker)
        return ShellBackend(settings, heartbeat=0.05).answer(call, self.heard)

    def fails(self, line: str, **said: Any) -> StepFailed:
        with pytest.raises(StepFailed) as failed:
            self.runs(line, **said)
        return failed.value

    @property
    def left(self) -> list[int]:
        return [pid for pid in carriers(self.marker) if alive(pid)]


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path)


# One command


def test_both_streams_are_one_text_in_the_order_in_which_it_came(command: Command) -> None:
    reply = command.runs("echo one; echo two >&2; printf three")
    assert (reply.content, reply.exit_code) == ("one\ntwo\nthree", 0)
    assert "".join(command.heard.texts) == reply.content
    assert command.heard.calls == []


def test_output_is_seen_while_the_command_runs(command: Command) -> None:
    """It goes on only when what it wrote, without a line's end, was heard."""

    def text(piece: str) -> None:
        (command.folder / "heard").write_text(piece)

    command.heard.text = text  # type: ignore[method-assign]
    waits = "printf .; while [ ! -s heard ]; do sleep 0.01; done"
    assert command.runs(waits, timeout=60).content == "."


def test_a_program_that_has_many_files_open_may_run_commands(command: Command) -> None:
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 2048)), hard))
    many = [os.dup(1) for _ in range(1100)]
    try:
        assert command.runs("echo said").content == "said\n"
    finally:
        for one in many:
            os.close(one)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_script_of_several_lines_runs_in_the_project(command: Command) -> None:
    line = 'cd /\ncd "$OLDPWD"\nif [ "$PWD" = "$(pwd -P)" ]; then pwd; fi\n'
    assert command.runs(line).content == f"{command.folder.resolve()}\n"


@pytest.mark.parametrize(
    ("script", "output", "code"),
    [
        ("echo one\nfalse\necho two\n", "one\n", 1),
        ("echo one; (exit 7); echo two", "one\n", 7),
        ("no-such-tool || echo without\nif false; then :; fi\ntrue", "without\n", 0),
        ("set +e\nfalse\necho on", "on\n", 0),
    ],
)
@pytest.mark.fault("fail closed", "a script that fails halfway", "what comes after is not run")
def test_the_first_command_that_fails_ends_a_script(
    command: Command, script: str, output: str, code: int
) -> None:
    reply = command.runs(script, allow_failure=True)
    assert reply.content.endswith(output)
    assert (reply.content.count("\n"), reply.exit_code) == (
        output.count("\n") + ("no-" in script),
        code,
    )


@pytest.mark.fault("fail closed", "a command that reads stdin", "it meets the end, and no terminal")
def test_a_command_that_asks_gets_no_answer(command: Command) -> None:
    assert command.runs("cat; read answer || echo nobody").content == "nobody\n"
    assert "tty" in command.fails("cat < /dev/tty").partial


def test_the_environment_is_the_users_own_and_what_the_step_adds(command: Command) -> None:
    command.environ |= {"MINE": "yes", "CI": "old"}
    command.dotenv |= {"GROQ_API_KEY": KEY}
    reply = command.runs('echo "$MINE $CI ${GROQ_API_KEY-none}"', env={"CI": "1"})
    assert reply.content == "yes 1 none\n"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("exit 3", "`exit 3` exited with 3"),
        ("no-such-tool -q", "`no-such-tool -q` exited with 127: a command was not found"),
        ("./data", "`./data` exited with 126: a file can't be executed"),
        ("kill -9 $$", "`kill -9 $$` exited with 137: ended by SIGKILL"),
        ("sh -c 'kill -11 $$'; exit $?", "exited with 139: ended by SIGSEGV"),
        ("exit 255", "`exit 255` exited with 255"),
        ("echo on\nfalse", "`echo on …` exited with 1"),
    ],
)
@pytest.mark.fault(
    "fail closed", "a command that fails", "an exit code, a signal, not there, no program"
)
def test_any_other_exit_code_than_0_fails_the_step(command: Command, line: str, said: str) -> None:
    (command.folder / "data").write_text("no program")
    error = command.fails(f"echo before; {line}" if line == "exit 3" else line)
    assert error.summary.endswith(said.replace("`exit 3`", "`echo before; exit 3`"))
    assert line != "exit 3" or error.partial == "before\n"


@pytest.mark.parametrize("allowed", [{"allow_failure": True}, {"repeat": RETRY}])
def test_a_code_that_is_allowed_is_a_result(command: Command, allowed: dict[str, Any]) -> None:
    reply = command.runs("echo red; exit 5", **allowed)
    assert (reply.content, reply.exit_code) == ("red\n", 5)
    assert command.heard.warnings == []


def test_an_odd_code_that_is_allowed_is_explained(command: Command) -> None:
    assert command.runs("kill -9 $$", allow_failure=True).exit_code == 137
    assert command.runs("no-such-tool", allow_failure=True).exit_code == 127
    assert command.heard.warnings == [
        "`kill -9 $$` exited with 137: ended by SIGKILL",
        "`no-such-tool` exited with 127: a command was not found",
    ]


@pytest.mark.parametrize("allowed", [{}, {"allow_failure": True}, {"repeat": RETRY}])
@pytest.mark.fault("fail closed", "a command that hangs", "also where it may fail")
def test_a_command_that_hangs_is_a_failure_always(
    command: Command, allowed: dict[str, Any]
) -> None:
    line = "echo begun; setsid sleep 1000 & exec sleep 1000"
    error = command.fails(line, timeout=2, **allowed)
    assert error.summary == "timed out after 2.0 s"
    assert error.partial == "begun\n"
    assert command.left == []


def test_a_long_silence_is_told(command: Command) -> None:
    command.runs("sleep 0.3")
    assert command.heard.waits[0].startswith("`sleep 0.3` … ")


@on_linux
@pytest.mark.fault("fail closed", "a command that leaves processes behind", "one that writes on")
def test_what_a_command_leaves_running_is_ended_and_told(command: Command) -> None:
    reply = command.runs("yes & echo $! > pid; exec >&2; sleep 0.1; echo done")
    assert reply.exit_code == 0
    assert command.heard.warnings[-1].startswith("ended 1 process that `yes & echo")
    assert not alive(int((command.folder / "pid").read_text()))
    assert command.left == []


def test_what_it_leaves_to_end_by_itself_is_heard_to_its_end(command: Command) -> None:
    """As ``tee`` is, in bash's ``> >(tee log)``: it writes on when the shell has ended."""
    # The shell that has ended is in the way until it is waited for.
    gone = "while [ ! -s told ] || kill -0 $(cat told); do sleep 0.01; done 2> /dev/null"
    reply = command.runs(f"({gone}; seq 20000; echo late) & echo $$ > told; echo early")
    lines = reply.content.splitlines()
    assert (lines[0], lines[-1], len(lines)) == ("early", "late", 20_002)
    assert command.heard.warnings == []


def test_a_command_that_closes_its_output_is_waited_for(command: Command) -> None:
    reply = command.runs("exec > /dev/null 2>&1; sleep 0.2; exit 4", allow_failure=True)
    assert (reply.content, reply.exit_code) == ("", 4)


FLOOD = """\
import os, sys
os.write(1, b"first line\\n")
block = b"x" * 65535 + b"\\n"
for _ in range(32768):
    left = block
    while left:
        left = left[os.write(1, left):]
os.write(1, b"last line\\n")
"""


@pytest.mark.fault("nothing lost", "a command that floods", "2 GiB: its two ends are kept")
def test_a_flood_of_2_gib_costs_no_memory_and_no_disk(command: Command) -> None:
    """Memory is that of a process of its own; an address space of 1 GiB would not hold it."""
    (command.folder / "flood.py").write_text(FLOOD)
    code = (
        "import re, sys; from pathlib import Path\n"
        "from tests.test_command_steps import Command\n"
        "folder = Path(sys.argv[1]); command = Command(folder)\n"
        "reply = command.runs(f'{sys.executable} flood.py')\n"
        "(folder / 'kept').write_text(reply.content)\n"
        "assert len(''.join(command.heard.texts)) == 10_000_000, command.heard.warnings\n"
        "assert command.heard.warnings[0].endswith('what follows is not shown')\n"
        # Not ru_maxrss, which an exec inherits from the process of the tests.
        "print(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(command.folder)],
        capture_output=True,
        text=True,
        check=True,
    )
    kept = (command.folder / "kept").read_text()
    assert kept.startswith("first line\nxxx")
    assert kept.endswith("x\nlast line\n")
    total = 2**31 + len("first line\nlast line\n")
    assert f"\n[truncated: {total - 200_000:,} of {total:,} characters]\n" in kept
    assert int(done.stdout) < 300_000  # KiB; importing the tests takes most of it


@pytest.mark.parametrize("sizes", [[5], [10], [11], [25], [3, 3, 3, 3], [1] * 40, [30, 1], [9, 90]])
def test_of_a_long_text_both_ends_are_kept_and_the_rest_is_counted(sizes: list[int]) -> None:
    letters = "".join(chr(0x100 + place) for place in range(sum(sizes)))
    excerpt, rest = Excerpt(5), letters
    for size in sizes:
        excerpt.add(rest[:size])
        rest = rest[size:]
    total = len(letters)
    mark = f"\n[truncated: {total - 10:,} of {total:,} characters]\n"
    whole = letters if total <= 10 else f"{letters[:5]}{mark}{letters[-5:]}"
    assert excerpt.text == whole


@pytest.mark.fault(
    "nothing leaked", "a command that prints keys", "across a cut, in pieces, as it fails"
)
def test_no_part_of_a_key_is_in_what_is_kept(command: Command) -> None:
    fill = f'{sys.executable} -c \'print("-" * %d, end="")\''
    line = f"{fill % 99_990}; printf {KEY[:6]}; sleep 0.1; printf {KEY[6:]}; {fill % 150_000}"
    reply = command.runs(line)
    assert "[truncated: " in reply.content
    assert KEY[:6] not in reply.content
    assert KEY[6:] not in reply.content
    error = command.fails(f"printf {KEY[:12]}; sleep 1000", timeout=2)
    assert error.partial == "[masked OPENAI_API_KEY]"


def test_bytes_that_are_no_text_are_replaced_one_by_one(command: Command) -> None:
    """Of a character that comes in two pieces, nothing is."""
    line = r"printf 'a\377b\303'; sleep 0.2; printf '\274\n'; printf '\303'"
    assert command.runs(line).content == "a\ufffdbü\n\ufffd"


def test_without_a_shell_nothing_is_begun(command: Command) -> None:
    settings = Settings(command.folder, {"PATH": str(command.folder)})
    with pytest.raises(UsageError, match="there is no `sh` on the PATH"):
        ShellBackend(settings).preflight(Step("test", run="true"), None)


# What later steps are told

FLOW = workflow(
    Step("work", "worker"),
    Step("test", backend="shell", run="cd src\npytest -q", repeat=RETRY),
    Step("look", "worker"),
)


def ran(exit_code: int, content: str = "....\n1 failed\n") -> StepResult:
    return StepResult("test", content, exit_code=exit_code)


@pytest.mark.parametrize(
    ("history", "content", "said"),
    [
        (History.ALL, "red\n", "## test ($ cd src …, exit code 1)\n\n```\nred\n```\n"),
        (History.LATEST, "", "## test ($ cd src …, exit code 1)\n\n```\n\n```\n"),
        (History.ALL, "```\nred", "exit code 1)\n\n````\n```\nred\n````\n"),
        (History.SUMMARY, "...\n1 failed\n", "test ($ cd src …, exit code 1): 1 failed\n"),
        (History.SUMMARY, "", "test ($ cd src …, exit code 1): \n"),
    ],
)
def test_a_later_step_sees_how_a_command_ended(history: History, content: str, said: str) -> None:
    setting = prompt.Setting(FLOW, Step("look", "worker", history=history), "go")
    assert said in prompt.build(setting, [ran(1, content)], ()).text


def test_in_a_preview_the_code_is_not_known_yet() -> None:
    setting = prompt.Setting(FLOW, FLOW.step("look"), "go")
    text = prompt.build(setting, [StepResult("test", "[…]")], ()).text
    assert "## test ($ cd src …, exit code not known)\n" in text


@pytest.mark.parametrize(
    ("codes", "following", "passed"),
    [
        ([0], "look", True),
        ([1], "work", False),
        ([1, 0], "look", True),
        ([1, 1, 1], "look", False),
        ([None], "work", False),  # a checkpoint from elsewhere does not tell
    ],
)
def test_only_exit_code_0_ends_a_loop_as_passed(
    codes: list[int | None], following: str, passed: bool
) -> None:
    results = [
        result
        for code in codes
        for result in (StepResult("work", "done"), StepResult("test", "", exit_code=code))
    ]
    position = plan.replay(FLOW, results)
    assert FLOW.steps[position.index].id == following
    assert position.passed is passed


# In a workflow

ONLY = """\
workflow: checks
steps:
  - {id: lint, run: "echo linted; exit 1", allow_failure: true}
  - {id: test, run: "echo tested $WHAT", env: {WHAT: all}}
"""


def rows(file: Path, kind: str) -> list[dict[str, Any]]:
    lines = map(json.loads, file.read_text().splitlines())
    return [line for line in lines if line["kind"] == kind]


def test_a_workflow_of_commands_needs_no_key_no_model_and_no_role(shell: Shell) -> None:
    shell.write({".aethr.yaml": ONLY})
    done = shell.aethr("run", "go", "--checkpoint", "run.jsonl", AETHR_LIVE="1")
    assert done.code == 0, done.err
    assert done.out == "## lint\nlinted\n\n## test\ntested all\n\n"
    assert "  1  lint  shell  $ echo linted; exit 1  may fail\n" in done.err
    assert "1/2 lint · $ echo linted; exit 1 …\nlint: exit 1 · " in done.err
    results = rows(shell.folder / "run.jsonl", "result")
    assert [result["exit_code"] for result in results] == [1, 0]
    assert rows(shell.folder / "run.jsonl", "call") == []


def test_in_mock_mode_nothing_is_run(shell: Shell) -> None:
    shell.write({".aethr.yaml": ONLY.replace("echo tested", "touch tested; echo")})
    done = shell.aethr("run", "go")
    assert done.code == 0, done.err
    assert "[mock] step `lint`: $ echo linted; exit 1\nNothing was run" in done.out
    assert "lint: exit 0 · " in done.err
    assert "To run the commands: AETHR_LIVE=1\n" in done.err
    assert not (shell.folder / "tested").exists()


def test_a_preview_shows_the_command_line(shell: Shell) -> None:
    shell.write({".aethr.yaml": ONLY})
    shown = shell.aethr("run", "--show-prompt", "go")
    assert shown.out == "## lint\necho linted; exit 1\n## test\necho tested $WHAT\n"


def test_the_map_and_the_generated_task_name_the_command(shell: Shell) -> None:
    tasks = "import aethr\nfrom invoke import Collection\nns = Collection(aethr.collection())\n"
    shell.write({".aethr.yaml": ONLY, "tasks.py": tasks})
    shown = shell.aethr("show").out
    assert "  1  lint  shell  $ echo linted; exit 1  may fail\n" in shown
    assert "  2  test  shell  $ echo tested $WHAT    env WHAT\n" in shown
    listed = shell.inv("--list", COLUMNS="200")
    assert "$ echo tested $WHAT" in listed.out
    done = shell.inv("aethr.steps.test", "--text", "go", AETHR_LIVE="1")
    assert (done.code, done.out) == (0, "tested all\n"), done.err


def test_a_failure_says_why_and_keeps_what_was_written(shell: Shell) -> None:
    broken = ONLY.replace("exit 1", "no-such-tool").replace(", allow_failure: true", "")
    shell.write({".aethr.yaml": broken})
    done = shell.aethr("run", "go", "--checkpoint", "run.jsonl", AETHR_LIVE="1")
    assert (done.code, done.out) == (1, "")
    assert "\n  linted\n" in done.err
    assert (
        "error: step `lint` failed: `echo linted; no-such-tool` exited with 127: "
        "a command was not found\nhint: is it installed, and on the PATH?\n" in done.err
    )
    [failure] = rows(shell.folder / "run.jsonl", "failure")
    assert failure["partial"].startswith("linted\n")
    mended = {"PATH": f"{shell.folder}:{shell.env['PATH']}"}
    shell.write({"no-such-tool": "#!/bin/sh\necho mended\n"})
    (shell.folder / "no-such-tool").chmod(0o755)
    again = shell.sh(done.command, **mended)
    assert again.code == 0, again.err
    assert again.out == "## lint\nlinted\nmended\n\n## test\ntested all\n\n"


LOOP = """\
workflow: until-it-works
roles: {worker: Work.}
models: {worker: "openai:gpt-4o-mini"}
limits: {calls: 2}
steps:
  - {id: work, role: worker, context: ["step:test"]}
  - id: test
    run: "echo x >> count; wc -l < count; [ $(wc -l < count) -ge $ENOUGH ]"
    repeat: {back_to: work, until_success: true, max_iterations: 2}
"""


def until_works(shell: Shell, enough: str, *argv: str) -> tuple[Any, LLMServer]:
    shell.write({".aethr.yaml": LOOP})
    with LLMServer(said("one"), said("two")) as server:
        argv = argv or ("run", "go", "--checkpoint", "run.jsonl")
        return shell.aethr(*argv, **live(server), ENOUGH=enough), server


def test_a_loop_goes_back_until_the_command_succeeds(shell: Shell) -> None:
    """The limit of calls is reached with the second model call: a command is none."""
    done, server = until_works(shell, "2")
    assert done.code == 0, done.err
    assert "↺ work, until the command succeeds, ≤ 2" in done.err
    assert "↺ back to work after pass 1 of 2" in done.err
    assert "loop of test done in pass 2 of 2" in done.err
    first, second = server.prompts
    assert "exit code" not in first
    assert "## test ($ echo x >> count;" in second
    assert ", exit code 1)\n\n```\n1\n```\n" in second
    assert "## step:test\n\n```\n[exit code 1]\n1\n```\n" in second


def test_a_loop_that_never_succeeds_is_not_passed(shell: Shell) -> None:
    done, _ = until_works(shell, "9")
    assert done.code == 3
    assert (
        "not passed: the command of step `test` exited with 1, and its loop of 2 passes is over"
        in done.err
    )


def test_one_step_that_is_to_succeed_stops_a_chain(shell: Shell) -> None:
    """`aethr step test && git commit` must not commit."""
    done, _ = until_works(shell, "9", "step", "test", "go")
    assert (done.code, done.out) == (3, "1\n")
    assert "not passed: the command of step `test` exited with 1\n" in done.err
    done, _ = until_works(shell, "2", "step", "test", "go")
    assert (done.code, done.out) == (0, "2\n")


TIDY = """\
workflow: tidy
roles: {implementer: Do., reviewer: Review.}
models: {reviewer: "openai:gpt-4o-mini"}
steps:
  - {id: before, run: "echo generated > generated.txt"}
  - {id: implement, role: implementer, backend: opencode}
  - {id: format, run: "echo '# tidy' >> new.py; echo formatted"}
  - {id: look, run: "cat new.py"}
  - {id: review, role: reviewer, context: [latest_diff, run_diff]}
"""


def test_what_a_formatter_changes_belongs_to_the_implementation(
    repo: Shell, tmp_path: Path
) -> None:
    repo.write({".aethr.yaml": TIDY})
    (tmp_path / "fake").mkdir()
    writes = ["edit", str(repo.folder / "new.py"), "n = 1\n"]
    env = FakeOpenCode(tmp_path / "fake").env(BEGUN, writes, text("Done."), turn())
    with LLMServer(said(PASS)) as server:
        done = repo.aethr("run", "go", "--checkpoint", "../run.jsonl", **{**live(server), **env})
        assert done.code == 0, done.err
        [prompt] = server.prompts
    latest, run = prompt.split("## latest_diff\n")[1].split("## run_diff\n")
    assert "+n = 1\n+# tidy\n" in latest
    assert "generated" not in latest
    assert "+generated" in run
    assert "## Files changed by format ($ echo '# tidy'" in prompt
    assert "new.py +1 -0\n" in prompt
    results = rows(repo.folder.parent / "run.jsonl", "result")
    before, implement, formatted, look, _ = (result["artifact"] for result in results)
    assert look is None
    assert formatted["base"] == implement["base"] != before["base"]


WRONG = {
    "src.py": "n = 1\n",
    "test_src.py": "import src\n\n\ndef test_n():\n    assert src.n == 2\n",
}


def test_an_agent_works_until_the_tests_pass(repo: Shell, tmp_path: Path) -> None:
    """The example as it is, with real pytest."""
    example = (PROJECT / "examples/fix-failing-test.yaml").read_text()
    repo.write({".aethr.yaml": example, **WRONG, ".gitignore": "*.pyc\n.pytest_cache\n"})
    (tmp_path / "fake").mkdir()
    mends = ["edit", str(repo.folder / "src.py"), "n = 2\n"]
    fake = FakeOpenCode(tmp_path / "fake")
    env = fake.env(BEGUN, mends, text("Mended."), turn())
    env["PATH"] = f"{env['PATH']}:{repo.env['PATH']}"
    with LLMServer(said(PASS)) as server:
        done = repo.aethr("run", "mend it", "--checkpoint", "../run.jsonl", **live(server), **env)
        assert done.code == 0, done.err
        [prompt] = server.prompts
    assert any("assert 1 == 2" in call["stdin"] for call in fake.calls)
    assert "before ($ pytest -q, exit code 1)" in prompt
    assert "-n = 1\n+n = 2\n" in prompt.split("## latest_diff")[1]


def test_the_preset_diagnoses_what_the_tests_say(repo: Shell) -> None:
    repo.write(WRONG)
    answers = [said("The cause."), said("The fix."), said(PASS)]
    with LLMServer(*answers) as server:
        argv = ("run", "why does it fail?", "--preset", "debug-failing-test")
        done = repo.aethr(*argv, **live(server))
        assert done.code == 0, done.err
        assert "test ($ pytest -q, exit code 1)" in server.prompts[0]
        assert "assert 1 == 2" in server.prompts[0]


def test_a_command_alone_is_the_implementation(repo: Shell) -> None:
    flow = TIDY.replace("  - {id: implement, role: implementer, backend: opencode}\n", "")
    repo.write({".aethr.yaml": flow.replace('"echo generated > generated.txt"', '"true"')})
    with LLMServer(said(PASS)) as server:
        done = repo.aethr("run", "go", **live(server))
        assert done.code == 0, done.err
        latest = server.prompts[0].split("## latest_diff\n")[1]
    assert "+# tidy\n" in latest


@on_linux
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.fault(
    "nothing lost", "a signal while a command runs", "SIGINT and SIGTERM: all of it ends"
)
def test_a_signal_ends_all_that_a_command_started(shell: Shell, signum: signal.Signals) -> None:
    line = "setsid sleep 1000 & echo begun; echo $$ > pid; sleep 1000"
    shell.write({".aethr.yaml": f'workflow: w\nsteps:\n  - {{id: hang, run: "{line}"}}\n'})
    argv = [sys.executable, "-m", "aethr", "run", "go", "--checkpoint", "run.jsonl"]
    env: Mapping[str, str] = {**shell.env, "AETHR_LIVE": "1"}
    running = subprocess.Popen(argv, cwd=shell.folder, env=env, stderr=subprocess.PIPE)
    until(lambda: (shell.folder / "pid").exists() and (shell.folder / "pid").read_text().strip())
    marker = rows(shell.folder / "run.jsonl", "start")[0]["marker"]
    os.kill(running.pid, signum)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 128 + signum
    assert b"To go on:" in err
    assert [pid for pid in carriers(marker) if alive(pid)] == []
    assert [row["partial"] for row in rows(shell.folder / "run.jsonl", "failure")] == ["begun\n"]


@pytest.mark.fault("nothing lost", "a signal during a flood", "its two ends are kept, and counted")
def test_of_a_flood_that_is_interrupted_both_ends_are_kept(shell: Shell) -> None:
    """Also of what was not shown any more."""
    flood = (
        f"{sys.executable} -c 'print(chr(120) * 12_000_000)'; echo end; kill -INT $PPID; sleep 99"
    )
    shell.write({".aethr.yaml": f'workflow: w\nsteps:\n  - {{id: flood, run: "{flood}"}}\n'})
    done = shell.aethr("run", "go", "--checkpoint", "run.jsonl", AETHR_LIVE="1")
    assert done.code == 130
    [failure] = rows(shell.folder / "run.jsonl", "failure")
    assert failure["partial"].endswith("xxx\nend\n")
    assert "\n[truncated: 11,800,005 of 12,000,005 characters]\n" in failure["partial"]


CLEANER = """\
workflow: cleaner
steps:
  - {id: clean, run: "echo cleaned >> log; rm run.jsonl"}
  - {id: test, run: "cat log; [ -e mended ]"}
"""


@pytest.mark.fault("nothing lost", "a checkpoint that is removed", "by a command that cleans up")
def test_a_checkpoint_that_a_command_removes_is_put_back(shell: Shell) -> None:
    shell.write({".aethr.yaml": CLEANER})
    done = shell.aethr("run", "go", "--checkpoint", "run.jsonl", AETHR_LIVE="1")
    assert (done.code, done.out) == (1, "## clean\n\n\n"), done.err
    assert "1 of 2 steps is done and kept" in done.err
    shell.write({"mended": "x"})
    again = shell.sh(done.command)
    assert (again.code, again.out) == (0, "## test\ncleaned\n\n"), again.err


@pytest.mark.parametrize(
    ("instead", "said"),
    [("; echo mine > run.jsonl", "another file"), ("; mkdir run.jsonl", "another file")],
)
@pytest.mark.fault("nothing lost", "a checkpoint that is replaced", "what stands there stays")
def test_what_stands_in_a_checkpoints_place_is_not_written_to(
    shell: Shell, instead: str, said: str
) -> None:
    shell.write(
        {".aethr.yaml": CLEANER.replace("rm run.jsonl", f"rm run.jsonl{instead}; echo out")}
    )
    done = shell.aethr("run", "go", "--checkpoint", "run.jsonl", AETHR_LIVE="1")
    assert (done.code, done.out) == (1, "## clean\nout\n\n")
    assert "the result above is not kept" in done.err
    assert said in done.err
    assert (shell.folder / "run.jsonl").is_dir() or (
        shell.folder / "run.jsonl"
    ).read_text() == "mine\n"


@on_linux
@pytest.mark.fault("nothing lost", "a kill -9 while a command runs", "the run that goes on ends it")
def test_what_a_kill_left_of_a_command_is_ended_by_the_run_that_goes_on(shell: Shell) -> None:
    line = "[ -e pid ] && exit 0; echo $$ > pid; exec sleep 1000"
    shell.write({".aethr.yaml": f'workflow: w\nsteps:\n  - {{id: hang, run: "{line}"}}\n'})
    argv = [sys.executable, "-m", "aethr", "run", "go", "--checkpoint", "run.jsonl"]
    env = {**shell.env, "AETHR_LIVE": "1"}
    running = subprocess.Popen(argv, cwd=shell.folder, env=env, stderr=subprocess.PIPE)
    until(lambda: (shell.folder / "pid").exists() and (shell.folder / "pid").read_text().strip())
    running.kill()
    running.communicate()
    pid = int((shell.folder / "pid").read_text())
    assert alive(pid)
    done = shell.aethr("run", "--checkpoint", "run.jsonl", AETHR_LIVE="1")
    assert done.code == 0, done.err
    assert "hang: ended 1 process that it had left running" in done.err
    assert not alive(pid)
