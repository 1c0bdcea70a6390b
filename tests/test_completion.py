"""Completion, in real shells: what a person types with TAB is what the command is given."""

from __future__ import annotations

import re
import shutil
import sys
from typing import TYPE_CHECKING

import pexpect
import pytest

from aethr import completion, namespace
from aethr.completion import typed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.support.cli import Shell

BREAKS = " \t\n\"'@><=;|&(:"  # bash's own
IDS = [
    "my step",
    "it's",
    'a"b',
    "pay $HOME `id` !1",
    "x:y",
    "x:z=1",
    "d/e",
    "ünï",
    "back\\slash",
    "~t*[]{}#&;|<>()",
]
FLOW = "workflow: flow\nroles: {r: R.}\nsteps:\n" + "".join(
    f"  - {{id: '{name.replace(chr(39), chr(39) * 2)}', role: r}}\n" for name in IDS
)
# Completes as aethr does, and shows what it was called with.
SHOW = f"""#!/bin/sh
if [ "$1" = completion ]; then exec {sys.executable} -m aethr "$@"; fi
printf '<%s>' "$@"
echo END
"""
BEGIN = {
    "bash": (
        ["--norc", "--noprofile", "-i"],
        "PS1='$ '; bind 'set enable-bracketed-paste off'; eval \"$(aethr completion bash)\"",
    ),
    "zsh": (
        ["-f", "-i"],
        "PS1='$ '; autoload -U compinit && compinit -D; eval \"$(aethr completion zsh)\"",
    ),
    "fish": (
        ["--no-config", "-i"],
        "function fish_prompt; end; function fish_title; end; aethr completion fish | source",
    ),
}
SHELLS = [
    pytest.param(
        name, marks=pytest.mark.skipif(not shutil.which(name), reason=f"{name} is not installed")
    )
    for name in BEGIN
]
# What is typed -> what the command is given.
EVERYWHERE = {
    "aethr step my\t": ["step", "my step"],
    'aethr step "it\t': ["step", "it's"],
    "aethr step 'pa\t": ["step", "pay $HOME `id` !1"],
    "aethr step x:z\t": ["step", "x:z=1"],
    "aethr step \\~\t": ["step", "~t*[]{}#&;|<>()"],
    "aethr run --fr\tmy\t": ["run", "--from", "my step"],
    "aethr run --from=my\t": ["run", "--from=my step"],
    "aethr run --preset pl\t": ["run", "--preset", "plan-implement-review"],
    "aethr run -f oth\t": ["run", "-f", "other.yaml"],
    "aethr run --resume-checkpoint @ke\t": ["run", "--resume-checkpoint", "@kept.jsonl"],
}
BASH = {
    "aethr step it\\'\t": ["step", "it's"],
    'aethr step "pa\t': ["step", "pay $HOME `id` !1"],
    "aethr step 'it\t": ["step", "it's"],
    "aethr step x:z=\t": ["step", "x:z=1"],
    "aethr step my\\ s\t": ["step", "my step"],
    "aethr step -f other.yaml on\t": ["step", "-f", "other.yaml", "only"],
    "aethr run --res\t": ["run", "--resume-checkpoint"],
    "aethr run --workflow=oth\t": ["run", "--workflow=other.yaml"],
    "aethr run --resume-checkpoint @fol\tin\t": ["run", "--resume-checkpoint", "@folder/in.jsonl"],
    "AETHR_LIVE=1 aethr step my\t": ["step", "my step"],
    "cd . && aethr step my\t": ["step", "my step"],
    "aethr auth l\top\t": ["auth", "login", "open"],  # openai, or openrouter
}


