"""What a run is given before it can begin: its task, and the outside as it will see it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from aethr import backends, context, git, kept, piped
from aethr.backends.scripted import MockBackend
from aethr.errors import UsageError
from aethr.events import Warned
from aethr.frozen import frozen
from aethr.options import Variable
from aethr.text import one_line, shell_word
from aethr.workflow import SourceKind
from aethr.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from aethr.checkpoint import Header, Saved
    from aethr.events import Event
    from aethr.options import Request
    from aethr.secrets import Mask
    from aethr.session import Session
    from aethr.settings import Settings
    from aethr.treelog import TreeLog
    from aethr.workflow import Limits, Workflow


@frozen
class Opening:
    """What every part of the opening needs: who asks, for what, and where warnings go."""

    session: Session
    request: Request
    workflow: Workflow
    emit: Callable[[Event], None]
    settings: Settings
    limits: Limits
    mask: Mask
    saved: Saved
    scratch: Path
    path: Path | None = None  # of the checkpoint; a preview writes none, and records no tree
    verbose: bool = False

    def warn(self, lines: Sequence[str]) -> None:
        for line in lines:
            self.emit(Warned(self.mask(line)))


def task(opening: Opening) -> str:
    """Find the task: the one given, the environment's, the checkpoint's, or the editor's."""
    header, asked = opening.saved.header, opening.request.text
    if asked is None and header:
        return header.task
    if asked is None:
        from aethr import editor

        asked = task_of_environment(opening) or editor.ask(
            opening.session.settings, _about(opening), _how(opening)
        )
    if not asked.strip():
        raise UsageError("the task is blank", _how(opening))
    try:
        asked.encode()
    except UnicodeEncodeError:
        raise UsageError("the task is not UTF-8: it could not be sent as it is") from None
    return asked


def _about(opening: Opening) -> str:
    """Tell what a task that is written in an editor is for."""
    live = opening.session.settings.live
    what = "live: this spends money" if live else "mock: nothing is called"
    return one_line(f"Workflow {opening.workflow.name}, {what}.")


def _how(opening: Opening) -> str:
    """Tell how what was called is given its task, at its door."""
    door, step = opening.session.door.value, opening.request.id
    words = f"step {shell_word(step)} --text" if step else "run"
    return f'give the task on the command line, as in `{door}{words} "fix the typo"`'


def task_of_environment(opening: Opening) -> str:
    """Give AETHR_TASK as it is; a blank one is none."""
    asked = opening.session.settings.environ.get("AETHR_TASK", "")
    return asked if asked.strip() else ""


def other_task(opening: Opening, header: Header) -> list[str]:
    """Warn of an AETHR_TASK that is not the checkpoint's.

    Raises UsageError where the environment names the checkpoint too: a chain that
    is to do the one must not succeed with what is left of the other.
    """
    asked, request = task_of_environment(opening), opening.request
    if request.text is not None or not asked or opening.mask(asked) == header.task:
        return []
    if Variable.CHECKPOINT in request.variables:
        raise UsageError(
            "AETHR_TASK is not the task of this checkpoint",
            "name another file, or go on from this one with --checkpoint",
        )
    return ["AETHR_TASK is another task and does not count: the checkpoint has its own"]


def world(opening: Opening) -> World:
    """Make the outside as the run will see it; in mock mode none of it is real."""
    settings, mask = opening.settings, opening.mask
    answers = (
        {name: backends.make(name, settings) for name in backends.BACKENDS}
        if settings.live
        else dict.fromkeys(backends.BACKENDS, MockBackend())
    )
    repo = git.find(settings.root, settings.environ, key_names(opening.workflow))
    own = opening.path or kept.place(opening.session, opening.request)[0]
    around = context.Surroundings(
        root=settings.root,
        mask=mask,
        verbose=opening.verbose,
        repo=repo and replace(repo, own=own, reports=opening.session.reports),
        stdin=stdin(opening, mask),
        scratch=opening.scratch,
    )
    bare = World(settings, answers, around, mask, opening.emit, verbose=opening.verbose)
    return replace(bare, tree=_tree_log(opening, bare))


def _tree_log(opening: Opening, world: World) -> TreeLog | None:
    """Begin to record trees, in live runs of workflows in which something reads or makes them."""
    workers = [s for s in opening.workflow.steps if world.backends[s.backend].agent]
    reads = any(
        source.kind is SourceKind.RUN_DIFF
        for step in opening.workflow.steps
        for source in step.context
    )
    if not world.settings.live or not (workers or reads):
        return None
    if world.surroundings.repo is None:
        agents = (step.id for step in workers if not step.run)
        opening.warn([f"{name}: outside git its changes can't be shown" for name in agents])
        return None
    from aethr.treelog import TreeLog
    from aethr.trees import Trees

    trees = Trees(world.surroundings.repo, opening.scratch)
    header = opening.saved.header
    base = header.tree if header else trees.record().id if opening.path else ""
    return TreeLog(trees, base, opening.saved)


def key_names(workflow: Workflow) -> set[str]:
    """Name the variables that the file says are keys: git's filters are not to see them."""
    return {ref.api_key_env for ref in workflow.models.values() if ref.api_key_env}


def stdin(opening: Opening, mask: Mask) -> str | None:
    """Give what was piped in, once, if a step to come may see it.

    What a checkpoint keeps of it counts. Then nothing is read, not even to compare: a pipe
    that nobody closes would be waited for without an end.
    """
    most = piped.most(opening.workflow, opening.request.id)
    before = opening.saved.stdin
    if before is None:
        return piped.read(most, mask) if most else None
    if most and piped.is_there():
        opening.warn(["stdin is not read: the checkpoint keeps what was piped in before"])
    return before
