"""The starts of a run's steps: a fold of its lines, told alike by the file and by the run. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from aethr.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from aethr.results import StepResult


@frozen
class Start:
    """A ``start`` line: a step begins, ``after`` so many results.

    ``tree`` is what stood in the working tree, ``marker`` is in the environment
    of what the step starts; both are empty for a step that is no agent.
    """

    step_id: str
    after: int
    tree: str = ""
    marker: str = ""


class Starts:
    """The starts that count, in order.

    ``undone`` is that of the first work that was gone back over, an agent's if there is one
    (a command's is the agent's): it still stands in the tree, so it is an attempt at that
    step's next result.
    """

    def __init__(self, begun: Iterable[Start] = (), undone: Start | None = None) -> None:
        self.begun = list(begun)
        self.undone = undone

    def begin(self, start: Start) -> None:
        if self.undone and start.tree and self.undone.step_id == start.step_id:
            self.begun.append(replace(self.undone, after=start.after))
        self.begun.append(start)

    def finish(self, step_id: str) -> None:
        """Take a step's result in: what was gone back over is its work now."""
        if self.undone and self.undone.step_id == step_id:
            self.undone = None

    def rewind(self, results: Sequence[StepResult], kept: int) -> None:
        """Go back to where so many of the results were."""
        worked = [place for place in range(kept, len(results)) if results[place].artifact]
        agents = [place for place in worked if results[place].exit_code is None]
        for place in (agents or worked)[:1]:
            result = results[place]
            # What stood before an earlier rewind was done before what that one went back over.
            if result.artifact and (self.undone is None or place < self.undone.after):
                self.undone = Start(result.step_id, kept, result.artifact.before)
        if self.undone:
            self.undone = replace(self.undone, after=min(self.undone.after, kept))
        self.begun = [start for start in self.begun if start.after < kept]
