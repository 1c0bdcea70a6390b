"""A verdict is what the last status line says in so many words, however it is decorated."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aethr.results import Verdict
from aethr.verdict import read
from tests.support.strategies import examples

if TYPE_CHECKING:
    from collections.abc import Callable

PLAIN = st.lists(
    st.sampled_from(
        [
            *("Review status: pass", "Review status: revise", "REVIEW STATUS:PASS."),
            *("review  status : Revise", "Review status: pass|revise", "Review status:"),
            *("Review status: passed", "Review status: not pass", "Review status: pass pass"),
            *("Fine.", "", "  ", "pass", "The Review status: pass", "Preview status: pass"),
        ]
    ),
    max_size=6,
)
EMPHASIS = st.sampled_from(["", "*", "**", "***", "_", "__", "**_"])
SPACES = st.sampled_from(["", " ", "  ", "\r"])


def plainly(lines: list[str]) -> Verdict:
    """Read undecorated lines, the last status line first."""
    for line in reversed(lines):
        words = line.lower().replace(":", " : ").split()
        if words[:3] == ["review", "status", ":"]:
            said = " ".join(words[3:]).rstrip(".")
            return Verdict(said) if said in ("pass", "revise") else Verdict.INCONCLUSIVE
    return Verdict.INCONCLUSIVE


@examples(300)
@given(PLAIN)
def test_the_last_status_line_decides(lines: list[str]) -> None:
    assert read("\n".join(lines)) is plainly(lines)


@examples(300)
@given(PLAIN, st.lists(st.tuples(EMPHASIS, SPACES), min_size=6, max_size=6))
def test_emphasis_and_spaces_change_no_verdict(
    lines: list[str], around: list[tuple[str, str]]
) -> None:
    decorated = [
        f"{mark}{line}{mark}{space}" for line, (mark, space) in zip(lines, around, strict=False)
    ]
    assert read("\n".join(decorated)) is plainly(lines)


@examples(300)
@given(
    PLAIN,
    st.sampled_from(["pass", "revise"]),
    st.sampled_from(["", "- ", "* ", "3. ", "> ", "> - ", "## ", "> > **", "`", "1) **`"]),
    st.sampled_from(["", ".", "**", "**.", "`", "`**.", "  ", "\n\n", "\r\n"]),
)
def test_around_the_last_line_marks_change_no_verdict(
    lines: list[str], word: str, before: str, after: str
) -> None:
    answer = "\n".join([*lines, f"{before}Review status: {word}{after}"])
    assert read(answer) is Verdict(word)


# Letters that fold or decompose to those of a pass, lines that end in odd ways, Markdown.
LOOKALIKES = "paſßｐａｓｓ ѕрᵖªáś\u00ad\u200b\u202e\n\r\x0b\x0c\x1c\x85\u2028*_`~>#+-.:!|&;\\0"
PIECES = st.sampled_from(["Review status:", "Review", "status", "pass", "paß", "revise", "PASS"])


@pytest.mark.fault(
    "fail closed",
    "an answer that nearly says that it passes",
    "generated answers of look-alike letters, Markdown and odd ends of lines",
)
@examples(500)
@given(st.lists(PIECES | st.text(LOOKALIKES, max_size=4), max_size=12))
def test_nothing_passes_without_the_words(example: Callable[[], None], pieces: list[str]) -> None:
    answer = " ".join(pieces)
    if read(answer) is Verdict.PASS:
        bare = [re.sub(r"[\s*_`>#+.\d-]", "", line).lower() for line in answer.split("\n")]
        assert "reviewstatus:pass" in bare
    example()
