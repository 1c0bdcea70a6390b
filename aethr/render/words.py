"""What is said of a step and of a run, in one line. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aethr import overview, prompt, routing
from aethr.limits import dollars
from aethr.plan import Turn
from aethr.render.paint import Style
from aethr.results import Verdict
from aethr.text import count, duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aethr import events
    from aethr.results import Artifact, StepResult, Usage
    from aethr.spent import Spent
    from aethr.workflow import Workflow

_MOST_NAMES = 20  # of changed files; the rest is counted


def heading(event: events.StepStarted) -> str:
    """``review (pass 2) · reviewer · openai:gpt-4o-mini``."""
    said = [event.step.id if event.number == 1 else f"{event.step.id} (pass {event.number})"]
    if event.step.run:
        return " · ".join([*said, overview.command(event.step)])
    said += [event.step.role]
    if event.step.backend != "model":
        said.append(event.step.backend)
    if event.model:
        said.append(event.model.name)
    return " · ".join(said)


def finished(result: StepResult, *, live: bool) -> str:
    """``revise · 5.2 s · 4,010 / 212 tokens · $0.0007``."""
    rest = [] if result.exit_code is not None else spent(result.usage)
    return " · ".join([outcome(result), duration(result.seconds), *(rest if live else ["mock"])])


def outcome(result: StepResult) -> str:
    """``pass``, ``revise``, ``exit 1``, ``done``; ``pass, edited`` where a person did."""
    said = result.verdict.value if result.verdict else "done"
    if result.exit_code is not None:
        said = f"exit {result.exit_code}"
    return f"{said}, edited" if result.edited else said


def style(result: StepResult) -> Style:
    good = result.verdict in (None, Verdict.PASS) and not result.exit_code
    return Style.GREEN if good else Style.YELLOW


def spent(usage: Usage) -> list[str]:
    """Tokens in and out and US dollars; what is not known is said to be unknown."""

    def number(value: int | None) -> str:
        return "unknown" if value is None else f"{value:,}"

    cost = "cost unknown" if usage.cost is None else dollars(usage.cost)
    return [f"{number(usage.input_tokens)} / {number(usage.output_tokens)} tokens", cost]


def changes(artifact: Artifact) -> str:
    """``2 files +41 -3``; a binary file has no lines to count."""
    if not artifact.changes:
        return "no file changed"
    added = sum(change.added or 0 for change in artifact.changes)
    removed = sum(change.removed or 0 for change in artifact.changes)
    return f"{count(len(artifact.changes), 'file')} +{added:,} -{removed:,}"


def changed_files(artifact: Artifact, *, every: bool) -> list[str]:
    """``src/app.py +41 -3``, a line each; of many the first, unless ``every`` one is asked for."""
    named = artifact.changes if every else artifact.changes[:_MOST_NAMES]
    left = len(artifact.changes) - len(named)
    more = [f"and {count(left, 'more file')} (--verbose names them)"] if left else []
    return [*map(prompt.changed, named), *more]


def turned(event: events.LoopTurned) -> str:
    made = f"pass {event.made} of {event.limit}"
    said = {
        Turn.BACK: f"↺ back to {event.back_to} after {made}",
        Turn.MET: f"loop of {event.step_id} done in {made}",
        Turn.EXHAUSTED: f"loop of {event.step_id} over after {made}, its condition not met",
    }
    return said[event.turn]


def summary(event: events.RunFinished) -> str:
    """``passed · 3 results · 1 min 27 s · 9,120 / 801 tokens · $0.0870``."""
    judged = any(result.verdict for result in event.results)
    word = ("passed" if judged else "done") if event.passed else "not passed"
    said = [word, count(len(event.results), "result"), duration(event.seconds)]
    said += in_all(event.spent) if event.live else ["mock"]
    return " · ".join([*said, *_fallbacks(event)])


def stopped(event: events.RunStopped) -> str:
    """``not finished · 1 result · 41 s · 1,204 / 388 tokens · $0.0004``."""
    said = ["not finished", count(len(event.results), "result"), duration(event.seconds)]
    return " · ".join([*said, *(in_all(event.spent) if event.live else ["mock"])])


def in_all(spent: Spent) -> list[str]:
    """``9,120 / 801 tokens``, ``$0.0870 + 2 calls of unknown cost``."""
    used, calls = spent.used, spent.calls
    tokens = f"{used.input_tokens or 0:,} / {used.output_tokens or 0:,} tokens"
    if spent.untold:
        none = spent.untold == calls and not (used.input_tokens or used.output_tokens)
        more = count(spent.untold, "call")
        tokens = "tokens unknown" if none else f"{tokens} + {more} of unknown size"
    cost = dollars(used.cost or 0.0)
    if spent.unpriced:
        none = spent.unpriced == calls and not used.cost
        more = count(spent.unpriced, "call")
        cost = "cost unknown" if none else f"{cost} + {more} of unknown cost"
    return [tokens, cost]


def go_live(workflow: Workflow) -> str:
    """Tell how a mock run becomes a real one, and that this costs money."""
    if all(step.run for step in workflow.steps):
        return "To run the commands: AETHR_LIVE=1"
    names = _providers(workflow) or ["PROVIDER"]
    logins = " and ".join(f"aethr auth login {name}" for name in names)
    return f"To go live: {logins}, then AETHR_LIVE=1 (this spends money)"


def _providers(workflow: Workflow) -> Sequence[str]:
    """Name the providers whose keys the models of a workflow need."""
    refs = [
        workflow.models[step.role]
        for step in workflow.steps
        if step.backend == "model" and step.role in workflow.models
    ]
    names = dict.fromkeys(routing.split(ref.name)[0] for ref in refs)
    return [name for name in names if name in routing.PROVIDERS and routing.PROVIDERS[name].keys]


def _fallbacks(event: events.RunFinished) -> list[str]:
    """Name the results that another model than the first choice gave."""
    models = event.workflow.models
    return [
        f"{result.heading} by {result.model}"
        for result in event.results
        if (ref := models.get(event.workflow.step(result.step_id).role))
        and result.model in ref.fallbacks
    ]
