"""Events -> people's view on stderr: plain lines, or panels on a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from aethr import events, overview
from aethr.limits import dollars
from aethr.plan import Turn
from aethr.results import Verdict
from aethr.streams import tell, tell_safe
from aethr.text import PrintableStream, count, duration, one_line, printable

if TYPE_CHECKING:
    from rich.console import Console

    from aethr.results import StepResult, Usage
    from aethr.spent import Spent


_GO_LIVE = "To go live: aethr auth login PROVIDER, then AETHR_LIVE=1 (this spends money)"
_GO_RUN = "To run the commands: AETHR_LIVE=1"


class View:
    """One line an event: for pipes, logs and CI. ``quiet`` leaves warnings only."""

    def __init__(self, *, quiet: bool, model: str | None) -> None:
        self._quiet = quiet
        self._model = model
        self._places: dict[str, str] = {}

    def __call__(self, event: events.Event) -> None:
        if isinstance(event, events.Warned):
            step = f"{event.step_id}: " if event.step_id else ""
            self._line(f"warning: {step}{event.text}", style="yellow")
        elif not self._quiet:
            self._show(event)

    def _show(self, event: events.Event) -> None:
        match event:
            case events.RunStarted():
                self._started(event)
            case events.StepStarted():
                self._begin(event)
            case events.Chunk(text):
                self._text(text)
            case events.Told(text):
                self._line(f"· {text}", "dim")
            case events.Waiting(what):
                self._waiting(what)
            case events.StepFinished(result, live):
                self._whole(result.content)
                self._end(result.step_id, finished(result, live=live), _style(result))
            case events.StepBroken(step_id, seconds, interrupted, tail):
                self._unseen(tail)
                word = "interrupted" if interrupted else "failed"
                self._end(step_id, f"{word} · {duration(seconds)}", "red")
            case events.LoopTurned():
                self._turned(event)
            case events.RunFinished():
                self._finished(event)

    def _started(self, event: events.RunStarted) -> None:
        total = len(event.workflow.steps)
        self._places = {s.id: f"{place}/{total}" for place, s in enumerate(event.workflow.steps, 1)}
        self._line(overview.headline(event.workflow, event.live_because), style="bold")
        if not event.only:
            for line in overview.lines(event.workflow, self._model):
                self._line(line)
        for line in overview.limits_line(event.limits):
            self._line(line)
        if event.results:
            self._line(f"going on after {count(len(event.results), 'kept result')}")
        if event.checkpoint:
            self._line(f"checkpoint: {one_line(str(event.checkpoint))}", style="dim")

    def _finished(self, event: events.RunFinished) -> None:
        self._line(summary(event), style="green" if event.passed else "red")
        if event.go_on:
            self._line(event.go_on)
        elif not event.live:
            commands = all(step.run for step in event.workflow.steps)
            self._line(_GO_RUN if commands else _GO_LIVE)

    def _turned(self, event: events.LoopTurned) -> None:
        made = f"pass {event.made} of {event.limit}"
        said = {
            Turn.BACK: f"↺ back to {event.back_to} after {made}",
            Turn.MET: f"loop of {event.step_id} done in {made}",
            Turn.EXHAUSTED: f"loop of {event.step_id} over after {made}, its condition not met",
        }
        self._line(said[event.turn])

    def _begin(self, event: events.StepStarted) -> None:
        self._line(f"{self._heading(event)} …")

    def _heading(self, event: events.StepStarted) -> str:
        return one_line(f"{self._places[event.step.id]} {heading(event)}")

    def _text(self, text: str) -> None:
        """Leave an answer's pieces out: the text goes to stdout."""

    def _whole(self, text: str) -> None:
        """Leave the answer out, for the same reason."""

    def _unseen(self, text: str) -> None:
        """Show the end of what a failed command wrote, which stdout does not get."""
        for line in text.splitlines():
            self._line(f"  {printable(line)}")

    def _waiting(self, what: str) -> None:
        self._line(what)

    def _end(self, step_id: str, line: str, style: str) -> None:
        self._line(f"{step_id}: {line}", style)

    def _line(self, text: str, style: str = "") -> None:  # noqa: ARG002 - for terminals
        tell(f"{text}\n")


