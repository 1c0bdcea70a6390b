"""From a request to a run: everything that can be wrong is found before the first call."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from aethr import (
    checkpoint,
    context,
    kept,
    limits,
    lockfile,
    outfit,
    plan,
    resume,
    scratch,
    signals,
)
from aethr.errors import UsageError, did_you_mean
from aethr.options import Variable
from aethr.outfit import Opening
from aethr.runtime import Run
from aethr.secrets import Mask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aethr.events import Event
    from aethr.ongoing import OpenRun
    from aethr.options import Request
    from aethr.results import StepPrompt
    from aethr.session import Session
    from aethr.workflow import Step, Workflow


def preview(
    session: Session, request: Request, emit: Callable[[Event], None]
) -> Iterator[tuple[Step, StepPrompt]]:
    """Give the prompts of the steps to come; neither locks nor mends a checkpoint."""
    request = session.filled(request)
    opening = replace(_opening(session, request, emit), saved=kept.read(session, request))
    try:
        run = _prepared(opening)
        run.task = outfit.task(opening)
        yield from run.preview(_to_come(run, request))
    finally:
        scratch.cleared(opening.scratch)


def begin(
    session: Session, request: Request, emit: Callable[[Event], None], *, verbose: bool = False
) -> OpenRun:
    """Open a run: a new one, that of a checkpoint, or the one of the tasks before in this call."""
    from aethr.ongoing import OpenRun  # a preview waits for no import that it does not need

    request = session.filled(request)
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
        run.task = outfit.task(opening)
        if file is None:
            with signals.held(), _shown_if_lost(opening, run):
                file = kept.created(path, session, request, run)
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
    settings = session.settings.with_keys(outfit.key_names(workflow))
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
    with request.blaming(Variable.WORKFLOW):
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
    # What the first step of a call was asked for with an option beats a variable here too.
    named = Variable.CHECKPOINT not in request.variables and request.checkpoint
    if named and opening.session.start / named != current.file.path:
        return None
    if current.run.workflow.text != opening.workflow.text:
        return None
    if request.text is not None and request.text != current.run.task:
        raise UsageError("the steps of one call share one task", "give it to the first one only")
    if not current.file.wake():
        # A user's own task between two steps went on from the file that both name.
        if kept.place(opening.session, request)[0] == current.file.path:
            current.file.rest()
            return None
        raise UsageError(
            f"another run has gone on in {current.file.path}",
            "name the file for this step too, with --checkpoint",
        )
    world = current.run.world
    if world.surroundings.stdin is None:
        piped = outfit.stdin(opening, world.mask)
        current.run.world = replace(world, surroundings=replace(world.surroundings, stdin=piped))
        if piped is not None:
            current.file.stdin(piped)
    joined = current.joined(request, opening.emit)
    _preflight(opening, joined.run)
    return joined


def _prepared(opening: Opening) -> Run:
    """Make the run, from what is kept and what was asked, without calling anything."""
    request, saved, workflow = opening.request, opening.saved, opening.workflow
    world = outfit.world(opening)
    with request.blaming(Variable.CHECKPOINT):
        if saved.header:
            given = None if request.text is None else world.mask(request.text)
            opening.warn(resume.match(saved.header, workflow, world.settings, given))
            opening.warn(outfit.other_task(opening, saved.header))
        opening.warn(resume.elsewhere(saved, world.surroundings.repo, world.tree))
        results = resume.known(saved.results, workflow, saved.steered.next_id)
        run = Run(workflow, "", world, results, saved.steered)
        resume.refuse_finished(run, request)
    if world.settings.live:
        run.limits = opening.limits
    if request.from_:
        run.position = plan.jump(workflow, run.position, request.from_)
    is_at_stop = run.reached(request.until) and resume.waits(run)
    done = request.until and run.position.index > workflow.index[request.until]
    if done and not is_at_stop:
        raise UsageError(
            f"step `{request.until}` is done already in this checkpoint",
            "name a later step, or none",
        )
    return run


@contextmanager
def _shown_if_lost(opening: Opening, run: Run) -> Iterator[None]:
    """Show a task that may come from an editor, where there is no checkpoint to keep it."""
    try:
        yield
    except UsageError:
        if opening.request.text is None and not outfit.task_of_environment(opening):
            opening.warn([f"the task is not kept; it was:\n{run.task}"])
        raise


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
    reached = workflow.steps[first : places[-1] + 1]
    opening.warn(run.world.preflight(workflow, reached, run.limits))
    for name in {step.backend for step in ahead}:
        run.world.backends[name].prepare()
