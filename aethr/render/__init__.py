"""Events -> people's view on stderr: plain lines, or panels on a terminal.

A view is a function of events, and nothing else asks it anything: the ``append`` of a list
can stand in for one.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from aethr.render.plain import View
from aethr.render.words import finished

if TYPE_CHECKING:
    from aethr.options import Options
    from aethr.settings import Settings

__all__ = ["View", "finished", "view"]


def view(options: Options, settings: Settings, *, texts: bool = True) -> tuple[View, bool]:
    """Choose the view, and tell whether it shows the texts, so that stdout need not."""
    if not (sys.stderr and sys.stderr.isatty()):
        return View(options, settings), False
    from aethr.render.terminal import TerminalView

    texts = bool(texts and not options.quiet and sys.stdout and sys.stdout.isatty())
    return TerminalView(options, settings, texts=texts), texts
