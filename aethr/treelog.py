"""What the steps of one run did to the working tree, from recorded trees.

A checkpoint names trees that another machine does not have. Where the run's first one is
there, as in a clone of the commit that it began at, the others are made again of the patches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aethr.context import Absent
from aethr.results import Artifact
from aethr.starts import Starts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aethr.checkpoint import Start
    from aethr.results import StepResult
    from aethr.saved import Saved
    from aethr.trees import Tree, Trees


def last_artifact(results: Sequence[StepResult]) -> Artifact | None:
    """Give what the most recent step that works on the tree left behind."""
    found = (result.artifact for result in reversed(results) if result.artifact)
    return next(found, None)


class TreeLog:
    """Records a tree before and after each agent step, and makes artifacts of them.

    ``base`` is the tree at the run's start, ``commit`` what was checked out then.
    ``unkept`` says of the newest artifact which patch is not kept, and why.
    """

    def __init__(self, trees: Trees, base: str, saved: Saved) -> None:
        self._trees = trees
        self.base = base
        self.commit = saved.header.commit if saved.header else trees.repo.commit
        self.unkept: list[str] = []
        self._starts = Starts((start for start in saved.starts if start.tree), saved.undone)
        artifacts = (result.artifact for result in saved.results if result.artifact)
        self._lost = {one.tree: one.run_patch for one in artifacts if one.run_patch}

    def record(self) -> Tree:
        return self._trees.record()

    def began(self, start: Start) -> None:
        """Remember a step's start: its failure and a resume don't move the first one."""
        self._starts.begin(start)

    def finished(self, step_id: str) -> None:
        self._starts.finish(step_id)

    def rewind(self, results: Sequence[StepResult], kept: int) -> None:
        """Go back to where so many of the results were; the tree stays as it is."""
        self._starts.rewind(results, kept)

    def artifact(self, start: Start, since: int, after: str, base: str = "") -> Artifact:
        """Say what a step did between its start and the tree ``after``.

        ``since`` counts the results before its loop was entered: the patch for
        reviewers goes from the implementation's first start since then, or from
        ``base``, where what the step did belongs to an earlier one's.
        """
        starts = [
            one
            for one in [*self._starts.begun, start]
            if one.step_id == start.step_id and one.after >= since
        ]
        # What an attempt did that was killed, or failed, is the step's work too; its tree
        # is not there on another machine.
        attempts = (one.tree for one in starts if one.after == start.after)
        before = next(tree for tree in attempts if self._has(tree))
        base = base or starts[0].tree
        patch, run_patch = self._patch(base, after), self._patch(self.base, after)
        readers = {"latest_diff": patch, "aethr apply": run_patch}
        self.unkept = [
            f"no patch is kept for {reader}: {why.value}"
            for reader, why in readers.items()
            if isinstance(why, Absent)
        ]
        changes = self._trees.changes(before, after)
        return Artifact(before, after, changes, _kept(patch), _kept(run_patch), base)

    def run_diff(self, results: Sequence[StepResult]) -> str | Absent:
        """Give all that the run has changed until now."""
        if not self.base:
            return Absent.NOT_YET
        if not self._has(self.base):
            return Absent.NO_TREE
        now = self.record().id
        return Absent.ELSEWHERE if self._lacks(now, results) else self._patch(self.base, now)

    def standing(self, results: Sequence[StepResult]) -> str | Absent | None:
        """Give the most recent implementation as it stands, with what was gone back over.

        None where nothing was, or its step has a result again, which includes it.
        """
        undone, artifact = self._starts.undone, last_artifact(results)
        if undone is None:
            return None
        now = self.record().id
        base = (artifact.base or artifact.before) if artifact else undone.tree
        return Absent.ELSEWHERE if self._lacks(now, results) else self._patch(base, now)

    def own_patch(self, artifact: Artifact) -> str | Absent:
        """Give what one result changed by itself."""
        return self._patch(artifact.before, artifact.tree)

    def is_left_behind(self, results: Sequence[StepResult]) -> bool:
        """Whether the working tree is as the last result left it.

        A step that was begun since, and has no result, may have edited it: that is its work,
        where nothing of the results' work lacks. So is what was gone back over.
        """
        now, begun = self.record().id, next(reversed(self._starts.begun), None)
        is_begun = begun is not None and begun.after >= len(results) and self._has(begun.tree)
        edits = is_begun or self._starts.undone is not None
        return now == self._left(results) or (edits and not self._lacks(now, results))

    def edited(self, results: Sequence[StepResult]) -> list[str]:
        """Name the files that are not as the last result left them, where that can be told."""
        left, now = self._left(results), self.record().id
        return [change.path for change in self._trees.changes(left, now)] if self._has(left) else []

    def _left(self, results: Sequence[StepResult]) -> str:
        artifact = last_artifact(results)
        return artifact.tree if artifact else self.base

    def _lacks(self, now: str, results: Sequence[StepResult]) -> bool:
        """Whether a tree is without what the run did; edits beside it are no lack."""
        left = self._left(results)
        if now == left:
            return False
        if self._trees.repo.commit != self.commit or not all(map(self._has, (self.base, left))):
            return True  # it can't be told
        changed, here = (
            {change.path for change in self._trees.changes(self.base, tree)} for tree in (left, now)
        )
        return not changed <= here

    def _patch(self, before: str, after: str) -> str | Absent:
        if not (self._has(before) and self._has(after)):
            return Absent.NO_TREE
        patch = self._trees.patch(before, after)
        return Absent.TOO_LARGE if patch is None else patch

    def _has(self, tree: str) -> bool:
        """Whether a tree is here, or can be made here: its name proves that it is the same."""
        if self._trees.has(tree):
            return True
        patch = self._lost.pop(tree, "")  # tried once
        return patch != "" and self._trees.has(self.base) and self._made(patch) == tree

    def _made(self, patch: str) -> str:
        try:
            return self._trees.patched(self.base, patch.encode("utf-8", "surrogateescape"))[0]
        except UnicodeEncodeError:  # a stranger's: no bytes are read as such a text
            return ""


def _kept(patch: str | Absent) -> str | None:
    return None if isinstance(patch, Absent) else patch
