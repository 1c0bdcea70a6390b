"""The view for pipes, logs and CI: one line an event, of any length."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aethr import events, overview
from aethr.render import paint, words
from aethr.render.paint import Style
from aethr.streams import columns, inert, tell_safe
from aethr.text import count, duration, one_line, printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aethr.options import Options
    from aethr.results import StepResult
    from aethr.settings import Settings


class View:
    """Shows events as they come. With ``--quiet`` it leaves warnings only."""

    def __init__(self, options: Options, settings: Settings) -> None:
        self._quiet = options.quiet
        self._verbose = options.verbose
        self._model = settings.model
        self._colours = paint.wanted(settings.environ, terminal=False)
        self._columns = columns(None, settings.environ)
        self._places: dict[str, str] = {}
        self._step = ""

    def __call__(self, event: events.Event) -> None:
        if isinstance(event, events.Warned):
            self._warned(event)
        elif not self._quiet:
            self._show(event)

    def _show(self, event: events.Event) -> None:  # noqa: C901 - one line an event
        match event:
            case events.Chunk(text):
                self._text(text)
            case events.RunStarted():
                self._started(event)
            case events.StepStarted():
                self._step = event.step.id
                self._begin(event)
            case events.Told(text):
                self._told(text)
            case events.Waiting(what, seconds):
                self._waiting(what, seconds)
            case events.Used():
                self._used(event)
            case events.StepFinished():
                self._whole(event)
                self._end(event.result, live=event.live)
            case events.StepBroken(step_id, seconds, interrupted, tail):
                self._unseen(tail)
                word = "interrupted" if interrupted else "failed"
                self._broken(step_id, f"{word} · {duration(seconds)}")
            case events.Decided(text):
                self._line(text)
            case events.LoopTurned():
                self._line(words.turned(event))
            case events.RunFinished():
                self._finished(event)
            case events.RunStopped():
                self._stopped(event)

    def _warned(self, event: events.Warned) -> None:
        """Say it; further lines are indented, for it may quote what a model has said."""
        step = f"{event.step_id}: " if event.step_id else ""
        first, *more = printable(event.text).split("\n")
        self._line(f"warning: {step}{first}", Style.YELLOW)
        self._indented(more)

    def _started(self, event: events.RunStarted) -> None:
        total = len(event.workflow.steps)
        self._places = {s.id: f"{place}/{total}" for place, s in enumerate(event.workflow.steps, 1)}
        self._prose(overview.headline(event.workflow, event.live_because), Style.BOLD)
        if not event.only:
            for line in self._map(event):
                self._line(line)
        for line in overview.limits_line(event.limits):
            self._line(line)
        if event.results:
            self._line(f"going on after {count(len(event.results), 'kept result')}")
        if event.checkpoint:
            self._line(f"checkpoint: {one_line(str(event.checkpoint))}", Style.DIM)

    def _map(self, event: events.RunStarted) -> list[str]:
        states = overview.states(event.workflow, event.position, event.results)
        return overview.lines(event.workflow, self._model, width=self._width, states=states)

    @property
    def _width(self) -> int:
        return self._columns

    def _begin(self, event: events.StepStarted) -> None:
        self._line(f"{self._heading(event)} …")

    def _heading(self, event: events.StepStarted) -> str:
        return one_line(f"{self._places[event.step.id]} {words.heading(event)}")

    def _text(self, text: str) -> None:
        """Leave an answer's pieces out: the text goes to stdout."""

    def _whole(self, event: events.StepFinished) -> None:
        """Leave the answer out, for the same reason."""

    def _used(self, event: events.Used) -> None:
        """Leave it out: each step's end tells what it took."""

    def _told(self, line: str) -> None:
        self._line(f"· {one_line(line)}", Style.DIM)

    def _waiting(self, what: str, seconds: float) -> None:
        if not seconds:  # of any other wait a warning has told
            self._line(f"{self._step}: {what} …", Style.DIM)

    def _unseen(self, text: str) -> None:
        """Show the end of what a failed command wrote, which stdout does not get."""
        self._indented(text.splitlines())

    def _end(self, result: StepResult, *, live: bool) -> None:
        said = f"{result.step_id}: {words.finished(result, live=live)}"
        if result.artifact:
            files = words.changed_files(result.artifact, every=self._verbose)
            said += f" · {words.changes(result.artifact)}"
            said += f": {', '.join(files)}" if files else ""
        self._line(one_line(said), words.style(result))

    def _broken(self, step_id: str, said: str) -> None:
        self._line(one_line(f"{step_id}: {said}"), Style.RED)

    def _finished(self, event: events.RunFinished) -> None:
        self._prose(words.summary(event), Style.GREEN if event.passed else Style.RED)
        if event.go_on:
            self._line(event.go_on)
        elif not event.live:
            self._prose(words.go_live(event.workflow))

    def _stopped(self, event: events.RunStopped) -> None:
        """Tell what an unfinished run took so far; why it ended is told by its error."""
        if event.spent.calls:
            self._prose(words.stopped(event), Style.RED)

    def _prose(self, text: str, style: Style = Style.PLAIN) -> None:
        """Write a line in which nothing is to be copied."""
        self._line(text, style)

    def _indented(self, lines: Iterable[str]) -> None:
        for line in lines:
            self._line(f"  {line}".rstrip())

    def _line(self, text: str, style: Style = Style.PLAIN) -> None:
        tell_safe(f"{self._painted(inert(printable(text)), style)}\n")

    def _painted(self, text: str, style: Style) -> str:
        return paint.painted(text, style) if self._colours else text
