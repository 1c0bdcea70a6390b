"""Whatever stands in a checkpoint: a run that goes on from it, or one clear error."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aethr import checkpoint
from aethr.options import Request
from aethr.results import Artifact, Change, StepResult, Usage, Verdict
from aethr.saved import FORMAT
from aethr.text import printable
from tests.support.strategies import as_lines, damaged, examples, misshapen

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.doors import Doors

FLOW = """\
workflow: demo
roles: {planner: Plan., implementer: Do., reviewer: Review.}
steps:
  - {id: plan, role: planner, context: [stdin]}
  - {id: implement, role: implementer, backend: opencode}
  - {id: check, role: planner, repeat: {back_to: implement, until_contains: ok}}
  - id: review
    role: reviewer
    context: [latest_diff, run_diff]
    repeat: {back_to: plan, until_review_pass: true}
  - {id: ship, role: planner, history_visibility: summary, context: ["step:plan"]}
"""
PATCH = "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-1\n+2\n"
USAGE = {"input_tokens": 5, "output_tokens": 7, "cost": 0.01}


def made(step: str, **more: Any) -> dict[str, Any]:
    plain = asdict(StepResult(step, f"{step}ed, ok", model="openai:x", seconds=1.5))
    return {"kind": "result", **plain, "usage": USAGE, **more}


def begun(step: str, after: int) -> dict[str, Any]:
    return {"kind": "start", "step_id": step, "after": after, "tree": "", "marker": ""}


ARTIFACT = {
    "before": "b" * 40,
    "tree": "a" * 40,
    "changes": [
        {"path": "a", "added": 1, "removed": 1},
        {"path": "b", "added": None, "removed": 0},
    ],
    "patch": PATCH,
    "run_patch": PATCH,
}
HEADER = checkpoint.Header("demo", FLOW, "go", live=False)
ROWS = [
    {"kind": "run", "format": FORMAT, **asdict(HEADER)},
    {"kind": "stdin", "text": "piped in"},
    begun("plan", 0),
    made("plan"),
    {"kind": "pause", "step_id": "plan", "over": False},
    {"kind": "edit", "step_id": "plan", "content": "mine", "verdict": None, "unproven": []},
    {"kind": "failure", "step_id": "implement", "reason": "HTTP 500", "partial": "half a sen"},
    begun("implement", 1),
    {"kind": "call", "step_id": "implement", "model": "openai:x"},
    {"kind": "used", "usage": USAGE, "whole": False},
    made("implement", artifact=ARTIFACT),
    made("check"),
    made("review", verdict="inconclusive", unproven=["latest_diff"]),
    begun("plan", 4),
    made("plan", number=2),
    {"kind": "rewind", "step_id": "review", "kept": 3, "text": ""},
    made("review", verdict="revise"),
    made("plan", number=2),
    {"kind": "note", "step_id": "plan", "kept": 4, "text": "shorter"},
]
OLDER = [{"step_id": "plan", "content": "planned", "metadata": {}, "usage": USAGE}, made("check")]
FILES = [
    as_lines(ROWS),
    as_lines(ROWS[:10]),
    json.dumps(OLDER).encode(),
    json.dumps({"results": OLDER}, indent=1).encode(),
]
WORDS = [
    *(char.encode() for char in '{}[]:,"\\-0\n\r\t\0\x1b\x85\u2028\u202e'),
    *(b"null", b"true", b"-1", b"1.5", b"1e999", b"-1e999", b"NaN", b"Infinity", b"9" * 5000),
    *(b'"x"', b'"plan"', b'"\\ud800"', b'"\\u001b[2J"', b'"pass"', b"[]", b"{}", b"[{}]"),
    *(b'"kind":"run",', b'"kind":"result",', b'"format":2,', b'"live":true,', b'"content":1,'),
    *(b"[" * 5000, b'{"a":' * 5000, b"[" * 300 + b"]" * 300, b"x" * 100_000, b"\xff", b"\xed\xa0"),
]
CHECKPOINTS = st.one_of(
    damaged(FILES, WORDS),
    misshapen(ROWS).map(as_lines),
    misshapen(OLDER).map(lambda rows: json.dumps(rows).encode()),
)


@pytest.mark.fault(
    "fail closed",
    "a damaged checkpoint",
    "bytes, words and lines changed, and any field of any line given another kind of value",
)
@examples(600)
@given(data=CHECKPOINTS)
def test_a_damaged_checkpoint_goes_on_or_is_refused(
    doors: Doors, example: Callable[[], None], data: bytes
) -> None:
    (doors.folder / ".aethr.yaml").write_text(FLOW)
    file = doors.folder / "c.jsonl"
    file.write_bytes(data)
    request = Request(resume_checkpoint="@c.jsonl", text=None if b'"run"' in data else "go")
    preview = doors.preview(request)
    assert file.read_bytes() == data, "a preview changes nothing"
    run = doors.run(request)
    assert run.err == printable(run.err)
    assert run.code in {0, 2, 3}
    assert (run.code, preview.code) in {(2, 2), (0, 0), (3, 0)}
    if run.code == 2:
        assert "error: " in run.err
        assert not run.out
    elif (kept := checkpoint.parse(data, "")).header:
        # What was there is there, and more behind it.
        results = checkpoint.read(file).results
        assert results[: len(kept.results)] == kept.results
        assert len(results) > len(kept.results)
    example()


NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
# What decoding leaves of bytes that are not UTF-8 are single surrogates.
TEXTS = st.text(
    st.characters() | st.characters(categories=["Cs"], min_codepoint=0xDC80), max_size=30
)
COUNTS = st.none() | st.integers(0, 10**15)
CHANGES = st.builds(Change, TEXTS, COUNTS, COUNTS)
RESULTS = st.builds(
    StepResult,
    NAMES,
    TEXTS,
    st.integers(1, 10**15),
    st.none() | st.sampled_from(Verdict),
    st.lists(TEXTS, max_size=2).map(tuple),
    st.builds(Usage, COUNTS, COUNTS, st.none() | st.floats(0, 10**15)),
    TEXTS,
    st.floats(0, 10**15),
    st.none()
    | st.builds(
        Artifact,
        TEXTS,
        TEXTS,
        st.lists(CHANGES, max_size=2).map(tuple),
        st.none() | TEXTS,
        st.none() | TEXTS,
    ),
)


@pytest.mark.fault(
    "nothing lost", "results of any text", "generated results, written and read back"
)
@examples(200)
@given(results=st.lists(RESULTS, max_size=3), task=TEXTS, piped=TEXTS)
def test_what_is_written_is_read_back(
    tmp_path: Path,
    example: Callable[[], None],
    results: list[StepResult],
    task: str,
    piped: str,
) -> None:
    path = tmp_path / "c.jsonl"
    path.unlink(missing_ok=True)
    header = checkpoint.Header("demo", FLOW, task, live=True)
    file = checkpoint.create(path)
    file.header(header)
    file.stdin(piped)
    for result in results:
        file.result(result)
    file.close()
    saved = checkpoint.read(path)
    assert (saved.header, saved.results, saved.stdin) == (header, tuple(results), piped)
    again, file = checkpoint.reopen(path)
    file.close()
    assert again == saved
    example()
