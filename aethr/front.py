"""A run, a step or a preview as people meet it: the view, the results, the exit."""

from __future__ import annotations

import gc
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from aethr import editor, opening, render
from aethr.errors import AethrError, Paused, UsageError
from aethr.report import Results
from aethr.streams import out, tell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aethr.events import Event
    from aethr.ongoing import OpenRun, Steer
    from aethr.options import Options, Request
    from aethr.reports.watch import Watch
    from aethr.results import StepPrompt, StepResult
    from aethr.session import Session
    from aethr.workflow import Step, Workflow

    Emit = Callable[[Event], None]


def run(
    session: Session,
    request: Request,
    options: Options,
    call: Callable[[Workflow], Callable[[Step], object]],
) -> None:
    """Run a workflow; ``call`` gives, for the workflow, what runs one of its steps."""
    steer = _steer(request)
    with begun(session, request, options, _screen(session, options, headings=True)) as opened:
        opened.drive(call(opened.run.workflow), steer)
    _judge(opened, options)


def _steer(request: Request) -> Steer | None:
    """Give what asks at a stop, where someone is there to be asked."""
    if editor.is_someone_there():
        from aethr import steering

        return steering.steer
    if request.interactive:
        raise UsageError(
            "--interactive needs a terminal, as stdin and as stderr",
            "without one, `pause: true` on a step stops the run there, to be resumed",
        )
    return None


def step(session: Session, request: Request, options: Options) -> StepResult:
    """Run one step, sharing the run of the tasks before in the same call."""
    with begun(session, request, options, _screen(session, options, headings=False)) as opened:
        result = opened.one()
    _judge(opened, options)
    return result


def preview(session: Session, request: Request, options: Options) -> None:
    """Print the exact prompts of the steps to come; nothing is called."""
    if options.report or options.findings:
        raise UsageError("--report and --findings are of a run: --show-prompt makes none")
    if request.interactive:
        raise UsageError("--interactive is of a run: --show-prompt makes none")
    view, _ = render.view(options, session.settings)
    for step, composed in opening.preview(session, request, view):
        if step.repeat and not request.id:
            tell(f"note: the loop {step.repeat.back_to} … {step.id} is shown once\n")
        out(f"## {step.id}\n{composed.text}")
        if options.verbose:
            tell(receipt(step, composed) + _formats(session, request, step))


def _judge(opened: OpenRun, options: Options) -> None:
    """Raise NotPassed where the run is done and did not pass; say it at least."""
    if error := opened.verdict():
        if not options.exit_zero:
            raise error
        tell(f"{error.message}\n")


def _screen(session: Session, options: Options, *, headings: bool) -> Emit:
    """Give the place where events go: people's view, and stdout if the view shows no texts."""
    view, shows = render.view(options, session.settings, texts=not options.findings)
    shows = shows or options.findings
    results = Results(headings=headings, last_only=options.quiet)

    def emit(event: Event) -> None:
        view(event)
        if not shows:
            results(event)

    _look_for_garbage()
    return emit


def progress(session: Session, options: Options) -> Emit:
    """Give the place where events go when the results are for a program: people's view alone."""
    _look_for_garbage()
    return render.view(options, session.settings, texts=False)[0]


def _look_for_garbage() -> None:
    """Do so from here on, where the start did without; what was imported is none, ever."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


@contextmanager
def begun(session: Session, request: Request, options: Options, emit: Emit) -> Iterator[OpenRun]:
    """Open a run; with ``--verbose`` a failure shows the checkpoint too."""
    request = session.filled(request)
    watch = _watch(session, request, options, emit)
    opened = opening.begin(session, request, watch or emit, verbose=options.verbose)
    if watch:
        watch.begun(opened)
    try:
        yield opened
    except BaseException as error:
        if watch:
            watch.ended(opened, error)
        if not isinstance(error, AethrError):
            raise
        if options.verbose and not isinstance(error, Paused):
            with suppress(OSError):  # it may be what failed
                tell(opened.run.world.mask(opened.file.path.read_text("utf-8")))
        raise
    if watch:
        watch.ended(opened, None)


def _watch(session: Session, request: Request, options: Options, emit: Emit) -> Watch | None:
    """Have the run watched where someone wants to be told of it: others pay no import."""
    if options.annotate and options.no_annotate:
        raise UsageError("--annotate and --no-annotate exclude each other")
    is_runner = session.settings.environ.get("GITHUB_ACTIONS") == "true"
    annotate = options.annotate or (is_runner and not options.no_annotate)
    if not (options.report or options.findings or annotate):
        return None
    from aethr.reports.watch import Watch

    return Watch(session, request, replace(options, annotate=annotate), emit)


def receipt(step: Step, composed: StepPrompt) -> str:
    """Tell what a prompt is made of: characters, and roughly a token for 4 of them."""
    import hashlib

    digest = hashlib.sha256(composed.text.encode("utf-8", "replace")).hexdigest()
    rows = [f"{step.id}: {_size(len(composed.text))}, sha256 {digest}"]
    for block in composed.blocks:
        total = "more than it" if block.total is None else f"{block.total:,}"
        rows.append(f"  {block.name}: {_size(block.kept)} of {total}")
    return "\n".join(rows) + "\n"


def _formats(session: Session, request: Request, step: Step) -> str:
    """Tell what a live call would send besides the prompt, also in mock mode."""
    if step.output_schema is None:
        return ""
    from aethr import routing
    from aethr.backends.model import ModelBackend

    workflow = session.load(request).workflow
    chosen = routing.model_for(workflow, step, session.settings.model)
    lines = ModelBackend(session.settings).formats(step, chosen)
    return "".join(f"  {line}\n" for line in lines)


def _size(characters: int) -> str:
    return f"{characters:,} characters, ~{characters // 4:,} tokens"