class TerminalView(View):
    """Panels whose edges stand as the step begins and ends; its text streams between them."""

    def __init__(self, *, quiet: bool, model: str | None, texts: bool, stream: bool) -> None:
        super().__init__(quiet=quiet, model=model)
        from rich.console import Console

        self._console: Console = Console(stderr=True, highlight=False, markup=False, emoji=False)
        self._texts = texts
        self._stream = stream
        self._pieces = PrintableStream()
        self._fresh = True  # the cursor is at the start of a line

    def _begin(self, event: events.StepStarted) -> None:
        self._edge("╭", self._heading(event), "╮", "cyan")

    def _end(self, _: str, line: str, style: str) -> None:
        self._edge("╰", line, "╯", style)

    def _edge(self, left: str, text: str, right: str, style: str) -> None:
        from rich.cells import cell_len

        room = self._console.width - cell_len(text) - 5
        self._line(f"{left} {text} {'─' * max(1, room)}{right}", style)

    def _text(self, text: str) -> None:
        if self._texts and self._stream:
            self._put(self._pieces.feed(text))

    def _whole(self, text: str) -> None:
        if self._texts and not self._stream:
            self._put(printable(text))

    def _put(self, text: str) -> None:
        if text:
            tell_safe(text)
            self._fresh = text.endswith("\n")

    def _unseen(self, text: str) -> None:
        if not (self._texts and self._stream):
            super()._unseen(text)

    def _waiting(self, what: str) -> None:
        self._line(what, "dim")

    def _line(self, text: str, style: str = "") -> None:
        self._put(self._pieces.close())
        if not self._fresh:
            self._put("\n")
        with self._console.capture() as painted:
            self._console.print(printable(text), style=style or None, soft_wrap=True)
        tell_safe(painted.get())


def view(*, quiet: bool, model: str | None, stream: bool, texts: bool = True) -> tuple[View, bool]:
    """Choose the view, and tell whether it shows the texts, so that stdout need not."""
    if sys.stderr and sys.stderr.isatty():
        texts = bool(texts and not quiet and sys.stdout and sys.stdout.isatty())
        return TerminalView(quiet=quiet, model=model, texts=texts, stream=stream), texts
    return View(quiet=quiet, model=model), False


def heading(event: events.StepStarted) -> str:
    said = [event.step.id if event.number == 1 else f"{event.step.id} (pass {event.number})"]
    if event.step.run:
        return " · ".join([*said, overview.command(event.step)])
    said += [event.step.role]
    if event.step.backend != "model":
        said.append(event.step.backend)
    if event.model:
        said.append(event.model.name)
    return " · ".join(said)


def finished(result: StepResult, *, live: bool) -> str:
    """``revise · 5.2 s · 4,010 / 212 tokens · $0.0007``."""
    word = result.verdict.value if result.verdict else "done"
    if result.exit_code is not None:
        word = f"exit {result.exit_code}"
    rest = [] if result.exit_code is not None else spent(result.usage)
    return " · ".join([word, duration(result.seconds), *(rest if live else ["mock"])])


def spent(usage: Usage) -> list[str]:
    """Tokens in and out and US dollars; what is not known is said to be unknown."""

    def number(value: int | None) -> str:
        return "unknown" if value is None else f"{value:,}"

    cost = "cost unknown" if usage.cost is None else dollars(usage.cost)
    return [f"{number(usage.input_tokens)} / {number(usage.output_tokens)} tokens", cost]


def summary(event: events.RunFinished) -> str:
    """``passed · 3 results · 1 min 27 s · 9,120 / 801 tokens · $0.0870``."""
    judged = any(result.verdict for result in event.results)
    word = ("passed" if judged else "done") if event.passed else "not passed"
    said = [word, count(len(event.results), "result"), duration(event.seconds)]
    said += in_all(event.spent) if event.live else ["mock"]
    return " · ".join([*said, *_fallbacks(event)])


def in_all(spent: Spent) -> list[str]:
    """``9,120 / 801 tokens``, ``$0.0870 + 2 calls of unknown cost``."""
    used, calls = spent.used, spent.calls
    tokens = f"{used.input_tokens or 0:,} / {used.output_tokens or 0:,} tokens"
    if spent.untold:
        none = spent.untold == calls and not (used.input_tokens or used.output_tokens)
        more = count(spent.untold, "call")
        tokens = "tokens unknown" if none else f"{tokens} + {more} of unknown size"
    cost = dollars(used.cost or 0.0)
    if spent.unpriced:
        none = spent.unpriced == calls and not used.cost
        more = count(spent.unpriced, "call")
        cost = "cost unknown" if none else f"{cost} + {more} of unknown cost"
    return [tokens, cost]


def _fallbacks(event: events.RunFinished) -> list[str]:
    """Name the results that another model than the first choice gave."""
    models = event.workflow.models
    return [
        f"{result.heading} by {result.model}"
        for result in event.results
        if (ref := models.get(event.workflow.step(result.step_id).role))
        and result.model in ref.fallbacks
    ]


def _style(result: StepResult) -> str:
    good = result.verdict in (None, Verdict.PASS) and not result.exit_code
    return "green" if good else "yellow"
