"""Step, task, context and history -> the exact text that is sent. Pure, deterministic."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aethr import documents, subschemas
from aethr.frozen import frozen
from aethr.results import StepPrompt
from aethr.text import command_line, first_line, last_lines
from aethr.verdict import PASS_LINE, REVISE_LINE
from aethr.workflow import History

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from aethr.results import Artifact, Block, Change, StepResult
    from aethr.steered import Note
    from aethr.workflow import Repeat, Step, Workflow


@frozen
class Setting:
    """What stands around a step: its place, the task, its loop's pass (0: no loop), a note."""

    workflow: Workflow
    step: Step
    task: str
    loop_pass: int = 0
    note: Note | None = None


@frozen
class _Section:
    """A heading and text; ``foreign`` text is fenced, because others wrote it."""

    heading: str
    text: str = ""
    foreign: bool = False


def build(around: Setting, history: Sequence[StepResult], blocks: Sequence[Block]) -> StepPrompt:
    """Assemble the prompt; a command's is its command line.

    ``history`` holds every earlier result; the step's setting picks.
    """
    if around.step.run:
        end = "" if around.step.run.endswith("\n") else "\n"
        return StepPrompt(f"{around.step.run}{end}")
    sections = [
        _Section(_opening(around)),
        _Section("# Your role", around.workflow.roles[around.step.role].strip()),
        _Section("# Task", around.task, foreign=True),
        *_history(around, history),
        *([_Section("# Context")] if blocks else []),
        *(_Section(f"## {block.name}", block.text, foreign=True) for block in blocks),
        *_noted(around.note),
        *_loop(around),
        *_ending(around.step),
    ]
    fence = _fence(sections)
    return StepPrompt("\n".join(_rendered(section, fence) for section in sections), tuple(blocks))


def _opening(around: Setting) -> str:
    step, workflow = around.step, around.workflow
    place = f"step {workflow.index[step.id] + 1} of {len(workflow.steps)}"
    return f"You are the {step.role} in step `{step.id}`, {place} of `{workflow.name}`."


def shown(step: Step, results: Sequence[StepResult]) -> Sequence[StepResult]:
    """Give the earlier results that a step sees whole."""
    if step.history is History.ALL:
        return results
    return results[-1:] if step.history is History.LATEST else ()


def _history(around: Setting, results: Sequence[StepResult]) -> Iterable[_Section]:
    kind = around.step.history
    if kind is History.NONE or not results:
        return
    if kind is History.SUMMARY:
        lines = [_summary(result, around.workflow) for result in _latest_of_each(results)]
        yield _Section("# Earlier results, a line each", "\n".join(lines), foreign=True)
        return
    yield _Section("# Earlier results")
    for result in shown(around.step, results):
        title = _titled(result, around.workflow)
        yield _Section(f"## {title}", result.content, foreign=True)
        if result.artifact:
            yield _Section(f"## Files changed by {title}", stat(result.artifact), foreign=True)


def stat(artifact: Artifact) -> str:
    """Give a line a changed file."""
    return "\n".join(map(changed, artifact.changes)) or "[no file]"


def changed(change: Change) -> str:
    """``src/app.py +41 -3``."""
    if change.added is None:
        return f"{change.path} binary"
    return f"{change.path} +{change.added} -{change.removed}"


def _latest_of_each(results: Sequence[StepResult]) -> Iterable[StepResult]:
    return {result.step_id: result for result in results}.values()


def _titled(result: StepResult, workflow: Workflow) -> str:
    step = workflow.step(result.step_id)
    return f"{result.heading} ({_ran(step, result) if step.run else step.role})"


def _ran(step: Step, result: StepResult) -> str:
    """``$ pytest -q, exit code 1``; in a preview the code is not known yet."""
    code = "not known" if result.exit_code is None else result.exit_code
    return f"$ {command_line(step.run, 120)}, exit code {code}"


def output(result: StepResult) -> str:
    """Give the text of ``step:ID``; a command's says first how it ended."""
    if result.exit_code is None:
        return result.content
    return f"[exit code {result.exit_code}]\n{result.content}"


def _summary(result: StepResult, workflow: Workflow) -> str:
    verdict = f"{result.verdict.value}: " if result.verdict else ""
    # A command says last how it went, and JSON is mostly one thing on many lines.
    said = result.content if result.exit_code is None else last_lines(result.content, 1)
    if workflow.step(result.step_id).output_schema is not None:
        said = " ".join(said.split())
    return f"{_titled(result, workflow)}: {verdict}{first_line(said)}"


def _noted(note: Note | None) -> Iterable[_Section]:
    if note:
        yield _Section(
            "# Once more", "A person has read your answer to this prompt, and asks for another one."
        )
        yield _Section("## Your answer", note.answer, foreign=True)
        yield _Section("## What the person says", note.text, foreign=True)


def _loop(around: Setting) -> Iterable[_Section]:
    repeat = around.step.repeat
    if repeat is None:
        return
    passes = f"This is pass {around.loop_pass} of at most {repeat.max_iterations}."
    back = f"Unless {condition(repeat)}, the work goes back to step `{repeat.back_to}`."
    yield _Section("# Loop", f"{passes} {back}")


def condition(repeat: Repeat) -> str:
    """``the review passes and the answer contains `DONE```."""
    said = ["the review passes"] if repeat.until_review_pass else []
    said += ["the command succeeds"] if repeat.until_success else []
    if repeat.until_contains is not None:
        said.append(f"the answer contains `{repeat.until_contains}`")
    for field, value in (repeat.until or {}).items():
        said.append(f"`{field}` is {documents.written(value)}")
    return " and ".join(said)


def _ending(step: Step) -> Iterable[_Section]:
    if step.output_schema is not None:
        yield _Section(
            "# How to answer",
            "Answer with one JSON document only, and no text around it. It must be valid against "
            "this JSON Schema:",
        )
        yield _Section("## JSON Schema", subschemas.text(step.output_schema), foreign=True)
    if step.has_verdict:
        yield _Section(
            "# Findings",
            "Besides your prose, give each finding that stands now a line of its own, the worst "
            "first, as high, medium or low:\n\n- [high] path:line: what is wrong",
        )
        yield _Section(
            "# How to end",
            "End your answer with exactly one of these two lines, the first when there is no high "
            f"or medium finding, else the second:\n\n{PASS_LINE}\n{REVISE_LINE}",
        )


def _fence(sections: Iterable[_Section]) -> str:
    """One backtick more than the longest run anywhere, so that no content can close a block."""
    runs = (
        len(run)
        for section in sections
        for text in (section.heading, section.text)
        for run in re.findall("`+", text)
    )
    return "`" * max(3, max(runs, default=0) + 1)


def _rendered(section: _Section, fence: str) -> str:
    if section.foreign:
        end = "" if section.text.endswith("\n") else "\n"
        return f"{section.heading}\n\n{fence}\n{section.text}{end}{fence}\n"
    return f"{section.heading}\n" + (f"\n{section.text}\n" if section.text else "")
