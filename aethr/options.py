"""What can be asked for, in one place: each field is an option of the command line.

A field's default gives the option's type; its metadata the flag, the short
flag and the help.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import field
from enum import Enum
from typing import TYPE_CHECKING, Any

from aethr.errors import UsageError
from aethr.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator


class Door(Enum):
    """How people called us; commands are given back to them in the same words."""

    CONSOLE = "aethr "
    INVOKE = "inv aethr."


def option(default: Any, said: str, *, short: str = "") -> Any:  # noqa: ANN401 - as field()
    """Declare an option; its flag is the field's name, without an underscore at the end.

    The first word in capitals of what is said of it names its value in the help.
    """
    return field(default=default, metadata={"help": said, "short": short})


class Variable(Enum):
    """A variable of the environment that stands in for an option, so that a chain sets it once."""

    WORKFLOW = "AETHR_WORKFLOW"
    CHECKPOINT = "AETHR_CHECKPOINT"

    @property
    def option(self) -> str:
        """The field of a request that it stands in for."""
        return self.name.lower()


@frozen
class Target:
    """Which workflow. ``variables`` is no option: it tells which of them stand in for one."""

    workflow: str = option("", "workflow FILE, else AETHR_WORKFLOW, else .aethr.yaml", short="f")
    preset: str = option("", "a preset's NAME, used without copying it")
    variables: frozenset[Variable] = frozenset()

    @contextmanager
    def blaming(self, variable: Variable) -> Iterator[None]:
        """Name a variable in an error about what it names."""
        try:
            yield
        except UsageError as error:
            if variable in self.variables:
                error.summary += f" ({variable.value})"
            raise


class MapFormat(Enum):
    """For whom the map of a workflow is written."""

    TEXT = "text"
    JSON = "json"
    MERMAID = "mermaid"


@frozen
class Map(Target):
    """Which map is to be shown, and how."""

    format: str = option("text", "write it as FORMAT: text (default), json or mermaid")
    checkpoint: str = option("", "tell what is done in the run that FILE keeps")


@frozen
class Request(Target):
    """What is to be run. ``text`` is None where no task was given."""

    text: str | None = option(None, "the TASK; else AETHR_TASK, the checkpoint's, or your editor")
    checkpoint: str = option(
        "", "keep the run in FILE, else AETHR_CHECKPOINT; go on from it if it holds one"
    )
    resume_checkpoint: str = option("", "go on from @FILE, or from inline JSON")
    from_: str = option("", "begin at step ID")
    until: str = option("", "stop after step ID, or when the loop that it controls ends")
    interactive: bool = option(False, "stop after each step: look, edit, run it again, go back")
    max_cost: str = option("", "make no call once DOLLARS are spent, in the whole checkpoint")
    max_tokens: str = option("", "make no call once NUMBER tokens are used, in and out")
    max_time: str = option("", "make no call once TIME is over, such as 30m, in this process")
    max_calls: str = option("", "make at most NUMBER calls, in the whole checkpoint")
    id: str = option("", "the ID of the step")


@frozen
class Options:
    """How much people want to see, and whether a run that did not pass is an error."""

    show_prompt: bool = option(False, "print the exact prompts and call nothing")
    stream: bool = option(True, "show answers as they come, or each when it is whole")
    quiet: bool = option(False, "no progress; stdout gets the last result only", short="q")
    verbose: bool = option(
        False, "prompts' sizes, diffs, raw events; after a failure the checkpoint", short="v"
    )
    report: tuple[str, ...] = option(
        (), "write a report to PATH: .json, .jsonl, .md, .sarif or .xml; may be repeated"
    )
    findings: bool = option(False, "stdout gets the findings: path:line: severity: text")
    annotate: bool = option(False, "GitHub annotations and summary; on in GitHub Actions")
    no_annotate: bool = option(False, "no annotations and no summary, in GitHub Actions too")
    exit_zero: bool = option(False, "exit with 0 also where the run did not pass")


@frozen
class StepText:
    """What a generated step task takes."""

    text: str | None = option(None, "the TASK; else AETHR_TASK, or that of the call's first step")


@frozen
class Init:
    """What ``init`` is to write."""

    preset: str = option("", "the preset's NAME")
    list: bool = option(False, "list the presets, each with its description", short="l")
    force: bool = option(False, "replace a file that is there; its text is kept beside it")


@frozen
class Login:
    """Which key to store."""

    provider: str = option("", "PROVIDER, such as openai")
    key: str = option("", "the KEY itself; others on this machine can see it")


@frozen
class Apply:
    """Which run's work to put on."""

    file: str = option("", "the checkpoint FILE of the run, else AETHR_CHECKPOINT; - is stdin")
    check: bool = option(False, "only find out whether the patch can be put on")


@frozen
class Schema:
    """Which format to describe."""

    of: str = option("", "WHAT it describes: workflow (default) or report")


@frozen
class Completion:
    """For which shell."""

    shell: str = option("", "the SHELL: bash, zsh or fish")


@frozen
class Nothing:
    """No options."""
