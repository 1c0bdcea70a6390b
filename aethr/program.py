"""The console script: an invoke Program over the hand-written tasks, one command a call."""

from __future__ import annotations

import re
import signal
import sys
from typing import TYPE_CHECKING, Any

from invoke import Exit, ParseError, Program

from aethr import __version__, namespace
from aethr.errors import USAGE, Interrupted, UsageError, did_you_mean
from aethr.streams import out, tell_bug
from aethr.task import long_flag

if TYPE_CHECKING:
    from collections.abc import Iterable
    from dataclasses import Field

    from invoke import Argument

# A command's usage as a person types it, and two examples.
_USAGE = {
    "run": ("[TASK] [options]", ('aethr run "review my changes"', "aethr run --show-prompt")),
    "step": ("ID [TASK] [options]", ("aethr step review", 'aethr step plan "add a --json flag"')),
    "init": ("[PRESET] [options]", ("aethr init --list", "aethr init plan-implement-review")),
    "show": ("[options]", ("aethr show", "aethr show --preset add-tests")),
    "check": ("[options]", ("aethr check", "aethr check -f ci/review.yaml")),
    "schema": ("[report]", ("aethr schema > .aethr.schema.json", "aethr schema report")),
    "auth.login": (
        "PROVIDER [options]",
        ("aethr auth login openai", "aethr auth login openai < key.txt"),
    ),
    "auth.status": ("", ("aethr auth status", "aethr auth status | grep missing")),
    "version": ("", ("aethr version", "aethr --version")),
}


class AethrProgram(Program):
    """invoke's program with our words for help and errors, and exit code 2 for misuse."""

    def create_config(self) -> None:
        """Read invoke's own files, among them one in HOME, which may be no folder of ours."""
        try:
            super().create_config()
        except OSError as error:
            said = f"can't read {error.filename}: {error.strerror}"
            raise UsageError(said, "set HOME to a folder of your own") from None

    def core_args(self) -> list[Argument]:
        """Keep invoke's options, which it reads later, but only two with a short flag."""
        arguments: list[Argument] = super().core_args()
        for argument in arguments:
            if argument.names[0] not in {"help", "version"}:
                argument.names = argument.names[:1]
        return arguments

    def normalize_argv(self, argv: list[str] | None) -> None:
        """Take ``auth login`` for ``auth.login``, the way invoke names it."""
        super().normalize_argv(argv)
        _, *words = self.argv
        if words[:1] != ["auth"]:
            return
        if len(words) > 1 and f"auth.{words[1]}" in _USAGE:
            self.argv[1:3] = [f"auth.{words[1]}"]
            return
        asked = bool({"-h", "--help"} & set(words))
        group = {name: use for name, (use, _) in _USAGE.items() if name.startswith("auth.")}
        _print(
            f"usage: aethr {name.replace('.', ' ')} {use}".rstrip() for name, use in group.items()
        )
        raise Exit(code=0 if asked else USAGE)

    def parse_core(self, argv: list[str] | None) -> None:
        """Let Python keep its bytecode: invoke turns that off, and each start compiled us anew."""
        before = sys.dont_write_bytecode
        super().parse_core(argv)
        sys.dont_write_bytecode = before

    def parse_core_args(self) -> None:
        try:
            super().parse_core_args()
        except ParseError as error:
            raise self._explained(error) from None

    def parse_tasks(self) -> None:
        try:
            super().parse_tasks()
        except ParseError as error:
            raise self._explained(error) from None
        if len(self.tasks) > 1:
            first, second = self.tasks[0].name, self.tasks[1].name
            raise UsageError(
                f"one command a call, not `{first}` and `{second}`",
                "a task of several words stands in quotes",
            )

    def execute(self) -> None:
        try:
            super().execute()
        except KeyboardInterrupt:
            raise Interrupted(signal.SIGINT) from None

    def print_help(self) -> None:
        rows = [(name.replace(".", " "), self._summary(name)) for name in _USAGE]
        options = [("-h, --help", "this help, or a command's"), ("-V, --version", "the version")]
        _print(
            [
                "usage: aethr COMMAND [options]",
                "",
                "Runs explicit, reproducible AI coding workflows: the steps of .aethr.yaml.",
                "",
                "commands:",
                *_columns(rows),
                "",
                "options:",
                *_columns(options),
                "",
                "examples:",
                '  aethr run --preset review-existing-diff "review my changes"',
                "  aethr init plan-implement-review",
            ]
        )

    def print_task_help(self, name: str) -> None:
        usage, examples = _USAGE[name]
        fields = self.collection[name].options
        options = ["", "options:", *_columns(map(_option, fields))] if fields else []
        _print(
            [
                f"usage: aethr {name.replace('.', ' ')} {usage}".rstrip(),
                "",
                self._summary(name),
                *options,
                "",
                "examples:",
                *(f"  {example}" for example in examples),
            ]
        )

    def _summary(self, name: str) -> str:
        return str(self.collection[name].__doc__)

    def _explained(self, error: ParseError) -> UsageError:
        """Say in our words, with the nearest name, what invoke could not parse."""
        unknown = re.fullmatch(r"No idea what '(.*)' is!", str(error), re.DOTALL)
        command = error.context.name if error.context else None
        help_hint = f"aethr {(command or '').replace('.', ' ')} --help".replace("  ", " ")
        if "required positional" in str(error):
            # A word is required only where the command stands twice: see AethrTask.
            return UsageError(f"one command a call: `{command}` stands twice", help_hint)
        if not unknown:
            return UsageError(str(error).rstrip("!"), help_hint)
        word = unknown[1]
        if word.startswith("-"):
            flags = error.context.flag_names() if error.context else ()
            where = f" of `{command}`" if command else ""
            nearest = did_you_mean(word, flags)
            return UsageError(f"unknown option `{word}`{where}{nearest}", help_hint)
        if command == "auth.login":
            # It is the key, as likely as not: it must not stand on the screen, too.
            return UsageError(
                "unexpected word after the provider", "the key is asked for, or piped in"
            )
        if command:
            return UsageError(
                f"unexpected word `{word}` after `{command}`",
                "a task of several words stands in quotes",
            )
        names = [name.partition(".")[0] for name in _USAGE]
        return UsageError(f"unknown command `{word}`{did_you_mean(word, names)}", help_hint)


def run(argv: list[str]) -> None:
    """Run one command and exit with its code."""
    sys.excepthook = tell_bug
    AethrProgram(
        version=__version__, namespace=namespace.console(), name="aethr", binary="aethr"
    ).run(argv)


def _option(field: Field[Any]) -> tuple[str, str]:
    """``-f, --workflow FILE`` and its help."""
    said = str(field.metadata["help"])
    flag = long_flag(field)
    short = f"-{field.metadata['short']}, " if field.metadata["short"] else ""
    if isinstance(field.default, bool):
        return f"{short}--{'[no-]' if field.default else ''}{flag}", said
    value = re.search(r"\b[A-Z]{2,}\b", said)
    return f"{short}--{flag} {value[0] if value else 'VALUE'}", said


def _columns(rows: Iterable[tuple[str, str]]) -> list[str]:
    """Set two columns within 80 characters."""
    import textwrap

    rows = list(rows)
    width = max(len(name) for name, _ in rows) + 4
    return [
        line
        for name, said in rows
        for line in textwrap.wrap(
            said, 80, initial_indent=f"  {name}".ljust(width), subsequent_indent=" " * width
        )
    ]


def _print(lines: Iterable[str]) -> None:
    out("".join(f"{line}\n" for line in lines))
