"""The whole collection: the hand-written tasks, and the generated ones under ``steps``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from invoke import Collection

from aethr import commands
from aethr.errors import AethrError
from aethr.options import Door, Target
from aethr.session import Session
from aethr.task import Wiring

if TYPE_CHECKING:
    from os import PathLike


def collection(start: str | PathLike[str] = ".") -> Collection:
    """Give Aethr's tasks for a ``tasks.py``: ``ns = Collection(lint, aethr.collection())``.

    ``start`` is the folder where the search for ``.aethr.yaml`` begins. A broken
    or missing file raises nothing here, so that a project's other tasks and
    ``inv --list`` stay: Aethr's own tasks report it when they run.
    """
    from aethr import loader

    session = Session(Path(start), Door.INVOKE)
    try:
        session.default = session.load(Target()).workflow
        steps = loader.steps(session, session.default)
    except AethrError:
        steps = Collection("steps")
    found = commands.tasks(Wiring(session, steps))
    if steps.tasks:
        found.add_collection(steps)
    return found


def console() -> Collection:
    """Give the collection of the console script, which names a step by ``step ID`` alone."""
    session = Session(Path(), Door.CONSOLE)
    return commands.tasks(Wiring(session, Collection("steps")))
