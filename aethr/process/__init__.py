"""The only place that starts a process. A shell is one that a step or EDITOR asked for."""

from aethr.process.command import Command, Finished, Flooded, Line, TimedOut
from aethr.process.family import new_marker
from aethr.process.flowing import Flowing, flowing
from aethr.process.following import Following, collect, end_marked, following, kill_all
from aethr.process.running import Running, interactive, run, running

__all__ = [
    "Command",
    "Finished",
    "Flooded",
    "Flowing",
    "Following",
    "Line",
    "Running",
    "TimedOut",
    "collect",
    "end_marked",
    "flowing",
    "following",
    "interactive",
    "kill_all",
    "new_marker",
    "run",
    "running",
]
