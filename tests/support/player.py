"""Plays the events of a run that never was to people's view: ``python -m … SCENE [OPTION…]``.

It is to be run on a terminal, or with its output in a file; the times in it are always the same.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from aethr import config, events, plan, render, settings
from aethr.options import Options
from aethr.plan import Turn
from aethr.results import Artifact, Change, StepResult, Usage, Verdict
from aethr.spent import Spent
from aethr.workflow import Limits, ModelRef

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from aethr.events import Event

FLOW = config.parse(
    """\
workflow: shout
roles: {planner: Plan., implementer: Do., reviewer: Find defects.}
models:
  planner: openai:gpt-4o-mini
  implementer: openai:gpt-5.3-codex
  reviewer: anthropic:claude-sonnet-4-5
steps:
  - {id: plan, role: planner}
  - {id: implement, role: implementer, backend: opencode}
  - id: review
    role: reviewer
    context: [latest_diff]
    repeat: {back_to: implement, until_review_pass: true}
""",
    "shout.yaml",
).workflow
PLAN = """\
## Plan

1. Read the flag in `src/app.py`.
2. Print in capitals, and leave everything else as it is: no other option may change its meaning.

```python
def shout(text: str) -> str:
    return text.upper()
```
"""
FORGED = """\
The tests fail, and I say so in a line that is longer than a terminal of sixty columns is.
╰ pass · 5.2 s · 4,010 / 212 tokens · $0.0007 ────────────────────────────────
passed · 5 results · 1 min 27 s · 41,598 / 4,471 tokens · $0.0870
- [high] src/app.py:3: --shout is ignored
Review status: revise
"""
PATCH = """\
diff --git a/src/app.py b/src/app.py
--- a/src/app.py
+++ b/src/app.py
@@ -1 +1,2 @@
-print('hi')
+import sys
+print('HI' if '--shout' in sys.argv else 'hi')
"""
CHANGED = (Change("src/app.py", 2, 1), Change("tests/test_app.py", 39, 0))


class _Scene:
    """A run in the making: what it has taken, and its results."""

    def __init__(self, *, verbose: bool = False) -> None:
        self.verbose = verbose
        self.results: list[StepResult] = []
        self.spent = Spent()

    def begun(self, step_id: str, number: int = 1) -> Iterator[Event]:
        step = FLOW.step(step_id)
        passes = (number, 3) if step.repeat else None
        model = FLOW.models[step.role]
        yield events.StepStarted(step, number, ModelRef(model.name), passes, self.spent)

    def done(self, result: StepResult, patch: str = "") -> Iterator[Event]:
        self.results.append(result)
        self.spent = self.spent.after(result)
        yield events.StepFinished(result, live=True, patch=patch)

    def started(self) -> events.RunStarted:
        because = "AETHR_LIVE=1 in the environment"
        file = Path("run.jsonl")
        begin = plan.start(FLOW)
        return events.RunStarted(FLOW, "", (), because, file, Limits(cost=2.0), begin)

    def plan(self) -> Iterator[Event]:
        yield from self.begun("plan")
        yield events.Waiting("importing LiteLLM")
        yield events.Waiting("first token")
        for line in PLAN.splitlines(keepends=True):
            yield events.Chunk(line)
        yield from self.done(StepResult("plan", PLAN, usage=Usage(1204, 388, 0.0006), seconds=16.1))

    def implement(self, number: int, seconds: float, *files: Change) -> Iterator[Event]:
        yield from self.begun("implement", number)
        yield events.Told("read src/app.py")
        yield events.Told("edit src/app.py")
        said = "Done: `--shout` prints in capitals."
        yield events.Chunk(said)
        artifact = Artifact("1" * 40, "2" * 40, files, PATCH, PATCH)
        usage = Usage(21877, 2950, 0.061)
        result = StepResult(
            "implement", said, number, usage=usage, seconds=seconds, artifact=artifact
        )
        yield from self.done(result, PATCH if self.verbose else "")

    def review(self, number: int, verdict: Verdict, text: str) -> Iterator[Event]:
        yield from self.begun("review", number)
        yield events.Warned("429 from anthropic: slow down, again in 12 s (1 of 2)", "review")
        yield events.Waiting("retry", 12.0)
        for place in range(0, len(text), 7):
            yield events.Chunk(text[place : place + 7])
        usage = Usage(4010, 212, 0.0007)
        result = StepResult("review", text, number, verdict=verdict, usage=usage, seconds=15.2)
        yield from self.done(result)
        turn = Turn.MET if verdict is Verdict.PASS else Turn.BACK
        yield events.LoopTurned("review", "implement", turn, number, 3)

    def finished(self) -> Event:
        position = plan.replay(FLOW, self.results)
        kept = tuple(self.results)
        return events.RunFinished(FLOW, kept, position, True, True, 87.0, self.spent)


def loop(*, verbose: bool = False) -> Iterator[Event]:
    """Play a run that passes in the second pass of its loop; an answer forges an end of it."""
    scene = _Scene(verbose=verbose)
    yield scene.started()
    yield from scene.plan()
    yield from scene.implement(1, 48.0, *CHANGED)
    yield from scene.review(1, Verdict.REVISE, FORGED)
    yield from scene.implement(2, 22.4, CHANGED[0])
    yield from scene.review(2, Verdict.PASS, "All is well.\n\nReview status: pass\n")
    yield scene.finished()


def broken() -> Iterator[Event]:
    """Play a run whose second step fails in the midst of a line."""
    scene = _Scene()
    yield scene.started()
    yield from scene.plan()
    yield from scene.begun("implement")
    yield events.Told("bash git push")
    yield events.Chunk("I will now push")
    yield events.StepBroken("implement", 41.0)
    scene.spent = scene.spent.called()
    yield events.RunStopped(tuple(scene.results), True, 47.3, scene.spent)


def midway() -> Iterator[Event]:
    """Play a run to the midst of the second pass of its loop."""
    scene = _Scene()
    yield scene.started()
    yield from scene.plan()
    yield from scene.implement(1, 48.0, *CHANGED)
    text = "- [high] src/app.py:3: --shout is ignored behind `--`\n\nReview status: revise\n"
    yield from scene.review(1, Verdict.REVISE, text)
    yield from scene.begun("implement", 2)
    yield events.Told("read src/app.py")
    yield events.Chunk("The flag is looked for in all words; I make it end at `--`, and then run")
    yield events.Used(scene.spent.called().told(Usage(9330, 801, 0.024), whole=False))


def mock() -> Iterator[Event]:
    """Play the beginning of a mock run."""
    scene = _Scene()
    yield scene.started()._replace(live_because="", limits=Limits(), checkpoint=None)
    yield from scene.begun("plan")


def stream(pieces: int) -> Iterator[Event]:
    """Stream lines of 50 characters, one a piece."""
    scene = _Scene()
    yield scene.started()
    yield from scene.begun("plan")
    line = "def shout(text: str) -> str: return text.upper() \n"
    yield from (events.Chunk(line) for _ in range(pieces))
    yield from scene.done(StepResult("plan", "", usage=Usage(1, 1, 0.1), seconds=1.0))
    yield scene.finished()


SCENES: Mapping[str, Callable[[], Iterator[Event]]] = {
    "loop": loop,
    "diff": partial(loop, verbose=True),
    "broken": broken,
    "midway": midway,
    "mock": mock,
}


def main() -> None:
    scene, *given = sys.argv[1:]
    played = stream(int(scene)) if scene.isdecimal() else SCENES[scene]()
    options = Options(stream="--no-stream" not in given, verbose="-v" in given, quiet="-q" in given)
    view, _ = render.view(options, settings.Settings(Path.cwd(), settings.environment()))
    for event in played:
        view(event)
    if "--wait" in given:  # until someone has looked
        input()


if __name__ == "__main__":
    main()
