"""Reports held against other people's schemas, and opened by other people's readers."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from jsonschema import Draft202012Validator
from junitparser import JUnitXml

from aethr.findings import Finding, Severity
from aethr.reports import as_json, as_junit, as_sarif, prepared
from aethr.reports.outcome import Status
from tests.support import report_tools
from tests.support.cli import Shell
from tests.support.reported import outcome

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from aethr.reports.outcome import Outcome

# What XML does not allow, or allows and a terminal should not get; half a character; markup.
WILD = "\x00\x01\x08\x0b\x0c\x1b[31m\x7f\x85\ufffe\uffff\ud800\udfff ]]> & < \" ' ü 𝔘 ::x:: {0} %"
PATHS = [
    "my notes.md",
    "ü/日本.py",
    "../up.py",
    "/etc/passwd",
    "C:/x/a.cs",
    "a\ud800\x01:b?#%.py",
    "",
]
LOW = Finding(Severity.LOW, "src/a.py", 3, "a taste")


MADE = {
    "nothing found": replace(outcome("said"), status=Status.PASSED, exit_code=0, error=""),
    "nothing done": replace(outcome("said"), results=(), status=Status.FAILED, broken="work"),
    "odd paths": outcome("said", *(replace(LOW, path=path) for path in PATHS)),
    "no line, and a huge one": outcome("", replace(LOW, line=None), replace(LOW, line=9_999_999)),
    "wild characters": outcome(WILD, replace(LOW, text=WILD)),
    "a megabyte": outcome(f"{WILD}\n" * 20_000, replace(LOW, text="x" * (1 << 20))),
}
HEAD = "workflow: flow\nroles: {worker: Work., reviewer: Review.}\nsteps: "
LOOP = "repeat: {back_to: try, until_success: true, max_iterations: 2}"
CUT = "{id: r, role: reviewer, context: ['file:long.txt'], context_limit: 100}"
# Steps, AETHR_LIVE, the exit code; and of JUnit the tests, failures, errors and skipped ones.
RUNS = {
    "passed, in mock mode": ("[{id: w, role: worker}, {id: r, role: reviewer}]", "", 0),
    "inconclusive, in mock mode": (f"[{CUT}]", "", 3),
    "an exhausted loop": (f"[{{id: try, run: 'true'}}, {{id: t, run: 'false', {LOOP}}}]", "1", 3),
    "a failed step, and one not reached": ("[{id: a, run: 'false'}, {id: b, run: ':'}]", "1", 1),
}
COUNTS = [(2, 0, 0, 0), (1, 1, 0, 0), (2, 1, 0, 0), (2, 0, 1, 1)]
ENDS = (".json", ".sarif", ".xml")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with the reports of all that is made, and of all that is run."""
    place = tmp_path_factory.mktemp("reports")
    for name, one in MADE.items():
        prepared([f"{name}{end}" for end in ENDS], place, {}, {}).finish(one)
    for name, (steps, live, code) in RUNS.items():
        shell = Shell(tmp_path_factory.mktemp("run"), tmp_path_factory.mktemp("home"))
        shell.write({".aethr.yaml": HEAD + steps, "long.txt": "x\n" * 200})
        words = [word for end in ENDS for word in ("--report", f"{place / name}{end}")]
        ran = shell.aethr("run", "go", *words, AETHR_LIVE=live)
        assert ran.code == code, ran.err
    return place


EVERY = [*MADE, *RUNS]
OWN = Draft202012Validator(json.loads(as_json.schema_text()))


@pytest.mark.parametrize("name", EVERY)
def test_json_is_what_its_published_schema_says(folder: Path, name: str) -> None:
    OWN.validate(json.loads((folder / f"{name}.json").read_text("utf-8")))


@pytest.mark.fault(
    "explicit", "control characters, half characters, odd paths, 1 MB of text", "SARIF and JUnit"
)
@pytest.mark.parametrize("name", EVERY)
def test_sarif_is_valid_against_its_schema(folder: Path, name: str) -> None:
    document = json.loads((folder / f"{name}.sarif").read_text("utf-8"))
    assert not [error.message for error in report_tools.sarif_schema().iter_errors(document)]


def test_sarif_is_opened_by_microsofts_reader_with_the_rules_of_github(folder: Path) -> None:
    assert report_tools.objections(folder) == []
    (folder / "bad").mkdir()
    bad = (folder / "odd paths.sarif").read_text().replace("my%20notes", "my notes")
    (folder / "bad" / "a.sarif").write_text(bad)
    (folder / "bad" / "b.sarif").write_text(bad.replace('"rules"', '"taxa"'))
    objections = "\n".join(report_tools.objections(folder / "bad"))
    assert "SARIF1002" in objections
    assert "GH1018" in objections


@pytest.mark.fault(
    "explicit", "control characters, half characters, odd paths, 1 MB of text", "SARIF and JUnit"
)
@pytest.mark.parametrize("name", EVERY)
def test_junit_is_valid_against_the_schema_of_jenkins(folder: Path, name: str) -> None:
    found = report_tools.junit_schema().iter_errors(str(folder / f"{name}.xml"))
    assert not [error.reason for error in found]


@pytest.mark.parametrize(("name", "counts"), [*zip(RUNS, COUNTS, strict=True)], ids=RUNS)
def test_junit_is_opened_by_another_reader(
    folder: Path, name: str, counts: tuple[int, ...]
) -> None:
    (suite,) = JUnitXml.fromfile(str(folder / f"{name}.xml"))
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == counts
    results = [case.result[0]._tag if case.result else "" for case in suite]
    assert [results.count(kind) for kind in ("failure", "error", "skipped")] == [*counts[1:]]
    assert ("mock: nothing was called" in suite.name) == (RUNS[name][1] == "")


def test_what_github_does_not_take_is_left_out_and_told() -> None:
    many = (replace(LOW, line=line) for line in range(1, as_sarif.MOST + 2))
    text = as_sarif.text(outcome("", *many, replace(LOW, severity=Severity.HIGH)))
    (run,) = json.loads(text)["runs"]
    assert len(run["results"]) == 25_000
    assert run["results"][0]["level"] == "error"  # the gravest stay
    notes = run["invocations"][0]["toolExecutionNotifications"]
    assert "2 findings left out: GitHub takes 25,000" in [one["message"]["text"] for one in notes]


def test_a_mock_run_says_so_in_every_format(folder: Path) -> None:
    for end in ENDS:
        assert "mock" in (folder / f"passed, in mock mode{end}").read_text()


@pytest.mark.parametrize("write", [as_sarif.text, as_junit.text])
def test_nothing_that_acts_on_a_terminal_is_in_a_report(write: Callable[[Outcome], str]) -> None:
    text = write(outcome(WILD, replace(LOW, text=WILD)))
    assert not {*text} & {"\x1b", "\x00", "\x85", "\ud800"}
    assert "\\u001b" not in text
