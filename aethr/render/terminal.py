"""The view for people at a terminal: a panel a step, and a line that lives below it.

The answer stands behind a border and is never redrawn; whatever stands at the left margin, and
the edges ``╭ ├ ╰``, are ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aethr.render import paint, table, words
from aethr.render.paint import Style
from aethr.render.paper import Paper
from aethr.render.plain import View
from aethr.render.rows import Rows, framed
from aethr.render.status import Status
from aethr.streams import sayable
from aethr.text import PrintableStream, cells, one_line, printable, wrapped

if TYPE_CHECKING:
    from aethr import events
    from aethr.options import Options
    from aethr.results import StepResult
    from aethr.settings import Settings

_BORDER = "│ "
_DIFF = {"+": Style.GREEN, "-": Style.RED, "@": Style.CYAN, "d": Style.BOLD}


class TerminalView(View):
    """``texts`` tells whether answers are shown here, as they come or, with ``--no-stream``, whole.

    Without an escape sequence (``TERM=dumb``) there is no live line, and waits are lines.
    """

    def __init__(self, options: Options, settings: Settings, *, texts: bool) -> None:
        super().__init__(options, settings)
        self._colours = paint.wanted(settings.environ, terminal=True)
        self._texts = texts
        self._stream = options.stream
        self._paper = Paper(settings.environ)
        self._border = sayable(_BORDER)
        self._live = False
        self._inside = False  # of a panel
        self._new_panel()

    def _new_panel(self) -> None:
        self._pieces = PrintableStream()
        self._rows = Rows(self._border, self._room)

    @property
    def _width(self) -> int:
        return self._paper.width

    @property
    def _room(self) -> int:
        return self._width - cells(self._border)

    def _started(self, event: events.RunStarted) -> None:
        self._live = bool(event.live_because)
        super()._started(event)

    def _begin(self, event: events.StepStarted) -> None:
        self._edge("╭", self._heading(event), Style.CYAN)
        self._inside = True
        self._new_panel()
        self._is_prose = not event.step.run and event.step.output_schema is None
        self._status = Status(event, self._places[event.step.id], live=self._live)
        self._paper.live(self._status_line)

    def _status_line(self, width: int) -> str:
        return self._painted(self._status.line(width), Style.DIM)

    def _text(self, text: str) -> None:
        self._status.heard()
        if self._texts and self._stream:
            self._put(self._pieces.feed(text))

    def _whole(self, event: events.StepFinished) -> None:
        if self._texts and not self._stream:
            self._answer(event.result)
        if event.patch:
            self._aside("what it changed", Style.CYAN)
            for line in printable(event.patch).splitlines():
                self._rowed(self._border, line, _DIFF.get(line[:1], Style.PLAIN))

    def _answer(self, result: StepResult) -> None:
        """Show an answer that is whole; what a command wrote is no Markdown, and JSON is none."""
        from aethr.render.markdown import rendered

        text, lines = printable(result.content), None
        if self._is_prose:
            lines = rendered(sayable(text), self._room, colours=self._colours)
        if lines is None:
            self._put(text)
        else:
            self._paper.write("".join(f"{self._border}{line}".rstrip() + "\n" for line in lines))

    def _put(self, text: str) -> None:
        """Set more of the answer."""
        self._rows.width = self._room
        rows = self._rows.feed(sayable(text))
        border = self._border if self._rows.open else ""
        self._paper.write(rows, border=border, pending=self._rows.pending)

    def _told(self, line: str) -> None:
        self._status.idle()
        self._aside(line, Style.DIM)

    def _waiting(self, what: str, seconds: float) -> None:
        self._status.waits(what, seconds)
        if seconds:
            self._paper.redraw()  # a countdown begins with all of its seconds
        elif not self._paper.can_act:
            self._aside(what, Style.DIM)

    def _used(self, event: events.Used) -> None:
        self._status.spent = event.spent

    def _unseen(self, text: str) -> None:
        if not (self._texts and self._stream):
            self._put(printable(text))

    def _end(self, result: StepResult, *, live: bool) -> None:
        said = words.finished(result, live=live)
        files = []
        if result.artifact:
            said += f" · {words.changes(result.artifact)}"
            files = words.changed_files(result.artifact, every=self._verbose)
        self._closed(said, words.style(result))
        for line in files:
            self._rowed("  ", one_line(line))

    def _broken(self, _: str, said: str) -> None:
        self._closed(said, Style.RED)

    def _closed(self, said: str, style: Style) -> None:
        """Give the panel its bottom edge."""
        self._end_row()
        self._paper.rest()
        self._inside = False
        self._edge("╰", said, style)

    def _finished(self, event: events.RunFinished) -> None:
        self._table(event)
        super()._finished(event)

    def _stopped(self, event: events.RunStopped) -> None:
        if self._inside:
            self._closed("not finished", Style.RED)
        self._table(event)
        super()._stopped(event)

    def _table(self, event: events.RunFinished | events.RunStopped) -> None:
        if len(event.results) > 1:  # of one, its panel has said all
            head, *rows = table.table(event.results, self._width, live=event.live)
            self._line(head, Style.DIM)
            for row in rows:
                self._line(row)

    def _edge(self, corner: str, said: str, style: Style) -> None:
        """Draw an edge through a line, or let a line that is too long for it go on below."""
        rule = self._room - cells(sayable(said)) - 1
        if rule > 0:
            self._line(f"{corner} {said} {'─' * rule}", style)
        else:
            self._rowed(f"{corner} ", said, style, below="  " if corner == "╰" else "├ ")

    def _aside(self, said: str, style: Style) -> None:
        """Say something of our own within a panel."""
        self._end_row()
        self._rowed("├ ", one_line(said), style)

    def _rowed(self, first: str, said: str, style: Style = Style.PLAIN, below: str = "") -> None:
        lines = framed(sayable(said), sayable(first), sayable(below or first), self._room)
        self._paper.write("".join(f"{self._painted(line, style)}\n" for line in lines))

    def _end_row(self) -> None:
        last = self._rows.feed(sayable(self._pieces.close())) + self._rows.close()
        self._paper.write(last)

    def _prose(self, text: str, style: Style = Style.PLAIN) -> None:
        for line in wrapped(printable(text), self._width):
            self._line(line, style)

    def _line(self, text: str, style: Style = Style.PLAIN) -> None:
        """Write a line of our own, of any length: people copy commands from it."""
        if self._inside:
            self._aside(text, style)
        else:
            self._paper.write(f"{self._painted(sayable(printable(text)), style)}\n")
