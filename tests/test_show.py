"""The map of a workflow: what it says, in which room, and where its loops go back to."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aethr import arrows, config, overview, plan, presets, streams
from aethr.text import cells, padded, wrapped
from tests.support.cli import PROJECT
from tests.support.strategies import examples
from tests.support.terminal import on_terminal
from tests.support.workflows import PASS, REVISE, result, step, workflow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aethr.results import StepResult
    from aethr.workflow import Step, Workflow
    from tests.support.cli import Shell

NESTED = """\
workflow: nested
description: Write until a reviewer is content, and fix until the tests pass.
roles: {planner: Plan., 作者: Write., reviewer: Review.}
models:
  planner: openai:gpt-4o-mini
  作者: openai:gpt-5.3-codex
  reviewer: anthropic:claude-sonnet-4-5
steps:
  - {id: plan, role: planner}
  - id: 実装する
    role: 作者
    backend: opencode
    unsafe_permissions: true
    context: [git_diff, "file:README.md"]
  - {id: fix, role: 作者, history_visibility: latest}
  - {id: test, run: pytest -q, timeout: 90s, repeat: {back_to: fix, until_success: true}}
  - id: review
    role: reviewer
    context: [latest_diff]
    repeat: {back_to: 実装する, until_review_pass: true, max_iterations: 2}
  - {id: end, role: planner}
