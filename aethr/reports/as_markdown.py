"""The run as Markdown, for a pull request or a job summary; foreign text is inert in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aethr.render import finished
from aethr.text import count, one_line, printable

if TYPE_CHECKING:
    from aethr.findings import Finding
    from aethr.reports.outcome import Outcome
    from aethr.results import StepResult

_PLAIN = re.compile(r"[\w ./:,()+=-]+")


def text(outcome: Outcome) -> str:
    return "\n".join(blocks(outcome))


def blocks(outcome: Outcome) -> list[str]:
    """Give the parts, the most important first; each is whole in itself."""
    head = f"## {inert(outcome.title)}: {outcome.status.value}\n"
    error = f"\n{inert(outcome.error)}\n" if outcome.error else ""
    return [
        f"{head}{error}",
        _findings(outcome),
        _steps(outcome),
        *(_answer(result) for result in reversed(outcome.results)),
    ]


def inert(said: str) -> str:
    """Show foreign text as code, in which no HTML, mention, link or table's edge means anything."""
    line = one_line(said)
    if _PLAIN.fullmatch(line) and line.strip() == line:
        return f"`{line}`"
    # Entities never act as Markdown, and within <code> GitHub looks for no mention.
    return f"<code>{re.sub(r'[^0-9A-Za-z ]', lambda m: f'&#{ord(m[0])};', line)}</code>"


def _findings(outcome: Outcome) -> str:
    if not any(result.verdict for result in outcome.results):
        return "No review was finished.\n"
    if not outcome.standing:
        return "No findings.\n"
    lines = (_finding(finding) for _, finding in outcome.standing)
    return f"### {count(len(outcome.standing), 'finding')}\n\n" + "".join(lines)


def _finding(finding: Finding) -> str:
    place = finding.path + (f":{finding.line}" if finding.line else "")
    where = f" {inert(place)}" if place else ""
    what = f" {inert(finding.text)}" if finding.text else ""
    return f"- **{finding.severity.value}**{where}{what}\n"


def _steps(outcome: Outcome) -> str:
    rows = [
        f"| {inert(result.heading)} | {finished(result, live=outcome.live)} |"
        for result in outcome.results
    ]
    if outcome.broken:
        rows.append(f"| {inert(outcome.broken)} | {outcome.status.value} |")
    return "\n".join(["### Steps", "", "| step | result |", "|---|---|", *rows, ""])


def _answer(result: StepResult) -> str:
    content = printable(result.content).replace("\r", "\n")
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", content)), 3)
    end = "" if content.endswith("\n") else "\n"
    return (
        f"<details><summary>{_as_html(result.heading)}</summary>\n\n"
        f"{fence}text\n{content}{end}{fence}\n\n</details>\n"
    )


def _as_html(said: str) -> str:
    shown = inert(said)
    return f"<code>{shown.strip('`')}</code>" if shown.startswith("`") else shown
