"""Only a plain `Review status: pass` as the last status line is a pass."""

from __future__ import annotations

import pytest

from aethr.results import Verdict
from aethr.verdict import PASS_LINE, REVISE_LINE, read


@pytest.mark.parametrize(
    "answer",
    [
        PASS_LINE,
        f"Fine.\n\n{PASS_LINE}\n",
        "**Review status: pass**",
        "**Review status:** pass",
        "`Review status: pass`",
        "> Review status: pass",
        "- Review status: pass",
        "3. Review status: pass.",
        "### Review Status : PASS",
        "__review  status:   Pass__",
        f"{REVISE_LINE}\nOn second thought:\n{PASS_LINE}",
        f"{PASS_LINE}\r\n",
    ],
)
def test_a_pass(answer: str) -> None:
    assert read(answer) is Verdict.PASS


@pytest.mark.parametrize(
    "answer", [REVISE_LINE, f"{PASS_LINE}\n{REVISE_LINE}", "* **Review status: revise**."]
)
def test_a_revise(answer: str) -> None:
    assert read(answer) is Verdict.REVISE


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "looks good to me",
        "pass",
        "The line is Review status: pass",
        "Review status: pass|revise",
        "Review status: pass, with one nit",
        "Review status: not pass",
        "Review status: passed",
        "Review status:",
        f"{PASS_LINE}\nReview status: unsure",
        "Review status pass",
        "Preview status: pass",
        "Review status: p a s s",
    ],
)
def test_anything_else_is_inconclusive(answer: str) -> None:
    assert read(answer) is Verdict.INCONCLUSIVE
