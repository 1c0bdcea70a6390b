"""Whatever stands in a workflow file: a run that ends, or mistakes with their places."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aethr import config
from aethr.errors import ConfigError
from aethr.options import Request
from aethr.text import printable
from tests.support.strategies import damaged, examples
from tests.support.workflow_files import CASES, FILES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from aethr.errors import Problem
    from tests.support.doors import Doors

FULL = b"""\
workflow: full
roles: {planner: Plan., implementer: Do., reviewer: Review.}
models:
  planner: &m {model: "openai:gpt-4o-mini", temperature: 0.5, timeout: 2m, fallbacks: [groq/x]}
  reviewer: *m
context_limit: 1000
steps:
  - {id: plan, role: planner, context: [stdin, "file:flow.yaml", "glob:**/*.md", git_diff]}
  - {id: draft, role: planner, history_visibility: summary, context: ["step:plan", run_diff]}
  - id: check
    role: planner
    repeat: {back_to: draft, until_contains: "DONE", max_iterations: 2}
  - {id: implement, role: implementer, backend: opencode, unsafe_permissions: true, timeout: 1h}
  - {id: review, role: reviewer, context: [latest_diff], context_limit: 50, allow_truncated: true,
     repeat: {back_to: plan, until_review_pass: true, max_iterations: 2}}
"""
GOOD = [FULL, *(file.read_bytes() for file in FILES if file.parent != CASES)]
BROKEN = [file.read_bytes() for file in FILES if file.parent == CASES]
# What a file may well hold, in one place or another.
TAME = [
    *(b"plan", b"review", b"planner", b'"my step"', "ünï".encode(), b"'**x**'", b'"# How to end"'),
    *(b"model", b"opencode", b"latest", b"none", b"openai:gpt-4o", b"true", b"yes", b"no"),
    *(b"1", b"2", b"50", b"999999999999999", b"2m", b"10s", b"0.5", b"text", b"x" * 5000, b"- a"),
    *(b'["file:flow.yaml"]', b"[stdin, stdin]", b'["glob:**"]', b'["step:plan"]', b"[run_diff]"),
    *(b"  ", b"\n", b"# a", b"&b ", b"Review status: revise", b"```", b"[truncated]"),
]
WORDS = [
    *(char.encode() for char in ":-?[]{},&*!|>'\"%@`#~=\\ \n\t\r\0\x07\x7f\x85\xa0\u2028\u202e"),
    *(b"- ", b": ", b"\n  ", b"---\n", b"...\n", b"&a ", b"*a", b"<<: *m", b"!!set ", b"|+2\n "),
    *(b"yes", b"null", b"1", b"-1", b"1.5", b"0x1f", b"2024-01-01", b"12:30", b".nan", b"1e9"),
    *(b"999999999999999", b"9" * 400, b"1e400", b'"2h"', b"99999999h", b"true", b'"yes"'),
    *(b"[]", b"{}", b"[a, [b]]", b"{a: {b: c}}", b'""', b'" "', b"~", b"&a [*a]"),
    *(b"id: plan", b"role: planner", b"repeat: {back_to: plan}", b"git_diff:-x", b"step:x"),
    *(b"\xef\xbb\xbf", b"\xff", b"\xed\xa0\x80", "ünï ß \U0001f600".encode(), b"\xc3"),
    *(b"!!python/object/apply:os.system [id]", b"!!binary eHg=", b"!<tag:x> y", b"%YAML 9.9\n"),
    *(b"[" * 5000, b"{a: " * 100, b"- " * 100, b"x" * 100_000, b"'" + b"''" * 50_000, b"# " * 999),
]
ANY = st.text(max_size=80).map(str.encode) | st.binary(max_size=80)


@pytest.mark.fault(
    "explicit",
    "a damaged workflow file",
    "presets, examples and broken files with bytes, words, lines, types and encodings changed",
)
@examples(600)
@given(data=damaged(GOOD, TAME) | damaged(GOOD, WORDS) | damaged(BROKEN, WORDS) | ANY)
def test_a_damaged_workflow_file_is_run_or_its_mistakes_are_shown(
    doors: Doors, example: Callable[[], None], data: bytes
) -> None:
    file = doors.folder / "flow.yaml"
    file.write_bytes(data)
    run = doors.run(Request("flow.yaml", text="go"))
    assert run.err == printable(run.err)
    if mistakes := mistakes_in(file):
        assert run.code == 2
        assert all(is_inside(mistake, data) for mistake in mistakes)
        assert not run.out
    else:
        assert run.code in {0, 2, 3}
        assert (run.code == 2) == ("error: " in run.err)
        # Mock answers meet their conditions, so that a loop ends in its first pass.
        assert run.err.count(" · mock\n") <= len(config.load(file).workflow.steps) + 1
        assert doors.preview(Request("flow.yaml", text="go")).code in {0, 2}
        assert doors.show("flow.yaml").code == 0
        assert doors.check("flow.yaml").code in {0, 2}
    example()


def mistakes_in(file: Path) -> Sequence[Problem]:
    try:
        config.load(file)
    except ConfigError as error:
        return error.problems
    return ()


def is_inside(problem: Problem, data: bytes) -> bool:
    """Whether a problem points at a character, or right behind the last of a line or the file."""
    lines = data.decode("utf-8", "replace").removeprefix("\ufeff").splitlines()
    line = [*lines, ""][problem.line - 1] if problem.line <= len(lines) + 1 else None
    return line is not None and 1 <= problem.column <= len(line) + 1 and bool(problem.text)
