"""People's view as a consumer of events: its words, rows, table and status line."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import wcwidth

from aethr import events, front, render
from aethr.limits import LimitReached
from aethr.options import Door, Options, Request
from aethr.render import words
from aethr.render.markdown import rendered
from aethr.render.rows import Rows, framed
from aethr.render.status import Status
from aethr.render.table import table
from aethr.results import Artifact, Change, StepResult, Usage
from aethr.session import Session
from aethr.settings import Settings
from aethr.spent import Spent
from aethr.text import cells, printable
from aethr.workflow import ModelRef, Repeat, Step
from tests.support.cli import PROJECT
from tests.support.player import loop
from tests.support.screens import normal
from tests.support.terminal import rows as on_screen
from tests.support.workflows import workflow
from tests.test_run import LOOP

if TYPE_CHECKING:
    from tests.support.cli import Shell
    from tests.support.screens import Compare

BORDER = "│ "
PIECES = st.lists(st.text(st.sampled_from("ab \n\t漢é👩\u0301\ufe0f-"), max_size=12), max_size=20)
FORGERY = "╰ pass · 5.2 s ─────"


def in_rows(*pieces: str, width: int = 10) -> str:
    rows = Rows(BORDER, width)
    return "".join(map(rows.feed, pieces)) + rows.close()


@given(PIECES, st.integers(4, 30))
def test_text_in_pieces_is_set_as_the_whole(pieces: list[str], width: int) -> None:
    assert in_rows(*pieces, width=width) == in_rows("".join(pieces), width=width)


@pytest.mark.fault(
    "explicit",
    "an answer that imitates our own lines",
    "any text in any pieces and widths: every row is behind the border, and none is too long",
)
@given(PIECES, st.integers(4, 30))
def test_every_row_is_ours_to_begin(pieces: list[str], width: int) -> None:
    shown = in_rows(*pieces, width=width)
    for row in shown.splitlines():
        assert row.startswith(BORDER.rstrip())
        assert cells(row) <= cells(BORDER) + width
    # Nothing of it is lost, and nothing added.
    assert "".join(shown.replace("│", "").split()) == "".join("".join(pieces).split())


@pytest.mark.fault(
    "explicit",
    "an answer that imitates our own lines",
    "every character of planes 0 and 1: none is wider on a terminal than we take it to be",
)
def test_no_character_is_wider_than_it_is_taken_to_be() -> None:
    wider = [char for char in map(chr, range(0x20000)) if wcwidth(char) > cells(char)]
    assert [char for char in wider if printable(f"a{char}") == f"a{char}"] == []


@given(st.text(max_size=60), st.integers(8, 40))
def test_on_a_screen_every_row_begins_with_the_border(text: str, columns: int) -> None:
    sent = in_rows(printable(text), width=columns - 3).replace("\n", "\r\n")
    assert all(row.startswith("│") for row in on_screen(sent, columns, 80) if row)


@given(PIECES, st.integers(4, 30))
def test_a_word_that_may_go_on_fits_where_the_cursor_stands(pieces: list[str], width: int) -> None:
    rows, sent = Rows(BORDER, width), ""
    for piece in pieces:
        sent += rows.feed(piece)
        last = (sent + rows.pending).rpartition("\n")[2]
        assert cells(last) <= cells(BORDER) + width
        assert last.startswith("│") or not last


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a word too many", "│ a word too\n│ many\n"),
        ("a\n\nb\n", "│ a\n│\n│ b\n"),
        ("    indented", "│ indented\n"),
        ("  if x:\n\ty()", "│   if x:\n│ y()\n"),
        ("a\tb", "│ a       b\n"),
        ("x" * 25, "│ xxxxxxxxxx\n│ xxxxxxxxxx\n│ xxxxx\n"),
        ("see " + "x" * 11, "│ see\n│ xxxxxxxxxx\n│ x\n"),
        ("- 日本語のテキスト", "│ - 日本語の\n│ テキスト\n"),
        ("⚠️⚠️⚠️⚠️⚠️⚠️", "│ ⚠️⚠️⚠️⚠️⚠️\n│ ⚠️\n"),
        ("no end", "│ no end\n"),
        ("", ""),
    ],
)
def test_rows_break_between_words(text: str, expected: str) -> None:
    assert in_rows(text) == expected


def test_a_window_that_became_narrow_takes_the_next_word_below() -> None:
    rows = Rows(BORDER, 20)
    wide = rows.feed("twelve columns ")
    rows.width = 8
    assert wide + rows.feed("and more") + rows.close() == "│ twelve columns\n│ and more\n"


def test_a_line_of_ours_goes_on_behind_its_own_mark() -> None:
    assert framed("edit a very long name", "╰ ", "  ", 10) == ["╰ edit a", "  very long", "  name"]


# The table.


def kept(step: str, number: int = 1, seconds: float = 5.2, *files: Change) -> StepResult:
    artifact = Artifact("1", "2", files, "", "") if files else None
    usage = Usage(21877, 2950, 0.061)
    return StepResult(step, "", number, usage=usage, seconds=seconds, artifact=artifact)


RESULTS = [
    kept("plan", 1, 6.1),
    kept("implement", 1, 48.0, Change("a", 41, 3), Change("b", None, None)),
    kept("implement", 2),
    StepResult("test", "", seconds=61.0, exit_code=1),
]


@pytest.mark.parametrize("width", [100, 60, 50, 40])
def test_columns_give_way_and_it_is_said(width: int, screen: Compare) -> None:
    lines = table(RESULTS, width, live=True)
    assert all(cells(line) <= width for line in lines)
    assert lines[1].startswith("plan ")
    screen(f"table-{width}", "\n".join(lines))


def test_columns_that_say_nothing_are_left_out() -> None:
    said = table([RESULTS[0], replace(RESULTS[0], step_id="review")], 80, live=False)
    assert said == ["step    verdict   time", "plan    done     6.1 s", "review  done     6.1 s"]


def test_a_wide_name_and_an_unknown_cost_stand_in_their_columns() -> None:
    odd = [replace(RESULTS[0], step_id="計画", usage=Usage(None, 5, None)), RESULTS[1]]
    head, first, *_ = table(odd, 100, live=True)
    assert "unknown / 5" in first
    assert cells(head.partition("verdict")[0]) == cells(first.partition("done")[0])


# The status line.

STEP = Step("implement", "implementer", "opencode", repeat=Repeat("plan"))
TAKEN = Spent(2, Usage(1000, 204, 0.02))


def status(step: Step = STEP, spent: Spent = TAKEN, *, live: bool = True) -> Status:
    model = ModelRef("openai:gpt-5.3-codex")
    return Status(events.StepStarted(step, 2, model, (2, 3), spent), "2/3", live=live)


def test_the_status_line_says_where_the_run_is() -> None:
    line = status()
    line.waits("first token")
    assert line.line(200) == (
        "step 2/3 implement · pass 2/3 · openai:gpt-5.3-codex · 0 s · 1,204 tokens · $0.0200"
        " · first token"
    )


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (79, "step 2/3 implement · pass 2/3 · 0 s · 1,204 tokens · $0.0200 · first token"),
        (60, "step 2/3 implement · pass 2/3 · 0 s · $0.0200 · first token"),
        (40, "step 2/3 implement · 0 s · first token"),
        (20, "step 2/3 implement"),
        (10, "step 2/3 i"),
    ],
)
def test_what_matters_least_gives_way(width: int, expected: str) -> None:
    line = status()
    line.waits("first token")
    assert line.line(width) == expected


def test_a_mock_run_says_so_and_names_no_price() -> None:
    assert " · mock · working" in status(live=False).line(200)
    assert "$" not in status(live=False).line(200)


def test_what_is_not_known_is_no_amount() -> None:
    in_flight = TAKEN.called()
    assert "· 1,204 tokens · $0.0200 ·" in status(spent=in_flight).line(200)
    unknown = in_flight.told(Usage(), whole=True).called()
    assert "· ≥ 1,204 tokens · ≥ $0.0200 ·" in status(spent=unknown).line(200)
    assert "tokens" not in status(spent=Spent().called()).line(200)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (STEP, "working"),
        (Step("plan", "planner"), "starting"),
        (Step("test", run="pytest", backend="shell"), "running"),
    ],
)
def test_what_is_waited_for_before_anything_is_heard(step: Step, expected: str) -> None:
    line = status(step)
    assert line.line(200).endswith(f" · {expected}")
    line.waits("retry", 8.9)
    assert line.line(200).endswith(" · retry in 9 s")


def test_an_answer_that_comes_is_not_waited_for() -> None:
    line = status(Step("plan", "planner"))
    line.heard()
    assert line.line(200).endswith("$0.0200")


def test_foreign_names_do_nothing_to_the_line() -> None:
    line = status(replace(STEP, id="a\x1b[2J\nb"))
    assert "a\\x1b[2J\\nb" in line.line(200)


# Markdown.


def test_markdown_is_rendered() -> None:
    lines = rendered("# Title\n\nSome **bold** and `code`.\n\n- one\n- two\n", 40, colours=False)
    assert lines
    assert "Some bold and code." in lines
    assert any(line.strip() == "• one" for line in lines)


def test_a_line_of_markdown_stays_a_line() -> None:
    lines = rendered("- [high] a.py:1: wrong\nReview status: revise", 60, colours=False)
    assert lines
    assert [line.strip() for line in lines] == ["• [high] a.py:1: wrong", "Review status: revise"]


@pytest.mark.fault(
    "explicit",
    "Markdown that hides a part of an answer",
    "HTML, comments, references, titles, entities, cells beyond a table: shown as they are",
)
@pytest.mark.parametrize(
    "hidden",
    [
        "a List<String> here",
        "before <!-- ignore the tests --> after",
        "<details>all of this</details>",
        "[//]: # (nobody sees this)",
        'a [link](http://x.example "and its title")',
        "![the picture](http://x.example/p.png)",
        "&#8238;drowssap",
        "&lt;b&gt;",
        "| a |\n|---|\n| b | lost |\n",
        "one two ~~~ three\n\n    ~~~ four",
    ],
)
def test_markdown_that_would_hide_something_is_not_rendered(hidden: str) -> None:
    shown = rendered(f"Well.\n\n{hidden}\n\nReview status: pass", 60, colours=False)
    letters = sorted(char for char in hidden if char.isalpha())
    assert shown is None or [char for char in letters if char not in "".join(shown)] == []
    assert shown is None or "\u202e" not in "".join(shown)


@pytest.mark.fault(
    "explicit",
    "Markdown that changes what an answer says",
    "stars, underscores, backslashes, tildes, a list's numbers, words behind a fence: not rendered",
)
@pytest.mark.parametrize(
    "meant",
    [
        "x = a*b*c",
        "src/**/*.py and tests/**/*.py",
        "call __init__ and __new__",
        r"use \d+\.\d+ here",
        "~~keep~~ this",
        "10. ten\n20. twenty",
        "<!-- 123 -->",
        "[1]: 234",
        "```py this is not shown\nx = 1\n```",
    ],
)
def test_what_markdown_would_change_is_shown_as_it_is(meant: str) -> None:
    assert rendered(f"Well, **yes**.\n\n{meant}\n", 60, colours=False) is None
    assert rendered(f"Well, **yes**.\n\n```\n{meant.replace('```', '')}\n```\n", 60, colours=False)


@pytest.mark.parametrize(
    "text", ["| a | b |\n|---|---|\n| " + "x" * 90 + " | y |", "日" * 90, "x" * 90]
)
def test_rendered_rows_are_no_wider_than_their_panel(text: str) -> None:
    assert all(cells(line) <= 30 for line in rendered(text, 30, colours=False) or ())


# Words.


def test_many_changed_files_are_named_or_counted() -> None:
    artifact = Artifact("1", "2", tuple(Change(f"f{n}", 1, 0) for n in range(30)), "", "")
    few = words.changed_files(artifact, every=False)
    assert len(few) == 21
    assert few[-1] == "and 10 more files (--verbose names them)"
    assert len(words.changed_files(artifact, every=True)) == 30
    assert words.changes(artifact) == "30 files +30 -0"
    assert words.changes(replace(artifact, changes=())) == "no file changed"


@pytest.mark.parametrize(
    ("models", "expected"),
    [
        (("openai:gpt-4o",), "aethr auth login openai"),
        (
            ("openai:a", "anthropic:b", "openai:c"),
            "aethr auth login openai and aethr auth login anthropic",
        ),
        (("ollama:llama3",), "aethr auth login PROVIDER"),
        ((), "aethr auth login PROVIDER"),
    ],
)
def test_how_to_go_live_names_the_keys_and_the_money(
    models: tuple[str, ...], expected: str
) -> None:
    steps = [Step(f"s{n}", f"r{n}") for n in range(max(1, len(models)))]
    flow = replace(
        workflow(*steps), models={f"r{n}": ModelRef(name) for n, name in enumerate(models)}
    )
    said = words.go_live(flow)
    assert said == f"To go live: {expected}, then AETHR_LIVE=1 (this spends money)"


# The view as a function of events.


def session(repo: Shell) -> Session:
    repo.write({".aethr.yaml": LOOP})
    made = Session(repo.folder, Door.CONSOLE)
    made.settings = Settings(repo.folder, {"PATH": repo.env["PATH"]})
    return made


def test_a_list_can_stand_in_for_the_view(repo: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    heard: list[events.Event] = []
    made = session(repo)
    with front.begun(made, Request(text="go"), Options(), heard.append) as opened:
        opened.drive(opened.perform)
    made.leave()
    kinds = [type(event).__name__ for event in heard if not isinstance(event, events.Chunk)]
    step = ["StepStarted", "StepFinished"]
    assert kinds == ["RunStarted", *step * 3, "LoopTurned", "RunFinished"]
    # What was heard is all that the view goes by.
    view, _ = render.view(Options(), made.settings)
    for event in heard:
        view(event)
    assert normal(capsys.readouterr().err) == normal(repo.aethr("run", "go").err)


def test_whoever_watches_is_told_of_an_end_that_is_an_error(repo: Shell) -> None:
    heard: list[events.Event] = []

    def emit(event: events.Event) -> None:
        heard.append(event)
        if isinstance(event, events.StepFinished):
            raise LimitReached({"cost": "$2"}, {})

    made = session(repo)
    with pytest.raises(LimitReached), front.begun(made, Request(text="go"), Options(), emit) as run:
        run.drive(run.perform)
    made.leave()
    last = heard[-1]
    assert isinstance(last, events.RunStopped)
    assert [result.step_id for result in last.results] == ["plan"]


def test_where_nobody_looks_every_event_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    view, shows = render.view(Options(), Settings(PROJECT, {}))
    assert not shows
    for event in loop():
        view(event)
        said = capsys.readouterr().err
        lines = said.count("\n")
        assert lines <= 1 or isinstance(event, events.RunStarted), said
        assert "\x1b" not in said


@pytest.mark.fault(
    "explicit",
    "foreign text that imitates our own lines",
    "what a server, or a model before its disk was full, has said on several lines",
)
def test_no_foreign_line_stands_at_the_margin(capsys: pytest.CaptureFixture[str]) -> None:
    view, _ = render.view(Options(), Settings(PROJECT, {}))
    view(events.Told("ValueError: no\npassed · 3 results"))
    view(events.Warned("no space left on device; it had said:\npassed · 3 results\n\nyes", "plan"))
    assert capsys.readouterr().err.splitlines() == [
        "· ValueError: no\\npassed · 3 results",
        "warning: plan: no space left on device; it had said:",
        "  passed · 3 results",
        "",
        "  yes",
    ]


def test_quiet_leaves_warnings_only(capsys: pytest.CaptureFixture[str]) -> None:
    view, _ = render.view(Options(quiet=True), Settings(PROJECT, {}))
    for event in loop():
        view(event)
    assert capsys.readouterr().err.splitlines() == 2 * [
        "warning: review: 429 from anthropic: slow down, again in 12 s (1 of 2)"
    ]
