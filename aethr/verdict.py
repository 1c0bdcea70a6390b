"""An answer -> pass, revise or inconclusive. What is not said plainly is not a pass."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aethr import findings
from aethr.results import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

PASS_LINE = "Review status: pass"
REVISE_LINE = "Review status: revise"

# What Markdown may put around the line: emphasis, code, quotes, headings, list marks.
_EMPHASIS = re.compile(r"[*_`]")
_LEAD = re.compile(r"^(?:[\s>#+\-•]|\d+[.)](?=\s))+")
_STATUS = re.compile(r"review status ?: ?(.*)", re.IGNORECASE | re.ASCII)
_WORDS = {"pass": Verdict.PASS, "revise": Verdict.REVISE}
_QUOTED = re.compile(r"\s*[>+\-•`\d]|\t| {4}")


def read(answer: str) -> Verdict:
    """Judge an answer; a pass beside a high or medium finding is inconclusive."""
    verdict = said(answer)
    contradicted = verdict is Verdict.PASS and findings.grave(answer)
    return Verdict.INCONCLUSIVE if contradicted else verdict


def said(answer: str) -> Verdict:
    """Read the last status line; none, or another word there, is inconclusive.

    A pass in a quotation, a list or code counts only as the last words: elsewhere the answer
    may repeat what a file says. Where it depends on what ends a line (a form feed, U+2028),
    nothing was said plainly.
    """
    found = {_last(answer.splitlines()), _last(answer.split("\n"))}
    return found.pop() if len(found) == 1 else Verdict.INCONCLUSIVE


def _last(lines: Iterable[str]) -> Verdict:
    decided, fence, quoted_pass = Verdict.INCONCLUSIVE, "", False
    for line in lines:
        fence = findings.fence_after(line, fence)
        bare = " ".join(_LEAD.sub("", _EMPHASIS.sub("", line)).split())
        if not bare.strip("~"):
            continue
        says = _status(bare)
        quoted_pass = says is Verdict.PASS and bool(fence or _QUOTED.match(line))
        if says and not quoted_pass:
            decided = says
    return Verdict.PASS if quoted_pass else decided


def _status(line: str) -> Verdict | None:
    """Read a status line, or None. One in look-alike characters is one, and says nothing plain."""
    if exact := _STATUS.match(line):
        return _WORDS.get(exact[1].rstrip(" .").lower(), Verdict.INCONCLUSIVE)
    if line.isascii():
        return None
    import unicodedata

    alike = unicodedata.normalize("NFKD", line).encode("ascii", "ignore").decode().strip()
    return Verdict.INCONCLUSIVE if _STATUS.match(alike) else None
