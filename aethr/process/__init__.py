"""The only place that starts a process. Never through a shell."""

from aethr.process.command import Command, Finished, Flooded, Line, TimedOut
from aethr.process.family import new_marker
from aethr.process.following import Following, collect, end_marked, following, kill_all
from aethr.process.running import Running, interactive, run, running

__all__ = [
    "Command",
    "Finished",
    "Flooded",
    "Following",
    "Line",
    "Running",
    "TimedOut",
    "collect",
    "end_marked",
    "following",
    "interactive",
    "kill_all",
    "new_marker",
    "run",
    "running",
]
