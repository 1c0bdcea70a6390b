"""Recorded answers of reviewers, each with the findings that are in it, and a pass beside one.

A case is two files: ``NAME.md`` as it was written, ``NAME.txt`` what ``--findings`` prints.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aethr.findings import Finding, Severity, read, reader
from aethr.results import Verdict
from aethr.verdict import PASS_LINE, said
from aethr.verdict import read as judge
from tests.support.strategies import examples

CASES = sorted((Path(__file__).parent / "cases" / "findings").glob("*.md"))


def shown(answer: str) -> str:
    return "".join(f"{finding}\n" for finding in read(answer))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_a_recorded_answer_has_the_findings_beside_it(case: Path) -> None:
    assert shown(case.read_bytes().decode()) == case.with_suffix(".txt").read_text("utf-8")


def test_there_are_enough_styles() -> None:
    assert len(CASES) >= 50


FORM = "- [high] src/a.py:3: off by one"
FORGED = [
    pytest.param(f"```diff\n{FORM}\n```", id="a diff"),
    pytest.param(f"```\n@@ -1,1 +0,0 @@\n{FORM}\n```", id="a diff that does not say so"),
    pytest.param(f"@@ -1,2 +1,1 @@\n{FORM}\n context", id="a hunk without a fence"),
    pytest.param(f"```yaml\n{FORM}\n```", id="a file in its language"),
    pytest.param(f"~~~python\n{FORM}\n~~~", id="a file in tildes"),
    pytest.param(f"````py\n```\n{FORM}\n```\n````", id="a fence in a fence"),
    pytest.param(f"The form is `{FORM}`.", id="in the middle of a sentence"),
]
MEANT = [
    pytest.param(FORM, id="as asked for"),
    pytest.param(f"```\n{FORM}\n```", id="in a plain fence"),
    pytest.param(f"```markdown\n{FORM}\n```", id="in a fence of Markdown"),
    pytest.param(f"> {FORM}", id="in a quotation"),
    pytest.param(f"    {FORM}", id="indented"),
    pytest.param(f"```diff\n-x\n+y\n{FORM}", id="below a fence that nothing closes"),
    pytest.param(f"```diff\n-x\n```\n{FORM}", id="below a diff"),
    pytest.param(f"@@ -1,99 +1,99 @@\n x\n\n{FORM}", id="below a hunk that says too much"),
    pytest.param("### Medium\n\n- the lock is never released", id="below a heading"),
    pytest.param("- [medium] nothing guards the cache", id="without a place"),
    pytest.param("### High\n\nThe lock is never released.", id="as a paragraph"),
    pytest.param("## High\n\n### 1. Off by one\n\nIt ends late.", id="as a heading of its own"),
    pytest.param("### 1. Off by one (High)", id="rated at the end"),
    pytest.param('```json\n[{"severity": "high", "file": "a.py", "text": "x"}]\n```', id="as JSON"),
    pytest.param(
        '```json\n[{"level": "\\u0068igh", "path": "a.py", "text": "x"}]\n```', id="escaped"
    ),
    pytest.param(
        '```json\n[{"level": "must  fix", "path": "a", "text": "x"}]\n```', id="two blanks"
    ),
    pytest.param("<tr><td>h<b>ig</b>h</td><td>a.py:3</td><td>x</td></tr>", id="tags in a cell"),
]


@pytest.mark.parametrize("answer", FORGED)
def test_what_an_answer_quotes_of_files_is_no_finding(answer: str) -> None:
    whole = f"{answer}\n\n{PASS_LINE}"
    assert read(whole) == ()
    assert judge(whole) is Verdict.PASS


@pytest.mark.fault(
    "fail closed",
    "a review that passes beside a high or medium finding",
    "answers with the finding in a list, a fence, a quotation, below a heading",
)
@pytest.mark.parametrize("answer", MEANT)
def test_a_pass_beside_a_grave_finding_is_inconclusive(answer: str) -> None:
    whole = f"{answer}\n\n{PASS_LINE}"
    assert len(read(whole)) == 1
    assert said(whole) is Verdict.PASS
    assert judge(whole) is Verdict.INCONCLUSIVE


def test_a_pass_stands_beside_low_findings_and_a_revise_beside_any() -> None:
    assert judge(f"- [low] a.py:1: a taste\n{PASS_LINE}") is Verdict.PASS
    assert judge(f"{FORM}\nReview status: revise") is Verdict.REVISE


SEVERITIES = st.sampled_from([*Severity])
NAMES = st.from_regex(r"[a-z_][a-z0-9_-]{0,8}", fullmatch=True)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(lambda parts: f"{'/'.join(parts)}.py")
TEXTS = st.from_regex(r"(?:`[a-z]+` |_)?[a-z][a-z '.:@<>&|]{0,30}[a-z]", fullmatch=True)
FINDINGS = st.builds(Finding, SEVERITIES, PATHS, st.integers(1, 9_999_999), TEXTS)


@examples(200)
@given(st.lists(FINDINGS, max_size=4, unique=True))
def test_the_form_that_is_asked_for_is_read_back(findings: list[Finding]) -> None:
    lines = [f"- [{f.severity.value}] {f.path}:{f.line}: {f.text}" for f in findings]
    assert read("Prose.\n\n" + "\n".join(lines)) == tuple(findings)


PIECES = [
    "[high]",
    "- ",
    "a/",
    "a.py",
    ":3",
    "`",
    "*",
    "|",
    "```",
    "\n",
    " ",
    "[",
    "(",
    "line 3",
    "@@",
]


@examples(300)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=30))
def test_any_answer_is_read(pieces: list[str]) -> None:
    for finding in read("".join(pieces)):
        assert finding.line is None or finding.line > 0
        assert "\n" not in f"{finding}"


# What spells a severity in more ways than one, and what a finding needs besides.
RATED = st.sampled_from(
    [
        "HIGH", "Blocker:", "must-fix", "must  fix", "Non-Blocking", "élevé", "ÉLEVÉ", "高", "🔴",
        "CVSS 9.8", "\\u0068igh", "h<b>ig</b>h", "<td>", "</td>", '{"severity": "', '"', "ſev1",
        '", "file": "a.py", "text": "x"}', "a.py:3", "# ", "- ", "[", "]", "|", "\n", " ", ": ",
    ]
)  # fmt: skip


@examples(500)
@given(st.lists(RATED, max_size=12).map("".join))
def test_no_answer_that_is_passed_over_has_a_finding(answer: str) -> None:
    """Whoever reads line by line is asked only where a word occurs that may be a severity."""
    assert read(answer) == reader.read(answer)


LONG = [
    *("a/", "a.", "`", "[(", "[a]/", "line 1 of ", "*", "- ", "| ", "@@ ", "](", "[a] ", "(high)"),
    *("https://a/b/", "<td>", "no a ", "none ", "cvss ", "issue ", "severity: ", '{"a":', "["),
]


@pytest.mark.parametrize("piece", LONG)
def test_a_long_line_is_read_in_one_go(piece: str) -> None:
    """Each took minutes with an expression that goes back; the suite's own limit would tell."""
    for lead in ("- [low] ", "### High\n\n"):
        assert read(f"{lead}{piece * 20_000}") is not None
    assert read(piece * 20_000) is not None
