"""The steps as JUnit XML: a case a step, with its latest result."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from aethr.text import count, printable

if TYPE_CHECKING:
    from aethr.reports.outcome import Outcome
    from aethr.results import StepResult

# What is left of what XML 1.0 does not allow once a text is printable.
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def text(outcome: Outcome) -> str:
    latest = {result.step_id: result for result in outcome.results}
    suite = ET.Element("testsuite", name=_legal(outcome.title))
    for step in outcome.workflow.steps:
        suite.append(_case(outcome, step.id, latest.get(step.id)))
    suite.set("tests", str(len(suite)))
    for kind in ("failure", "error", "skipped"):
        found = str(len(suite.findall(f"testcase/{kind}")))
        suite.set(kind if kind == "skipped" else f"{kind}s", found)
    suite.set("time", f"{outcome.seconds:.3f}")
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return ET.tostring(root, "unicode", xml_declaration=False) + "\n"


def _case(outcome: Outcome, step_id: str, result: StepResult | None) -> ET.Element:
    seconds = f"{result.seconds if result else 0:.3f}"
    name, suite = _legal(step_id), _legal(outcome.title)
    case = ET.Element("testcase", name=name, classname=suite, time=seconds)
    if step_id == outcome.broken:
        ET.SubElement(case, "error", type=outcome.status.value, message=_legal(outcome.error))
    elif result is None:
        ET.SubElement(case, "skipped").text = "not reached"  # Jenkins's schema has no message
    elif step_id in outcome.against:
        ours = [f"{finding}" for by, finding in outcome.standing if by == step_id]
        word = result.verdict.value if result.verdict else "not passed"
        said = f"{word}, {count(len(ours), 'finding')}"
        failure = ET.SubElement(case, "failure", type=word, message=said)
        failure.text = _legal("\n".join(ours))
    if result:
        ET.SubElement(case, "system-out").text = _legal(result.content)
    return case


def _legal(said: str) -> str:
    return _ILLEGAL.sub("\ufffd", printable(said))
