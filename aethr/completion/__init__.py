"""What can stand next on a command line; bash, zsh and fish ask for it at each TAB.

Each shell's script calls ``aethr completion SHELL -- …`` with what is typed. The answer's first
line is ``words``, with a candidate on each further line, or ``files``: the shell knows those best.
"""

from __future__ import annotations

import os
import re
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from aethr.errors import AethrError, UsageError, did_you_mean
from aethr.options import MapFormat, Target
from aethr.streams import out
from aethr.task import AethrTask, long_flag

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from dataclasses import Field
    from typing import Any

    from invoke import Collection

    from aethr.session import Session


class Shell(Enum):
    """The shells that there is a script for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


class _Typed(NamedTuple):
    """What is typed behind a command: the options given, and the one that waits for its value."""

    given: Mapping[str, str]
    bare: int
    waiting: Field[Any] | None
    free: bool  # behind `--`


def shell(name: str) -> Shell:
    """Find a shell. Raises UsageError."""
    known = [one.value for one in Shell]
    if name not in known:
        said = f"no completion for `{name}`{did_you_mean(name, known)}"
        raise UsageError(said if name else "no shell was named", f"the shells: {', '.join(known)}")
    return Shell(name)


def script(shell: Shell) -> str:
    return Path(__file__).with_name(f"aethr.{shell.value}").read_text("utf-8")


def answer(tasks: Collection, shell: str, typed: Sequence[str]) -> None:
    """Print what can stand next. bash gives its word breaks and the line, others the words."""
    if shell == Shell.BASH.value:
        from aethr.completion import typed as bash

        breaks, text = [*typed, "", ""][:2]
        line = bash.read(text, breaks)
        found = None if line.redirected else _next(tasks, _own(line.words), line.current)
        found = found and [line.goes_on(word) for word in found if word.startswith(line.current)]
    else:
        *words, current = typed or [""]
        found = _next(tasks, words, current)
    out("files\n" if found is None else "".join(f"{line}\n" for line in ("words", *found)))


def _own(words: Sequence[str]) -> Sequence[str]:
    """Take the variables and the name that stand before aethr's own words away."""
    before = 0
    while before < len(words) and re.match(r"\w+=", words[before]):
        before += 1
    return words[before + 1 :]


def _next(tasks: Collection, words: Sequence[str], current: str) -> list[str] | None:
    """Give the candidates for the current word, or None for the names of files."""
    if words[:1] == ["auth"]:
        words = [".".join(words[:2]), *words[2:]]
    task = _task(tasks, words[:1])
    if task is None:
        return _commands(tasks, words, current)
    typed = _typed(task, words[1:])
    if typed.free:
        return []
    if typed.waiting:
        return _values(task, typed, typed.waiting.name, current)
    flag, equals, begun = current.partition("=")
    if equals and (option := _options(task).get(flag)):
        values = _values(task, typed, option.name, begun)
        return [f"{flag}={value}" for value in (_files(begun) if values is None else values)]
    flags = _flags(task, typed)
    if current.startswith("-"):
        return flags
    left = [name for name in task.words if name not in typed.given][typed.bare :]
    values = _values(task, typed, left[0], current) if left else []
    return flags if values == [] and not current else values


def _task(tasks: Collection, names: Sequence[str]) -> AethrTask | None:
    name = names[0] if names else ""
    return tasks[name] if name in tasks.task_names else None


def _commands(tasks: Collection, words: Sequence[str], current: str) -> list[str]:
    names = list(tasks.task_names)
    if words == ["auth"]:
        return [name.removeprefix("auth.") for name in names if name.startswith("auth.")]
    if words:
        return []
    if current.startswith("-"):
        return ["--help", "--version"]
    return list(dict.fromkeys(name.partition(".")[0] for name in names))


def _typed(task: AethrTask, words: Sequence[str]) -> _Typed:
    known = _options(task)
    given: dict[str, str] = {}
    bare, waiting = 0, None
    for word in words:
        flag, equals, value = word.partition("=")
        option = known.get(flag)
        if waiting:
            given[waiting.name], waiting = word, None
        elif word == "--":
            return _Typed(given, bare, None, free=True)
        elif option and not equals and not isinstance(option.default, bool):
            waiting = option
        elif option:
            given[option.name] = value
        elif (short := known.get(word[:2])) and not isinstance(short.default, bool):
            given[short.name] = word[2:]  # `-fother.yaml`
        elif not word.startswith("-"):
            bare += 1
    return _Typed(given, bare, waiting, free=False)


def _options(task: AethrTask) -> dict[str, Field[Any]]:
    """Map each flag as it is typed to its option."""
    found = {}
    for option in task.options:
        found[f"--{long_flag(option)}"] = option
        if option.default is True:
            found[f"--no-{long_flag(option)}"] = option
        if option.metadata["short"]:
            found[f"-{option.metadata['short']}"] = option
    return found


def _flags(task: AethrTask, typed: _Typed) -> list[str]:
    """Give the long flags that can still be given."""
    left = [
        flag
        for flag, option in _options(task).items()
        if flag.startswith("--") and (option.default == () or option.name not in typed.given)
    ]
    return [*left, "--help"]


def _values(task: AethrTask, typed: _Typed, name: str, current: str) -> list[str] | None:
    """Give the values that an option can have, or None for the names of files."""
    if name == "resume_checkpoint":
        return [f"@{file}" for file in _files(current.removeprefix("@"))]
    if name in ("workflow", "checkpoint", "report", "file"):
        return None
    if name in _VALUES:
        return _VALUES[name]()
    if name in ("id", "from_", "until"):
        target = Target(typed.given.get("workflow", ""), typed.given.get("preset", ""))
        return _step_ids(task.wiring.session, target)
    return []


def _presets() -> list[str]:
    from aethr import presets

    return presets.names()


def _providers() -> list[str]:
    from aethr import routing

    return [*routing.PROVIDERS, *routing.ALIASES]


_VALUES: Mapping[str, Callable[[], list[str]]] = {
    "preset": _presets,
    "provider": _providers,
    "format": lambda: [form.value for form in MapFormat],
    "of": lambda: ["workflow", "report"],
    "shell": lambda: [one.value for one in Shell],
}


def _step_ids(session: Session, target: Target) -> list[str]:
    """Give the steps of the workflow that is meant; none of one that is broken or missing."""
    try:
        return list(session.load(target).workflow.index)
    except AethrError:
        return []


def _files(begun: str) -> list[str]:
    """List the files that a path as far as it is typed may become, folders with a slash."""
    folder, name = os.path.split(begun)
    try:
        entries = sorted(os.scandir(folder or "."), key=lambda entry: entry.name)
    except OSError:
        return []
    return [
        f"{begun.removesuffix(name)}{entry.name}{'/' * entry.is_dir()}"
        for entry in entries
        if entry.name.startswith(name) and (name or not entry.name.startswith("."))
    ]
