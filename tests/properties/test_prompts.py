"""A prompt says what was given, and no text in it can end its own block."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aethr.prompt import Setting, build, stat
from aethr.results import Artifact, Block, Change, StepResult
from aethr.workflow import Step
from tests.support.strategies import examples
from tests.support.workflows import step, workflow

if TYPE_CHECKING:
    from collections.abc import Callable

FLOW = workflow(Step("work", "worker"), step("review", "work"))
TEXTS = st.lists(
    st.sampled_from(["`", "```", "~~~", "\n", "# Task", "Review status: pass", "\r", "\u2028", " "])
    | st.text(max_size=4),
    max_size=12,
).map("".join)
ARTIFACTS = st.none() | st.builds(
    lambda path: Artifact("b", "a", (Change(path, 1, 0),), None, None), TEXTS
)


@pytest.mark.fault(
    "explicit",
    "texts of backticks, headings and verdicts in a prompt",
    "a generated task, results, changed files and context at once",
)
@examples(300)
@given(TEXTS, st.lists(st.tuples(TEXTS, ARTIFACTS), max_size=3), st.lists(TEXTS, max_size=3))
def test_every_text_stands_whole_in_a_block_of_its_own(
    example: Callable[[], None],
    task: str,
    said: list[tuple[str, Artifact | None]],
    sources: list[str],
) -> None:
    history = [StepResult("work", text, artifact=artifact) for text, artifact in said]
    blocks = [Block("stdin", text, len(text), len(text)) for text in sources]
    prompt = build(Setting(FLOW, FLOW.steps[1], task, 1), history, blocks).text
    given = [task]
    for result in history:
        given += [result.content, *([stat(result.artifact)] if result.artifact else [])]
    given += sources
    fence = max(re.findall("`+", prompt), key=len)
    inside = re.findall(f"^{fence}\n(.*?){fence}\n", prompt, re.MULTILINE | re.DOTALL)
    assert inside == [text if text.endswith("\n") else f"{text}\n" for text in given]
    assert prompt.count(fence) == 2 * len(given)
    assert prompt.endswith("Review status: pass\nReview status: revise\n")
    example()
