"""An answer's Markdown as rows of a panel: the only use of rich, which takes 50 ms to load."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from aethr.text import cells, printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.segment import Segment

# The language behind a fence is not shown; more than a word is none.
_FENCE = re.compile(r"^[ >]*(?:`{3,}|~{3,}) *[\w+#.-]* *$", re.MULTILINE)
# Within a word or a path a star is rather meant than emphasis: `a*b`, `src/**/*.py`.
_STARS = re.compile(r"(?<=\w)[*]+(?=\w)|(?<=/)[*]+|[*]+(?=/)")


def rendered(text: str, width: int, *, colours: bool) -> list[str] | None:
    """Give a safe text as rows; None where a rendering would not show all that it says.

    Markdown leaves out what it takes for HTML (``List<String>``), titles of links and more, counts
    a list on from its first number, and turns ``&#8238;`` into the character that this escapes.
    So what says something is counted before and after.
    """
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console(width=width, color_system="standard", force_terminal=True, emoji=False)
    # A line stays a line: the verdict would run into the finding before it.
    answer = Markdown(text.replace("\n", "  \n"), code_theme="ansi_dark", hyperlinks=False)
    lines = console.render_lines(answer, pad=False)
    plain = ["".join(segment.text for segment in line).rstrip() for line in lines]
    while plain and not plain[0]:  # above a list, say
        del plain[0], lines[0]
    shown = "\n".join(plain)
    if printable(shown) != shown or _told(shown) != _told(_FENCE.sub("", text)):
        return None
    if any(cells(line) > width for line in plain):
        return None
    return [_painted(line) for line in lines] if colours else plain


def _told(text: str) -> Counter[str]:
    """Count letters, digits, and marks that Markdown may take for its own where they are not."""
    marks = "".join(_STARS.findall(text))
    return Counter(char for char in text if char.isalnum() or char in "_~\\") + Counter(marks)


def _painted(line: Iterable[Segment]) -> str:
    from rich.color import ColorSystem

    return "".join(
        style.render(text, color_system=ColorSystem.STANDARD) if style else text
        for text, style, _ in line
    )