@pytest.fixture
def project(shell: Shell) -> Shell:
    shell.write(
        {
            ".aethr.yaml": FLOW,
            "other.yaml": "workflow: o\nroles: {r: R.}\nsteps: [{id: only, role: r}]\n",
            "kept.jsonl": "",
            "folder/in.jsonl": "",
            "../bin/aethr": SHOW,
        }
    )
    program = shell.folder / "../bin/aethr"
    program.chmod(0o755)
    shell.env |= {"PATH": f"{program.parent}:/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
    return shell


class Typist:
    """Somebody at a shell who has completion switched on."""

    def __init__(self, name: str, shell: Shell) -> None:
        argv, begin = BEGIN[name]
        self._screen = pexpect.spawn(
            name,
            argv,
            cwd=str(shell.folder),
            env={**shell.env, "TERM": "dumb"},
            encoding="utf-8",
            timeout=60,
            dimensions=(50, 300),
        )
        self._screen.sendline(f"{begin}; echo REA''DY")
        self._screen.expect("READY\r?\n")

    def types(self, keys: str) -> list[str]:
        """Type, press Enter, and give what the command was called with."""
        self._screen.send(f"{keys}\r")
        self._screen.expect("<([^\n]*)>END")
        found = self._screen.match
        assert isinstance(found, re.Match)
        return str(found[1]).split("><")

    def sees(self, keys: str) -> str:
        """Type, ask for the list that follows, and give all that has come on the screen."""
        self._screen.send(f"{keys}\t\t\x15echo se''en\r")
        self._screen.expect("seen\r?\n")
        return str(self._screen.before)


@pytest.mark.parametrize("name", SHELLS)
def test_what_is_completed_is_what_the_command_is_given(project: Shell, name: str) -> None:
    typist = Typist(name, project)
    for keys, given in {**EVERYWHERE, **(BASH if name == "bash" else {})}.items():
        assert typist.types(keys) == given, keys


def test_bash_takes_every_id_as_one_word(project: Shell) -> None:
    """ESC * puts all the candidates into the line."""
    assert set(Typist("bash", project).types("aethr step \x1b*")) == {"step", *IDS}


@pytest.mark.parametrize("content", ["workflow: [", "workflow: w\nsteps: 3\n", None])
def test_a_broken_workflow_completes_options_and_says_nothing(
    project: Shell, content: str | None
) -> None:
    file = project.folder / ".aethr.yaml"
    file.write_text(content) if content else file.unlink()
    typist = Typist("bash", project)
    assert typist.types("aethr run --res\t") == ["run", "--resume-checkpoint"]
    assert typist.types("aethr step my\t") == ["step", "my"]
    assert "rror" not in typist.sees("aethr step my")


def test_a_program_that_is_gone_says_nothing(project: Shell) -> None:
    typist = Typist("bash", project)
    (project.folder / "../bin/aethr").unlink()
    assert "aethr:" not in typist.sees("aethr step my")


@pytest.fixture
def next_words(
    project: Shell, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., list[str]]:
    """Ask as fish does: with words, without quotes."""
    monkeypatch.chdir(project.folder)

    def asked(*words: str) -> list[str]:
        completion.answer(namespace.console(), "fish", words)
        kind, *found = capfd.readouterr().out.splitlines()
        return found if kind == "words" else [kind]

    return asked


def test_the_commands_come_first(next_words: Callable[..., list[str]]) -> None:
    known = {name.partition(".")[0] for name in namespace.console().task_names}
    assert set(next_words("")) == known
    assert next_words("auth", "") == ["login", "status"]
    assert next_words("--") == ["--help", "--version"]
    assert next_words("nonsense", "") == []


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("run", "--preset", "docs-sync", "--until", ""), ["find-drift", "update", "review"]),
        (("step", "--preset", "docs-sync", ""), ["find-drift", "update", "review"]),
        (("step", "-fother.yaml", ""), ["only"]),
        (("show", "--format", ""), ["text", "json", "mermaid"]),
        (("show", "--checkpoint", ""), ["files"]),
        (("run", "-q", "--report", ""), ["files"]),
        (("apply", ""), ["files"]),
        (("schema", ""), ["workflow", "report"]),
        (("completion", ""), ["bash", "zsh", "fish"]),
        (("run", "--", ""), []),
        (("run", "--text", ""), []),
        (("run", "--resume-checkpoint", "@nowhere/"), []),
    ],
)
def test_a_value_is_completed_by_what_it_is(
    next_words: Callable[..., list[str]], words: Sequence[str], found: list[str]
) -> None:
    assert next_words(*words) == found


def test_an_option_that_is_given_is_not_offered_again_unless_it_may_be(
    next_words: Callable[..., list[str]],
) -> None:
    found = next_words("run", "-q", "--report", "a.md", "--no-stream", "-f", "x", "")
    assert not {"--quiet", "--stream", "--no-stream", "--workflow"} & set(found)
    assert {"--report", "--until", "--help"} <= set(found)


@pytest.mark.parametrize("words", [(), ("--",), ("--", "a"), ("--", "", "aethr 'x"), ("x", "--")])
def test_nothing_that_a_script_asks_is_a_traceback(project: Shell, words: Sequence[str]) -> None:
    said = project.run(sys.executable, "-m", "aethr", "completion", "bash", *words)
    assert "Traceback" not in said.err


def test_a_shell_that_has_no_script_is_named(project: Shell) -> None:
    said = project.run(sys.executable, "-m", "aethr", "completion", "zhs")
    assert said.code == 2
    assert "no completion for `zhs`; did you mean `zsh`?" in said.err


@pytest.mark.parametrize(
    ("text", "words", "current", "kept"),
    [
        ("aethr step ", ["aethr", "step"], "", ""),
        ("aethr 'a b' c\\ d", ["aethr", "a b"], "c d", ""),
        ('aethr "a \\" b', ["aethr"], 'a " b', ""),
        ('aethr "a\\x', ["aethr"], "a\\x", ""),
        ("aethr --from=x:y", ["aethr"], "--from=x:y", "--from=x:"),
        ("aethr @x", ["aethr"], "@x", ""),
        ("aethr a'b'c", ["aethr"], "abc", "ab"),
        ("aethr x 2> out y", ["aethr", "x", "2"], "y", ""),
        ("aethr x\\", ["aethr"], "x", ""),
    ],
)
def test_a_line_of_bash_is_read_as_bash_does(
    text: str, words: list[str], current: str, kept: str
) -> None:
    line = typed.read(text, BREAKS)
    assert (line.words, line.current, line.kept) == (words, current, kept)


def test_the_file_of_a_redirection_is_a_file(project: Shell) -> None:
    line = typed.read("aethr run x > o", BREAKS)
    assert line.redirected
    said = project.run(
        sys.executable, "-m", "aethr", "completion", "bash", "--", BREAKS, "aethr run x > o"
    )
    assert said.out == "files\n"


def test_every_script_asks_in_the_form_that_is_answered() -> None:
    for shell in completion.Shell:
        assert f"completion {shell.value} -- " in completion.script(shell)
