"""An answer -> its findings: ``- [high] path:line: text``, and the many ways that models vary it.

What a quoted diff or code of a named language says is the files' own, and no finding. Elsewhere
a finding counts, also in a quotation: a pass must not stand beside one.
"""

from __future__ import annotations

from aethr.findings import quoting
from aethr.findings.finding import Finding as Finding
from aethr.findings.finding import Severity as Severity
from aethr.findings.quoting import fence_after as fence_after


def read(answer: str) -> tuple[Finding, ...]:
    """Give the findings of an answer in its order, each once."""
    # Their patterns take 5 ms to compile, and only who has an answer needs them.
    from aethr.findings import objects
    from aethr.findings.reader import Reader

    reader = Reader()
    for part in quoting.own(answer):
        if part.is_json:
            reader.found += objects.read(part.text)
        else:
            reader.take(part.text, fenced=part.fenced)
    return tuple(dict.fromkeys(reader.close()))


def grave(answer: str) -> tuple[Finding, ...]:
    """Give those that no pass may stand beside."""
    return tuple(one for one in read(answer) if one.severity is not Severity.LOW)
