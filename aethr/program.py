"""The console script: an invoke Program over the hand-written tasks, one command a call."""

from __future__ import annotations

import re
import signal
import sys
from typing import TYPE_CHECKING, Any

from invoke import Exit, ParseError, Program

from aethr import __version__, namespace
from aethr.errors import Interrupted, UsageError, did_you_mean
from aethr.streams import out, tell_bug
from aethr.task import long_flag
from aethr.usage import USAGES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from dataclasses import Field

    from invoke import Argument


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
        if len(words) > 1 and f"auth.{words[1]}" in USAGES:
            self.argv[1:3] = [f"auth.{words[1]}"]
            return
        names = [name for name in USAGES if name.startswith("auth.")]
        if {"-h", "--help"} & set(words):
            _print(map(_usage, names))
            raise Exit(code=0)
        known = [name.replace(".", " ") for name in names]
        # What was typed may be a key: it is not said again.
        said = "`auth` has no such command" if words[1:] else "no command of `auth` was named"
        nearest = did_you_mean(" ".join(words[:2]), known) if words[1:] else ""
        raise UsageError(said + nearest, f"one of {', '.join(known)}")

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
        rows = [(name.replace(".", " "), self._summary(name)) for name in USAGES]
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
        fields = self.collection[name].options
        options = ["", "options:", *_columns(map(_option, fields))] if fields else []
        _print(
            [
                _usage(name),
                "",
                self._summary(name),
                *options,
                "",
                "examples:",
                *(f"  {example}" for example in USAGES[name].examples),
            ]
        )

    def _summary(self, name: str) -> str:
        return str(self.collection[name].__doc__)

    def _explained(self, error: ParseError) -> UsageError:
        """Say in our words what invoke could not parse."""
        said = str(error)
        command = error.context.name if error.context else None
        help_hint = " ".join(["aethr", *(command.split(".") if command else ()), "--help"])
        if unknown := re.fullmatch(r"No idea what '(.*)' is!", said, re.DOTALL):
            return self._unknown(unknown[1], error, help_hint)
        if valueless := re.fullmatch("Flag (`.*`) needed value and was not given one!", said):
            return UsageError(f"{valueless[1]} needs a value", help_hint)
        if "required positional" in said:
            # A word is required only where the command stands twice: see AethrTask.
            return UsageError(f"one command a call: `{command}` stands twice", help_hint)
        return UsageError(said.rstrip("!"), help_hint)

    def _unknown(self, word: str, error: ParseError, help_hint: str) -> UsageError:
        """Name the nearest of the words that can stand there."""
        command = error.context.name if error.context else None
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
            takes_task = "[TASK]" in USAGES[command].words
            return UsageError(
                f"unexpected word `{word}` after `{command}`",
                "a task of several words stands in quotes" if takes_task else help_hint,
            )
        names = ["auth", *(name.replace(".", " ") for name in USAGES)]
        return UsageError(f"unknown command `{word}`{did_you_mean(word, names)}", help_hint)


def run(argv: list[str]) -> None:
    """Run one command and exit with its code."""
    sys.excepthook = tell_bug
    tasks = namespace.console()
    if argv[1:2] == ["completion"] and argv[3:4] == ["--"]:
        from aethr import completion  # what a shell asks at each TAB

        completion.answer(tasks, argv[2], argv[4:])
        return
    AethrProgram(version=__version__, namespace=tasks, name="aethr", binary="aethr").run(argv)


def _usage(name: str) -> str:
    return f"usage: aethr {name.replace('.', ' ')} {USAGES[name].words}".rstrip()


def _option(field: Field[Any]) -> tuple[str, str]:
    """``-f, --workflow FILE`` and its help."""
    said = str(field.metadata["help"])
    flag = long_flag(field)
    short = f"-{field.metadata['short']}, " if field.metadata["short"] else ""
    if isinstance(field.default, bool):
        return f"{short}--{'[no-]' if field.default else ''}{flag}", said
    value = re.search(r"@?\b[A-Z]{2,}\b", said)
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
