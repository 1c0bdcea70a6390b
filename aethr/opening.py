"""From a request to a run: everything that can be wrong is found before the first call."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO

from aethr import (
    backends,
    checkpoint,
    context,
    git,
    kept,
    limits,
    lockfile,
    plan,
    resume,
    routing,
    scratch,
    signals,
)
from aethr.backends.scripted import MockBackend
from aethr.errors import UsageError, did_you_mean
from aethr.events import Warned
from aethr.frozen import frozen
from aethr.runtime import Run
from aethr.secrets import Mask
from aethr.workflow import SourceKind
from aethr.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from aethr.checkpoint import Saved
    from aethr.events import Event
    from aethr.ongoing import OpenRun
    from aethr.options import Request
    from aethr.results import StepPrompt
    from aethr.session import Session
    from aethr.settings import Settings
    from aethr.treelog import TreeLog
    from aethr.workflow import Limits, Step, Workflow


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


def preview(
    session: Session, request: Request, emit: Callable[[Event], None]
) -> Iterator[tuple[Step, StepPrompt]]:
    """Give the prompts of the steps to come; neither locks nor mends a checkpoint."""
    opening = replace(_opening(session, request, emit), saved=kept.read(session, request))
    try:
        run = _prepared(opening)
        run.task = _task(opening)
        yield from run.preview(_to_come(run, request))
    finally:
        scratch.cleared(opening.scratch)


def begin(
    session: Session, request: Request, emit: Callable[[Event], None], *, verbose: bool = False
) -> OpenRun:
    """Open a run: a new one, that of a checkpoint, or the one of the tasks before in this call."""
    from aethr.ongoing import OpenRun  # a preview waits for no import that it does not need

    opening = replace(_opening(session, request, emit), verbose=verbose)
    if joined := _joined(opening):
        return joined
    with ExitStack() as undo:
        saved, file = kept.reopened(session, request)
        if file:
            undo.callback(file.close)
            file.mask = opening.mask
            opening.warn(kept.end_survivors(saved))
        path = file.path if file else kept.place_of_new(session, request, opening.workflow.name)
        folder = scratch.of(path)
        undo.callback(scratch.cleared, folder)
        opening = replace(opening, saved=saved, scratch=folder, path=path)
        run = _prepared(opening)
        _preflight(opening, run)
        # After all that can be wrong: a task may come from an editor, and is not to be lost.
        run.task = _task(opening)
        if file is None:
            with signals.held():
                file = kept.created(path, session, run)
                undo.callback(file.close, keep=False)
        if run.world.surroundings.stdin is not None and saved.stdin is None:
            file.stdin(run.world.surroundings.stdin)
        opened = OpenRun(session, request, run, file, keep=bool(saved.header))
        with signals.held():
            undo.pop_all()
            if session.current:
                session.current.leave()
            session.current = opened
    return opened


def _opening(session: Session, request: Request, emit: Callable[[Event], None]) -> Opening:
    loaded = session.load(request)
    workflow = loaded.workflow
    context.refuse_secrets(workflow, session.root)
    settings = session.settings.with_keys(_key_names(workflow))
    opening = Opening(
        session,
        request,
        workflow,
        emit,
        settings,
        limits.effective(workflow.limits, request),
        Mask(settings.secrets),
        checkpoint.Saved(None, ()),
        scratch.of(session.start / "preview"),
    )
    opening.warn([f"{problem}" for problem in loaded.warnings])
    opening.warn(session.settings.warnings)
    opening.warn(lockfile.unused_tmpdir(settings.environ))
    for name in (request.id, request.from_, request.until):
        if name and name not in workflow.index:
            raise unknown_step(name, workflow)
    first, last = request.from_, request.until
    if first and last and workflow.index[first] > workflow.index[last]:
        raise UsageError(f"--from `{first}` comes after --until `{last}`")
    return opening


def unknown_step(name: str, workflow: Workflow) -> UsageError:
    return UsageError(
        f"no step `{name}` in `{workflow.name}`{did_you_mean(name, workflow.index)}",
        f"its steps are {', '.join(workflow.index)}",
    )


def _joined(opening: Opening) -> OpenRun | None:
    """Share the run that an earlier step task of the same call left open."""
    request, current = opening.request, opening.session.current
    if current is None or not request.id or request.resume_checkpoint:
        return None
    elsewhere = request.checkpoint and opening.session.start / request.checkpoint
    if elsewhere and elsewhere != current.file.path:
        return None
    if current.run.workflow.text != opening.workflow.text:
        return None
    if request.text is not None and request.text != current.run.task:
        raise UsageError("the steps of one call share one task", "give it to the first one only")
    world = current.run.world
    if world.surroundings.stdin is None:
        piped = _stdin(opening, world.mask)
        current.run.world = replace(world, surroundings=replace(world.surroundings, stdin=piped))
        if piped is not None:
            current.file.stdin(piped)
    joined = current.joined(request, opening.emit)
    _preflight(opening, joined.run)
    return joined


def _prepared(opening: Opening) -> Run:
    """Make the run, from what is kept and what was asked, without calling anything."""
    request, saved, workflow = opening.request, opening.saved, opening.workflow
    world = _world(opening)
    if saved.header:
        given = None if request.text is None else world.mask(request.text)
        opening.warn(resume.match(saved.header, workflow, world.settings, given))
    results = resume.known(saved.results, workflow)
    resume.refuse_finished(results, workflow, request)
    run = Run(workflow, "", world, results)
    if world.settings.live:
        run.limits = opening.limits
    if request.from_:
        run.position = plan.jump(workflow, run.position, request.from_)
    if request.until and run.position.index > workflow.index[request.until]:
        raise UsageError(
            f"step `{request.until}` is done already in this checkpoint",
            "name a later step, or none",
        )
    return run


def _task(opening: Opening) -> str:
    """Find the task: the one given, the environment's, the checkpoint's, or the editor's."""
    settings, header = opening.session.settings, opening.saved.header
    task = opening.request.text
    if task is None and header:
        return header.task
    if task is None:
        from aethr import editor

        task = settings.environ.get("AETHR_TASK", "").strip() or editor.ask(settings)
    if not task.strip():
        raise UsageError("the task is blank", 'say what to do: aethr run "…"')
    try:
        task.encode()
    except UnicodeEncodeError:
        raise UsageError("the task is not UTF-8: it could not be sent as it is") from None
    return task


