"""An answer -> pass, revise or inconclusive. What is not said plainly is not a pass."""

from __future__ import annotations

import re

from aethr.results import Verdict

PASS_LINE = "Review status: pass"
REVISE_LINE = "Review status: revise"

# What Markdown may put around the line: emphasis, code, quotes, headings, list marks.
_EMPHASIS = re.compile(r"[*_`~]")
_LEAD = re.compile(r"^(?:[\s>#+\-•]|\d+[.)](?=\s))+")
_STATUS = re.compile(r"review\s+status\s*:\s*(.*)", re.IGNORECASE)


def read(answer: str) -> Verdict:
    """Judge an answer by its last status line; none, or another word there, is inconclusive."""
    for line in reversed(answer.splitlines()):
        bare = _LEAD.sub("", _EMPHASIS.sub("", line)).strip()
        if status := _STATUS.match(bare):
            word = status[1].rstrip(" \t.").casefold()
            known = {"pass": Verdict.PASS, "revise": Verdict.REVISE}
            return known.get(word, Verdict.INCONCLUSIVE)
    return Verdict.INCONCLUSIVE