"""
PLACES = "nested.yaml"
LOOP = config.parse(NESTED, PLACES).workflow
SHIPPED = [LOOP, *(config.load(presets.path(name)).workflow for name in presets.names())]
WIDTHS = (60, 80, 100, 160)
SHOWN = [sys.executable, "-m", "aethr", "show", "-f", PLACES]


@pytest.fixture
def project(shell: Shell) -> Shell:
    shell.write({PLACES: NESTED})
    return shell


def rows(lines: Sequence[str]) -> list[str]:
    """Give the lines that begin a step, without what is drawn beside them."""
    found = (re.match(r"[ ╭╰│┬─▸]+(\d+  .*)", line) for line in lines)
    return [match[1] for match in found if match]


# --- what stands where ---------------------------------------------------------------------


@pytest.mark.parametrize("width", WIDTHS)
def test_the_map_at_four_widths(
    project: Shell, width: int, screen: Callable[[str, str], None]
) -> None:
    shown = on_terminal(project, SHOWN, columns=width)
    assert shown.code == 0
    screen(f"show-{width}", "\n".join(shown.lines))


@pytest.mark.parametrize("shown", SHIPPED, ids=lambda shown: shown.name)
@pytest.mark.parametrize("width", WIDTHS)
def test_no_line_is_wider_than_the_screen_and_each_name_is_whole(
    shown: Workflow, width: int
) -> None:
    for full in (True, False):
        lines = overview.lines(shown, None, width=width, full=full)
        assert max(map(cells, lines)) <= width
        names = [f"{place}  {one.id}" for place, one in enumerate(shown.steps, 1)]
        for row, name in zip(rows(lines), names, strict=True):
            assert re.match(rf"{re.escape(name)}(  |$)", row)


@pytest.mark.parametrize("width", [20, *WIDTHS, 300])
def test_show_leaves_nothing_out_at_any_width(width: int) -> None:
    lines = overview.lines(LOOP, None, width=width, full=True)
    said = " ".join(re.sub(r"^[ ╭╰│┬─▸]+", "", line) for line in lines)
    for fact in (
        "作者",
        "opencode · openai:gpt-5.3-codex",
        "sees git_diff, file:README.md",
        "history latest",
        "unsafe permissions",
        "$ pytest -q",
        "timeout 1 min 30 s · may fail",
        "↺ 実装する, until the review passes, ≤ 2",
    ):
        assert fact in re.sub(" +", " ", said)


def test_columns_give_way_in_the_order_of_their_importance() -> None:
    marks = {
        "loop": "↺",
        "marks": "unsafe",
        "history": "history all",
        "sees": "sees git_diff",
        "role": "作者  ",
        "answerer": "opencode ·",
        "name": "実装する",
    }
    left = list(marks)
    for width in range(220, 20, -1):
        shown = "\n".join(rows(overview.lines(LOOP, None, width=width)))
        beside = [name for name, mark in marks.items() if mark in shown]
        assert beside == left[len(left) - len(beside) :], f"at {width} columns:\n{shown}"
    assert beside == ["name"]


def test_before_a_run_who_answers_what_it_may_do_and_the_loop_are_never_left_out() -> None:
    lines = overview.lines(LOOP, None, width=50)
    for fact in ("opencode · openai:gpt-5.3-codex", "unsafe permissions", "↺ fix, until"):
        assert fact in "\n".join(lines)
    assert "history" not in "\n".join(lines)


def test_columns_are_aligned_on_a_screen_also_behind_wide_characters(project: Shell) -> None:
    screen = pyte.Screen(100, 40)
    pyte.Stream(screen).feed(on_terminal(project, SHOWN, columns=100).sent)
    row = {screen.buffer[y][10].data: screen.buffer[y] for y in range(40)}
    for name, role, who in (("p", "p", "o"), ("実", "作", "o"), ("f", "作", "o"), ("t", "s", "$")):
        assert row[name][20].data == role
        assert row[name][30].data == who


@pytest.mark.parametrize(
    ("text", "width"),
    [("plan", 4), ("ünï", 3), ("実装", 4), ("ａb", 3), ("e\u0301", 1), ("한글", 4), ("", 0)],
)
def test_a_cell_is_what_a_terminal_gives_a_character(text: str, width: int) -> None:
    assert cells(text) == width
    assert cells(padded(text, 9)) == 9


def test_a_line_is_broken_at_spaces_and_no_word_is() -> None:
    assert wrapped("aa bb 実装 cc", 5) == ["aa bb", "実装", "cc"]
    assert wrapped("wider-than-that x", 5) == ["wider-than-that", "x"]
    assert wrapped("aa · b b · cc", 9) == ["aa ·", "b b · cc"]


def test_a_step_that_waits_for_a_person_says_so() -> None:
    waits = replace(step("plan"), pause=True)
    (line,) = overview.lines(workflow(waits), None)
    assert line.endswith("history all  pauses")


def test_one_step_is_one_row(shell: Shell) -> None:
    shown = shell.aethr("show", "--preset", "review-existing-diff")
    assert shown.out == (
        "review-existing-diff · 1 step · mock: no model, agent or command is called\n"
        "Review everything uncommitted before you commit it.\n"
        "  1  review  reviewer  openai:gpt-4o-mini  sees git_diff:all  history all\n"
    )


def test_fifty_steps_are_fifty_rows_in_line() -> None:
    steps = [step(f"step-{place}") for place in range(1, 50)]
    lines = overview.lines(workflow(*steps, step("last", "step-9")), "openai:x")
    assert len(lines) == 51  # one for the condition of the loop
    assert lines[8].startswith("  ╭─▸  9  step-9   ")
    assert lines[9].startswith("  │   10  step-10  ")
    assert lines[49].startswith("  ╰── 50  last     ")


def test_piped_it_is_80_columns_unless_columns_says_so(project: Shell) -> None:
    def widest(**env: str) -> int:
        return max(map(cells, project.aethr("show", "-f", PLACES, **env).out.splitlines()))

    assert 70 < widest() <= 80
    assert widest(COLUMNS="60") <= 60
    assert widest(COLUMNS="160") > 80
    assert widest(COLUMNS="wide") == widest(COLUMNS="0") == widest(COLUMNS="9" * 5000) == widest()


def test_it_imports_no_rich(project: Shell) -> None:
    code = "import sys; from aethr.__main__ import main\ntry: main()\nfinally: print(*sys.modules)"
    loaded = project.run(sys.executable, "-c", code, "show", "-f", PLACES).out.split()
    assert "aethr.overview" in loaded
    assert not {"rich", "litellm", "jsonschema"} & set(loaded)


def test_a_terminal_that_has_no_such_marks_gets_ascii(project: Shell) -> None:
    shown = on_terminal(project, SHOWN, PYTHONIOENCODING="ascii", columns=60).text
    assert "  +--> 2  ????????  opencode - openai:gpt-5.3-codex\n" in shown
    assert "  |+-- 4  test      $ pytest -q\n" in shown
    assert "<- fix, until the command succeeds, <= 3" in shown
    assert "╭▸ ↺ ≤ · é".encode("cp1252", streams.LOOKALIKE).decode("cp1252") == "+> <- <= · é"


# --- loops ---------------------------------------------------------------------------------


def drawn(*steps: Step) -> list[str]:
    return [side.row.rstrip() for side in arrows.beside(workflow(*steps))]


def test_a_loop_is_an_arrow_back_to_where_it_begins() -> None:
    assert drawn(step("a"), step("b"), step("c"), step("d", "b")) == ["", "╭─▸", "│", "╰──"]


def test_loops_in_loops_stand_side_by_side() -> None:
    steps = (step("a"), step("b"), step("c", "b"), step("d", "a"), step("e"))
    assert drawn(*steps) == ["╭──▸", "│╭─▸", "│╰──", "╰───", ""]


def test_loops_that_begin_together_share_the_arrow() -> None:
    assert drawn(step("a"), step("b", "a"), step("c", "a")) == ["╭┬─▸", "│╰──", "╰───"]


def test_without_loops_nothing_is_drawn() -> None:
    assert overview.lines(workflow(step("a")), None, full=True)[0].startswith("  1  a  ")


@st.composite
def nested(draw: st.DrawFn) -> Workflow:
    """Draw a workflow whose loops hold one another, or have no step in common."""

    def repeats(first: int, last: int) -> dict[int, int]:
        if last <= first or draw(st.integers(0, 3)) == 0:
            return {}
        start = draw(st.integers(first, last - 1))
        end = draw(st.integers(start + 1, last))
        inside = repeats(start, end - 1) if draw(st.booleans()) else repeats(start + 1, end - 1)
        return {end: start} | inside | repeats(end + 1, last)

    count = draw(st.integers(1, 12))
    back = repeats(0, count - 1)
    return workflow(*(step(f"s{n}", f"s{back[n]}" if n in back else "") for n in range(count)))


@examples(200)
@given(nested())
def test_every_line_leads_from_a_loops_last_step_to_its_first(shown: Workflow) -> None:
    """Whoever goes up from an end, in its column, comes to the beginning of that very loop."""
    sides = arrows.beside(shown)
    assert len({len(text) for side in sides for text in side}) == 1
    corners = sum(row.count("╰") for row, _ in sides)
    assert corners == len([one for one in shown.steps if one.repeat])
    for end, (row, _) in enumerate(sides):
        if "╰" in row:
            column, place = row.index("╰"), end - 1
            while sides[place].row[column] == "│":
                assert sides[place].below[column] == "│"
                place -= 1
            assert sides[place].row[column] in "╭┬"
            assert "▸" in sides[place].row
            repeat = shown.steps[end].repeat
            assert repeat
            assert repeat.back_to == shown.steps[place].id


# --- what is done --------------------------------------------------------------------------

REVIEWED = workflow(step("plan"), step("write"), step("review", "write"), step("sum"))
ONCE = (result("plan"), result("write"))


@pytest.mark.parametrize(
    ("results", "states"),
    [
        ((), ["", "", "", ""]),
        (ONCE[:1], ["done", "next", "", ""]),
        (ONCE, ["done", "done", "next", ""]),
        ((*ONCE, result("review", REVISE)), ["done", "next, pass 2", "again", ""]),
        ((*ONCE, result("review", PASS)), ["done", "done", "done", "next"]),
        ((*ONCE, result("review", PASS), result("sum")), ["done", "done", "done", "done"]),
    ],
)
def test_a_run_that_goes_on_says_what_is_done(
    results: Sequence[StepResult], states: list[str]
) -> None:
    position = plan.replay(REVIEWED, results)
    assert overview.states(REVIEWED, position, results) == states


def test_steps_before_from_are_skipped() -> None:
    position = plan.jump(REVIEWED, plan.start(REVIEWED), "review")
    assert overview.states(REVIEWED, position, ()) == ["skipped", "skipped", "next", ""]


def test_what_is_done_stands_in_the_map_before_a_run_and_in_show(project: Shell) -> None:
    kept = ("-f", PLACES, "--checkpoint", "run.jsonl")
    assert project.aethr("run", "go", *kept, "--until", "test").code == 0
    shown = project.aethr("show", *kept)
    assert re.search(r"4  test +done +shell", shown.out)
    assert re.search(r"5  review +next +reviewer", shown.out)
    again = project.aethr("run", *kept)
    for row in rows(shown.out.splitlines()):
        assert row in again.err


@pytest.mark.parametrize(
    ("file", "said"),
    [("none.jsonl", "can't read"), ("other.jsonl", "of workflow `add-tests`, not of `nested`")],
)
def test_a_checkpoint_that_is_not_this_workflows_is_refused(
    project: Shell, file: str, said: str
) -> None:
    project.aethr(
        "run", "go", "--preset", "add-tests", "--until", "analyse", "--checkpoint", "other.jsonl"
    )
    shown = project.aethr("show", "-f", PLACES, "--checkpoint", file)
    assert shown.code == 2
    assert said in shown.err
    assert not shown.out


# --- for programs --------------------------------------------------------------------------


DOCS = (PROJECT / "docs" / "show.md").read_text("utf-8")


def test_the_documented_map_is_what_is_printed(shell: Shell) -> None:
    documented = re.search(r"```console\n\$ (.*)\n((?s:.*?))```", DOCS)
    assert documented
    assert shell.sh(documented[1]).out == documented[2]


def test_the_documented_json_is_what_is_printed(shell: Shell) -> None:
    documented = re.search(r"```json\n(.*?)```", DOCS, re.DOTALL)
    assert documented
    shown = shell.aethr("show", "--preset", "plan-implement-review", "--format", "json")
    assert json.loads(shown.out) == json.loads(documented[1])
    assert not shown.err


@pytest.mark.parametrize("name", ["step", "loop"])
def test_every_key_of_the_json_is_described(shell: Shell, name: str) -> None:
    shell.write({PLACES: NESTED})
    shown = json.loads(shell.aethr("show", "-f", PLACES, "--format", "json").out)
    keys = {"step": shown["steps"][3], "loop": shown["steps"][3]["repeat"]}[name]
    assert set(re.findall(r"^\| `(\w+)` \|", DOCS, re.MULTILINE)) >= set(keys)


def test_the_formats_are_named(shell: Shell) -> None:
    shown = shell.aethr("show", "--preset", "custom", "--format", "mermiad")
    assert shown.code == 2
    assert "no format `mermiad`; did you mean `mermaid`?" in shown.err