def _world(opening: Opening) -> World:
    settings, mask = opening.settings, opening.mask
    made = (
        {name: backends.make(name, settings) for name in backends.BACKENDS}
        if settings.live
        else dict.fromkeys(backends.BACKENDS, MockBackend())
    )
    repo = git.find(settings.root, settings.environ, _key_names(opening.workflow))
    own = opening.path or kept.place(opening.session, opening.request)[0]
    around = context.Surroundings(
        root=settings.root,
        mask=mask,
        verbose=opening.verbose,
        repo=repo and replace(repo, own=own),
        stdin=_stdin(opening, mask) if opening.saved.stdin is None else opening.saved.stdin,
        scratch=opening.scratch,
    )
    world = World(settings, made, around, mask, opening.emit, verbose=opening.verbose)
    return replace(world, tree=_tree_log(opening, world))


def _tree_log(opening: Opening, world: World) -> TreeLog | None:
    """Begin to record trees, in live runs of workflows in which something reads or makes them."""
    agents = [s.id for s in opening.workflow.steps if world.backends[s.backend].agent]
    reads = any(
        source.kind is SourceKind.RUN_DIFF
        for step in opening.workflow.steps
        for source in step.context
    )
    if not world.settings.live or not (agents or reads):
        return None
    if world.surroundings.repo is None:
        opening.warn([f"{name}: outside git its changes can't be shown" for name in agents])
        return None
    from aethr.treelog import TreeLog
    from aethr.trees import Trees

    trees = Trees(world.surroundings.repo, opening.scratch)
    header = opening.saved.header
    base = header.tree if header else trees.record().id if opening.path else ""
    return TreeLog(trees, base, opening.saved.starts)


def _key_names(workflow: Workflow) -> set[str]:
    """Name the variables that the file says are keys: git's filters are not to see them."""
    return {ref.api_key_env for ref in workflow.models.values() if ref.api_key_env}


def _stdin(opening: Opening, mask: Mask) -> str | None:
    """Read what was piped in, once, if a step to come may see it: at most one limit's worth."""
    workflow, only = opening.workflow, opening.request.id
    sizes = [
        step.context_limit
        for step in workflow.steps
        if only in ("", step.id) and any(s.kind is SourceKind.STDIN for s in step.context)
    ]
    if not sizes:
        return None
    if sys.stdin is None or sys.stdin.isatty():
        what = "closed" if sys.stdin is None else "a terminal"
        raise UsageError(
            f"the context source `stdin` needs input, and stdin is {what}",
            "pipe something in: git diff main | aethr run …",
        )
    # One character more than the limit tells that there is more; it has at most 4
    # bytes in UTF-8. Masked before it is cut: a mask may be shorter than its key.
    most = max(sizes) + 1
    data = _read(sys.stdin.buffer, 4 * most)
    text = data.decode("utf-8", "surrogateescape")
    return (mask(text) if len(data) < 4 * most else mask.cut(text))[:most]


def _read(stream: BinaryIO, most: int) -> bytes:
    """Read to the end, or so many bytes. Asked for all at once, Python makes room for all."""
    pieces = []
    while most and (piece := stream.read(min(most, 1 << 20))):
        pieces.append(piece)
        most -= len(piece)
    return b"".join(pieces)


def _to_come(run: Run, request: Request) -> list[Step]:
    """Give the steps that the request may reach, in order, each once."""
    if request.id:
        return [run.workflow.step(request.id)]
    end = run.workflow.index[request.until] + 1 if request.until else len(run.workflow.steps)
    return list(run.workflow.steps[run.position.index : end])


def _preflight(opening: Opening, run: Run) -> None:
    """Have every backend look at its steps, those that a loop may go back to included."""
    workflow, ahead = run.workflow, _to_come(run, opening.request)
    if not ahead:
        return
    returns = [workflow.index[step.repeat.back_to] for step in ahead if step.repeat]
    places = [workflow.index[step.id] for step in ahead]
    first = places[0] if opening.request.id else min(places + returns)
    said: dict[str, None] = {}
    for step in workflow.steps[first : places[-1] + 1]:
        model = routing.model_for(workflow, step, run.world.settings.model)
        backend = run.world.backends[step.backend]
        said |= dict.fromkeys(backend.preflight(step, model))
        if run.limits.cost is not None:
            said |= dict.fromkeys(backend.unpriced(step, model))
    opening.warn(list(said))
    for name in {step.backend for step in ahead}:
        run.world.backends[name].prepare()
