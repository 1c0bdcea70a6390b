"""A run, a step or a preview as people meet it: the view, the results, the exit."""

from __future__ import annotations

import gc
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from aethr import opening, render
from aethr.errors import AethrError
from aethr.report import Results
from aethr.streams import out, tell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aethr.events import Event
    from aethr.ongoing import OpenRun
    from aethr.options import Options, Request
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
    screen = _screen(session, options, headings=True)
    opened = opening.begin(session, request, screen, verbose=options.verbose)
    with _shown_after_failure(opened, options):
        opened.drive(call(opened.run.workflow))
    _judge(opened, options)


def step(session: Session, request: Request, options: Options) -> StepResult:
    """Run one step, sharing the run of the tasks before in the same call."""
    screen = _screen(session, options, headings=False)
    opened = opening.begin(session, request, screen, verbose=options.verbose)
    with _shown_after_failure(opened, options):
        result = opened.one()
    _judge(opened, options)
    return result


def preview(session: Session, request: Request, options: Options) -> None:
    """Print the exact prompts of the steps to come; nothing is called."""
    view, _ = render.view(quiet=options.quiet, model=session.settings.model, stream=False)
    for step, composed in opening.preview(session, request, view):
        if step.repeat and not request.id:
            tell(f"note: the loop {step.repeat.back_to} … {step.id} is shown once\n")
        out(f"## {step.id}\n{composed.text}")
        if options.verbose:
            tell(receipt(step, composed))


def _judge(opened: OpenRun, options: Options) -> None:
    """Raise NotPassed where the run is done and did not pass; say it at least."""
    if error := opened.verdict():
        if not options.exit_zero:
            raise error
        tell(f"{error.message}\n")


def _screen(session: Session, options: Options, *, headings: bool) -> Emit:
    """Give the place where events go: people's view, and stdout if the view shows no texts."""
    view, shows = render.view(
        quiet=options.quiet, model=session.settings.model, stream=options.stream
    )
    results = Results(headings=headings, last_only=options.quiet)

    def emit(event: Event) -> None:
        view(event)
        if not shows:
            results(event)

    gc.enable()
    return emit


@contextmanager
def _shown_after_failure(opened: OpenRun, options: Options) -> Iterator[None]:
    """With ``--verbose`` a failure shows the checkpoint too."""
    try:
        yield
    except AethrError:
        if options.verbose:
            with suppress(OSError):  # it may be what failed
                tell(opened.run.world.mask(opened.file.path.read_text("utf-8")))
        raise


def receipt(step: Step, composed: StepPrompt) -> str:
    """Tell what a prompt is made of: characters, and roughly a token for 4 of them."""
    import hashlib

    digest = hashlib.sha256(composed.text.encode("utf-8", "replace")).hexdigest()
    rows = [f"{step.id}: {_size(len(composed.text))}, sha256 {digest}"]
    for block in composed.blocks:
        total = "more than it" if block.total is None else f"{block.total:,}"
        rows.append(f"  {block.name}: {_size(block.kept)} of {total}")
    return "\n".join(rows) + "\n"


def _size(characters: int) -> str:
    return f"{characters:,} characters, ~{characters // 4:,} tokens"
