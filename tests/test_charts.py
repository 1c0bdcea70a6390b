"""The map as a Mermaid flowchart: whatever stands in a workflow, it is one, and says the same."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from aethr import charts, config, presets
from aethr.text import first_control
from aethr.workflow import Repeat, Step, Workflow
from tests.support import mermaid
from tests.support.cli import PROJECT
from tests.support.mermaid import seen
from tests.support.strategies import examples

TEXT = r"(?:[\w ·.,:/-]|#\d+;)*"
BOX = re.compile(rf'  (n\d+)\["({TEXT})<br/>({TEXT})"\]')
ARROW = re.compile(rf'  (n\d+) -->(?:\|"({TEXT})"\|)? (n\d+)')
NASTY = [
    "end",
    "graph",
    'a "quoted" [id]',
    "] --> n1",
    "#quot; & <b>",
    "%% no comment",
    "`code` and *stars*",
    "style: x#y; z",
    "classDef a:#b; c",
    "$$x^2$$",
    "1. list",
    "実装 ünï",
    "{}|\\;:()",
    "<br/>",
    "click n1 call x()",
]


def chart_of(names: list[str], until: str = "") -> str:
    """Draw a workflow of these steps, the last of which goes back to the first."""
    loop = Repeat(names[0], until_contains=until, max_iterations=2)
    last = Step(names[-1], "worker", repeat=loop if len(names) > 1 else None)
    steps = (*(Step(name, "worker") for name in names[:-1]), last)
    return charts.as_mermaid(Workflow("w", steps, {"worker": "Work."}), None, [""] * len(steps))


def test_the_documented_chart_is_what_is_printed() -> None:
    text = (PROJECT / "docs" / "show.md").read_text("utf-8")
    documented = re.search(r"```mermaid\n(.*?)```", text, re.DOTALL)
    assert documented
    shown = config.load(presets.path("plan-implement-review")).workflow
    assert charts.as_mermaid(shown, None, ["", "", ""]) == documented[1]
    done = charts.as_mermaid(shown, None, ["done", "next, pass 2", "again"])
    assert (
        '  n2["2 · implement<br/>implementer · opencode · openai:gpt-5.3-codex<br/>next, pass 2"]'
        in done
    )


def test_loops_are_arrows_back_with_their_condition_and_limit() -> None:
    *_, back = chart_of(["a", "b", "c"], "DONE").splitlines()
    found = ARROW.fullmatch(back)
    assert found
    assert found[1], found[3] == ("n3", "n1")
    assert seen(found[2].replace("#", "&#")) == "until the answer contains `DONE`, at most 2 passes"


printable = st.text(min_size=1, max_size=20).filter(lambda text: not first_control(text))


@examples(200)
@given(st.lists(st.sampled_from(NASTY) | printable, min_size=1, unique=True), printable)
def test_no_text_is_anything_but_text(names: list[str], until: str) -> None:
    first, *rest = chart_of(names, until).splitlines()
    assert first == "flowchart TD"
    boxes = [found for line in rest if (found := BOX.fullmatch(line))]
    arrows = [found for line in rest if (found := ARROW.fullmatch(line))]
    assert len(boxes) + len(arrows) == len(rest) == 2 * len(names) - (len(names) == 1)
    for place, (box, name) in enumerate(zip(boxes, names, strict=True), 1):
        assert seen(box[2].replace("#", "&#")) == f"{place} · {name}"
    assert not re.search(r"(style|classDef).*:\S*#.*;", "\n".join(rest))


def test_mermaid_itself_reads_every_chart() -> None:
    (nasty,) = mermaid.read([chart_of(NASTY, 'say "no"; %% | ]')])
    assert [name for name, _ in nasty.boxes] == [f"n{n}" for n in range(1, len(NASTY) + 1)]
    for place, ((_, text), name) in enumerate(zip(nasty.boxes, NASTY, strict=True), 1):
        assert text == f"{place} · {name}\nworker · no model"
    assert nasty.arrows[-1] == (
        f"n{len(NASTY)}",
        "n1",
        'until the answer contains `say "no"; %% | ]`, at most 2 passes',
    )
