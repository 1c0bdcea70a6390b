"""What the steps of one run did to the working tree, from recorded trees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aethr.results import Artifact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aethr.checkpoint import Start
    from aethr.trees import Tree, Trees


class TreeLog:
    """Records a tree before and after each agent step, and makes artifacts of them.

    ``base`` is the tree at the run's start; ``starts`` are the checkpoint's.
    """

    def __init__(self, trees: Trees, base: str, starts: Sequence[Start] = ()) -> None:
        self._trees = trees
        self.base = base
        self._starts = [start for start in starts if start.tree]

    def record(self) -> Tree:
        return self._trees.record()

    def began(self, start: Start) -> None:
        """Remember a step's start: its failure and a resume don't move the first one."""
        self._starts.append(start)

    def artifact(self, start: Start, since: int, after: str) -> Artifact:
        """Say what a step did between its start and the tree ``after``.

        ``since`` counts the results before its loop was entered: the patch for
        reviewers goes from the implementation's first start since then.
        """
        starts = [
            one
            for one in [*self._starts, start]
            if one.step_id == start.step_id and one.after >= since
        ]
        # What an attempt did that was killed, or failed, is the step's work too; its tree
        # is not there on another machine.
        attempts = (one.tree for one in starts if one.after == start.after)
        before = next(tree for tree in attempts if self._trees.has(tree))
        return Artifact(
            before,
            after,
            self._trees.changes(before, after),
            self._patch(starts[0].tree, after),
            self._patch(self.base, after),
        )

    def run_diff(self) -> str | None:
        """Give all that the run has changed until now; None where its base is not here."""
        return self._patch(self.base, self.record().id)

    def own_patch(self, artifact: Artifact) -> str | None:
        """Give what one result changed by itself; None where its trees are not here."""
        return self._patch(artifact.before, artifact.tree)

    def _patch(self, before: str, after: str) -> str | None:
        if not (self._trees.has(before) and self._trees.has(after)):
            return None
        return self._trees.patch(before, after)
