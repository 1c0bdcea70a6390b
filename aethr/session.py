"""What the tasks of one call share: the door, the project, and the run that is open.

The tasks of ``aethr --help`` have one too, so what is heavy is imported late.
"""

from __future__ import annotations

import atexit
from dataclasses import replace
from functools import cached_property
from os.path import lexists
from typing import TYPE_CHECKING, Self, TypeVar

from aethr.errors import UsageError
from aethr.options import Request, Target, Variable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from aethr.config import Loaded
    from aethr.ongoing import OpenRun
    from aethr.options import Door
    from aethr.settings import Settings
    from aethr.workflow import Workflow

WORKFLOW_FILE = ".aethr.yaml"
T = TypeVar("T", bound=Target)


class Session:
    """One a collection; every task of it holds the same one."""

    def __init__(self, start: Path, door: Door) -> None:
        self.start = _absolute(start)
        self.door = door
        self.current: OpenRun | None = None
        self.default: Workflow | None = None
        self.reports: set[Path] = set()  # what is being written of it, and is no step's work
        atexit.register(self.leave)

    def __deepcopy__(self, memo: object) -> Self:
        """Stay one: invoke copies the tasks of a collection, and they must share this."""
        return self

    @cached_property
    def root(self) -> Path:
        """The folder of the nearest workflow file up to the git root, else that root, else here."""
        try:
            here = self.start.resolve()
        except FileNotFoundError:
            raise UsageError(
                "the working directory is gone", "cd to a folder that exists"
            ) from None
        for folder in (here, *here.parents):
            # A dangling link is the user's workflow file too, and an error of its own.
            if lexists(folder / WORKFLOW_FILE) or lexists(folder / ".git"):
                return folder
        return here

    @cached_property
    def environ(self) -> Mapping[str, str]:
        from aethr import settings

        return settings.environment()

    @cached_property
    def settings(self) -> Settings:
        from aethr import settings

        return settings.load(self.root, self.environ)

    def filled(self, asked: T) -> T:
        """Let variables stand in for options that were not given."""
        if not (asked.workflow or asked.preset):
            asked = self._stood_in(asked, Variable.WORKFLOW)
        if isinstance(asked, Request) and not (asked.checkpoint or asked.resume_checkpoint):
            asked = self._stood_in(asked, Variable.CHECKPOINT)
        return asked

    def _stood_in(self, asked: T, variable: Variable) -> T:
        value = self.environ.get(variable.value)
        if not value:
            return asked
        variables = asked.variables | {variable}
        return replace(asked, **{variable.option: value}, variables=variables)

    def load(self, target: Target) -> Loaded:
        """Read the workflow: a file named, a preset, or the project's own."""
        target = self.filled(target)
        if target.workflow and target.preset:
            raise UsageError("--workflow and --preset exclude each other")
        from aethr import config, presets

        if target.preset:
            return config.load(presets.path(target.preset), self.root)
        if target.workflow:
            with target.blaming(Variable.WORKFLOW):
                return config.load(self.start / target.workflow, self.root)
        return config.load(self.root / WORKFLOW_FILE, self.root)

    def leave(self) -> None:
        """Close the run that is open, and be forgotten."""
        atexit.unregister(self.leave)
        if self.current:
            self.current.leave()


def _absolute(path: Path) -> Path:
    """Bind a path to the folder of now; one that is gone is reported when a task runs."""
    try:
        return path.absolute()
    except FileNotFoundError:
        return path
