"""What the tasks of one call share: the door, the project, and the run that is open.

The tasks of ``aethr --help`` have one too, so what is heavy is imported late.
"""

from __future__ import annotations

import atexit
from functools import cached_property
from os.path import lexists
from typing import TYPE_CHECKING, Self

from aethr.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from aethr.config import Loaded
    from aethr.ongoing import OpenRun
    from aethr.options import Door, Target
    from aethr.settings import Settings
    from aethr.workflow import Workflow

WORKFLOW_FILE = ".aethr.yaml"


class Session:
    """One a collection; every task of it holds the same one."""

    def __init__(self, start: Path, door: Door) -> None:
        self.start = start
        self.door = door
        self.current: OpenRun | None = None
        self.default: Workflow | None = None
        atexit.register(self._leave)

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
    def settings(self) -> Settings:
        from aethr import settings

        return settings.load(self.root, settings.environment())

    def load(self, target: Target) -> Loaded:
        """Read the workflow: a file named, a preset, or the project's own."""
        if target.workflow and target.preset:
            raise UsageError("--workflow and --preset exclude each other")
        from aethr import config, presets

        if target.preset:
            return config.load(presets.path(target.preset))
        if target.workflow:
            return config.load(self.start / target.workflow)
        return config.load(self.root / WORKFLOW_FILE)

    def _leave(self) -> None:
        if self.current:
            self.current.leave()
