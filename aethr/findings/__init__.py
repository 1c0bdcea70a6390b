"""An answer -> its findings: ``- [high] path:line: text``, and the many ways that models vary it.

What a quoted diff or code of a named language says is the files' own, and no finding. Elsewhere
a finding counts, also in a quotation: a pass must not stand beside one.
"""

from __future__ import annotations

from aethr.findings.finding import Finding as Finding
from aethr.findings.finding import Severity as Severity
from aethr.findings.quoting import fence_after as fence_after


def read(answer: str) -> tuple[Finding, ...]:
    """Give the findings of an answer in its order, each once."""
    from aethr.findings import words

    if not words.occur(answer):
        return ()
    # Its patterns take 5 ms to compile, and a run whose reviewer found nothing needs none.
    from aethr.findings import reader

    return reader.read(answer)


def grave(answer: str) -> tuple[Finding, ...]:
    """Give those that no pass may stand beside."""
    return tuple(one for one in read(answer) if one.severity is not Severity.LOW)
