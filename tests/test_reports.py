"""Reports as people ask for them: every format of one run, and what must not get into them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft202012Validator
from markdown_it import MarkdownIt

from aethr.errors import AethrError, UsageError
from aethr.findings import Finding, Severity
from aethr.reports import as_json, as_junit, as_markdown, as_sarif, prepared
from tests.support.live import OPENAI_KEY, live
from tests.support.llm_script import Fault, Reply, refusal, said
from tests.support.llm_server import LLMServer
from tests.support.reported import outcome

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.cli import Shell

FLOW = """\
workflow: flow
roles: {worker: Work., reviewer: Find defects.}
models: {worker: "openai:gpt-4o-mini", reviewer: "openai:gpt-4o-mini"}
steps:
  - {id: work, role: worker}
  - {id: review, role: reviewer}
"""
REVISE = "- [high] src/a.py:3: off, by: one 100%\n- [low] b.py: nit\nReview status: revise"
SUFFIXES = (".json", ".jsonl", ".md", ".sarif", ".xml")
EVERY = [word for suffix in SUFFIXES for word in ("--report", f"out{suffix}")]
SCHEMA = Draft202012Validator(json.loads(as_json.schema_text()))


def read(shell: Shell, suffix: str) -> Any:
    text = (shell.folder / f"out{suffix}").read_text("utf-8")
    return (
        [json.loads(line) for line in text.splitlines()] if suffix == ".jsonl" else json.loads(text)
    )


def test_every_format_of_one_run(repo: Shell) -> None:
    repo.write({".aethr.yaml": FLOW, "summary": "before\n"})
    env = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(repo.folder / "summary")}
    absolute = REVISE.replace("b.py", f"{repo.folder}/b.py")  # as agents write it
    with LLMServer(said("done"), said(absolute)) as server:
        run = repo.aethr("run", "go", "--findings", *EVERY, **live(server), **env)
    assert run.code == 3, run.err
    assert run.out == "src/a.py:3: high: off, by: one 100%\nb.py: low: nit\n"
    assert (
        "\n::error file=src/a.py,line=3::off, by: one 100%25\n::notice file=b.py::nit\n" in run.err
    )
    whole = read(repo, ".json")
    SCHEMA.validate(whole)
    assert (whole["status"], whole["exit_code"]) == ("not passed", 3)
    assert [one["verdict"] for one in whole["steps"]] == [None, "revise"]
    assert [one["severity"] for one in whole["findings"]] == ["high", "low"]
    lines = read(repo, ".jsonl")
    assert [lines[0]["event"], lines[-1]["event"]] == ["run_started", "run_ended"]
    assert [line["id"] for line in lines if line["event"] == "step_finished"] == ["work", "review"]
    (found,) = read(repo, ".sarif")["runs"]
    assert [one["level"] for one in found["results"]] == ["error", "note"]
    markdown = (repo.folder / "out.md").read_text()
    assert "- **high** `src/a.py:3` " in markdown
    assert (repo.folder / "summary").read_text() == f"before\n{markdown}\n"
    suite = ET.parse(repo.folder / "out.xml").getroot()[0]
    assert [len(case.findall("failure")) for case in suite] == [0, 1]
    assert {path.name for path in repo.folder.glob("out.*")} == {f"out{one}" for one in SUFFIXES}


@pytest.mark.fault("nothing lost", "a run that fails", "its reports say so, and keep what was done")
def test_a_failed_run_is_reported_as_one(repo: Shell) -> None:
    repo.write({".aethr.yaml": FLOW, "out.jsonl": '{"event": "torn', "out.json": "old"})
    (repo.folder / "out.json").chmod(0o600)
    with LLMServer(said("done"), refusal(401, f"bad key {OPENAI_KEY}")) as server:
        run = repo.aethr("run", f"use {OPENAI_KEY}", *EVERY, **live(server))
    assert run.code == 1, run.err
    whole = read(repo, ".json")
    SCHEMA.validate(whole)
    assert (whole["status"], whole["broken_step"]) == ("failed", "review")
    assert [one["content"] for one in whole["steps"]] == ["done"]
    assert (repo.folder / "out.json").stat().st_mode & 0o777 == 0o600
    torn, *lines = (repo.folder / "out.jsonl").read_text().splitlines()
    assert torn == '{"event": "torn'
    assert json.loads(lines[-1])["status"] == "failed"
    assert not read(repo, ".sarif")["runs"][0]["invocations"][0]["executionSuccessful"]
    assert ET.parse(repo.folder / "out.xml").find(".//testcase[@name='review']/error") is not None
    assert "No review was finished." in (repo.folder / "out.md").read_text()
    for suffix in SUFFIXES:
        text = (repo.folder / f"out{suffix}").read_text()
        assert OPENAI_KEY not in text
        assert "masked" in text


BAD = [
    (["--report", "out.txt"], "--report out.txt: its suffix says no format"),
    (["--report", "out"], ".json, .jsonl, .md, .sarif or .xml"),
    (["--report", "no/such.json"], "can't be written: No such file or directory"),
    (["--report", "folder.md"], "can't be written: Is a directory"),
    (["--report", "pipe.xml"], "can't be written: not a regular file"),
    (["--report", ""], "--report is empty"),
    (["--report", "full.json"], "can't be written: not a regular file"),
    (["--report", "x.jsonl", "--checkpoint", "./x.jsonl"], "x.jsonl is the run's checkpoint"),
    (["--report", "kept.json", "--checkpoint", "twin.jsonl"], "kept.json is the run's checkpoint"),
    (["--report", "same.xml"], "is a report in another format already"),
    (["--report", "README.md"], "--report README.md: git tracks this file"),
    (["--report", "flow.json", "-f", "flow.json"], "flow.json is the run's workflow file"),
    (["--report", "kept.json", "--show-prompt"], "--show-prompt makes none"),
    (["--report", "kept.json", "--from", "none"], "no step `none`"),
]


@pytest.mark.fault(
    "fail closed", "a report that can't be written", "paths of every wrong kind, before the run"
)
@pytest.mark.parametrize(("options", "message"), BAD)
def test_what_can_t_be_written_is_found_before_the_run(
    repo: Shell, options: list[str], message: str
) -> None:
    repo.write({".aethr.yaml": FLOW, "flow.json": FLOW, "kept.json": "kept", "kept.jsonl": "kept"})
    (repo.folder / "folder.md").mkdir()
    os.mkfifo(repo.folder / "pipe.xml")
    (repo.folder / "full.json").symlink_to("/dev/full")
    (repo.folder / "same.xml").symlink_to("kept.json")
    (repo.folder / "twin.jsonl").hardlink_to(repo.folder / "kept.json")
    before = sorted(repo.folder.iterdir())
    run = repo.aethr("run", "go", *options, "--report", "kept.json", "--report", "kept.jsonl")
    assert run.code == 2, run.err
    assert message in run.err
    assert "1/2 work" not in run.err
    assert (repo.folder / "kept.json").read_text() == "kept"
    assert (repo.folder / "kept.jsonl").read_text() == "kept"
    assert sorted(repo.folder.iterdir()) == before


def test_a_report_lost_at_the_end_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sub").mkdir()
    made = prepared(["sub/a.json", "b.md"], tmp_path, {}, {})
    (tmp_path / "sub").rmdir()
    with pytest.raises(AethrError, match=r"can't write report .*a\.json: No such file"):
        made.finish(outcome("x"))
    assert "warning: can't write report" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["b.md"]


SHELL = "workflow: flow\nsteps: "


@pytest.mark.fault(
    "fail closed", "a report that can't be written at the end", "its folder goes in the run"
)
@pytest.mark.parametrize(
    "last", ["'true'", "'false', repeat: {back_to: a, until_success: true, max_iterations: 1}"]
)
def test_a_run_whose_report_is_lost_is_kept_and_fails(repo: Shell, last: str) -> None:
    repo.write({".aethr.yaml": f"{SHELL}[{{id: a, run: rm -r sub}}, {{id: b, run: {last}}}]"})
    (repo.folder / "sub").mkdir()
    words = ("--report", "sub/a.json", "--report", "sub/b.jsonl", "--exit-zero")
    run = repo.aethr("run", "go", *words, AETHR_LIVE="1")
    assert run.code == 1, run.err
    assert run.err.count("warning: can't write report") == 2  # once each
    assert "error: can't write report" in run.err
    (kept,) = repo.checkpoints
    assert str(kept) in run.err.splitlines()[-1]


def test_a_report_is_nobodys_work(repo: Shell) -> None:
    """Neither a growing one, nor that of an earlier run."""
    steps = """
  - {id: touch, run: echo x > new.txt}
  - {id: look, role: reviewer, context: ["git_diff:all", run_diff]}
"""
    flow = FLOW.partition("steps:")[0] + "steps:" + steps
    repo.write({".aethr.yaml": flow, "sub/out.md": "an EARLIER one", "out.jsonl": "EARLIER\n"})
    words = ("--report", "out.jsonl", "--report", "sub/out.md", "--report", "out.json")
    with LLMServer(said("Review status: pass")) as server:
        run = repo.aethr("run", "go", *words, **live(server))
        (request,) = server.requests
    assert run.code == 0, run.err
    sent = json.dumps(request.body)
    assert "new.txt" in sent
    assert "EARLIER" not in sent
    assert "run_started" not in sent
    (change,) = read(repo, ".json")["steps"][0]["changes"]
    assert change["path"] == "new.txt"


def test_a_report_of_a_resumed_run_covers_all_of_it(repo: Shell) -> None:
    repo.write({".aethr.yaml": SHELL + "[{id: a, run: 'true'}, {id: b, run: test -e ok}]"})
    words = ("run", "go", "--checkpoint", "run.jsonl", "--report", "out.json")
    assert repo.aethr(*words, AETHR_LIVE="1").code == 1
    assert read(repo, ".json")["broken_step"] == "b"
    repo.write({"ok": ""})
    assert repo.aethr(*words, AETHR_LIVE="1").code == 0
    whole = read(repo, ".json")
    assert [one["id"] for one in whole["steps"]] == ["a", "b"]
    assert whole["status"] == "done"


@pytest.mark.fault("nothing leaked", "a key in a workflow's name", "reports of every format")
def test_keys_are_masked_before_a_line_is_written(repo: Shell) -> None:
    repo.write({".aethr.yaml": FLOW.replace("workflow: flow", f'workflow: "*{OPENAI_KEY}&"')})
    assert repo.aethr("run", "go", *EVERY, OPENAI_API_KEY=OPENAI_KEY).code == 0
    for suffix in SUFFIXES:
        text = (repo.folder / f"out{suffix}").read_text()
        assert OPENAI_KEY not in text
        assert OPENAI_KEY not in text.replace("&#45;", "-")


@pytest.mark.fault("nothing lost", "SIGINT, SIGTERM, SIGHUP", "the reports of a run under way")
def test_an_interrupted_run_is_reported_as_one(repo: Shell) -> None:
    repo.write({".aethr.yaml": FLOW})
    with LLMServer(said("done"), Reply(fault=Fault.HANG)) as server:
        run = subprocess.Popen(
            [sys.executable, "-m", "aethr", "run", "go", *EVERY],
            cwd=repo.folder,
            env=repo.env | live(server),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        server.wait_for(2)
        so_far = [line["id"] for line in read(repo, ".jsonl") if line["event"].startswith("step")]
        assert so_far == ["work", "work", "review"]  # it grows while the run goes on
        run.send_signal(signal.SIGTERM)
        assert run.wait(60) == 143
    whole = read(repo, ".json")
    SCHEMA.validate(whole)
    assert (whole["status"], whole["exit_code"]) == ("interrupted", 143)
    assert [one["content"] for one in whole["steps"]] == ["done"]
    assert read(repo, ".jsonl")[-1]["status"] == "interrupted"
    assert ET.parse(repo.folder / "out.xml").find(".//error[@type='interrupted']") is not None


def test_both_doors_and_one_step(repo: Shell) -> None:
    repo.write({".aethr.yaml": FLOW, "tasks.py": "import aethr\nns = aethr.collection()\n"})
    run = repo.inv("run", "--text", "go", "--report", "out.json", "--report", "out.md")
    assert run.code == 0, run.err
    assert read(repo, ".json")["status"] == "passed"
    assert "(mock: nothing was called)" in (repo.folder / "out.md").read_text()
    assert repo.aethr("step", "work", "go", "--report", "out.json").code == 0
    assert [one["id"] for one in read(repo, ".json")["steps"]] == ["work"]


def test_python_gets_the_findings_too(repo: Shell) -> None:
    repo.write({".aethr.yaml": FLOW})
    script = """
import aethr, pathlib
run = aethr.run_step(None, "review", "go", report=["out.json", pathlib.Path("out.sarif")])
high, low = run.findings
assert isinstance(high, aethr.Finding) and high.severity is aethr.Severity.HIGH
print(run.status, f"{high}", f"{low}", sep="\\n")
"""
    with LLMServer(said(REVISE)) as server:
        run = repo.run(sys.executable, "-c", script, **live(server))
    assert run.code == 0, run.err
    assert run.out == "3\nsrc/a.py:3: high: off, by: one 100%\nb.py: low: nit\n"
    assert [one["severity"] for one in read(repo, ".json")["findings"]] == ["high", "low"]


def test_python_is_told_of_a_lost_report(repo: Shell) -> None:
    """What did not pass is a value there; that is none."""
    loop = "repeat: {back_to: a, until_success: true, max_iterations: 1}"
    steps = f"[{{id: a, run: rm -r sub}}, {{id: b, run: 'false', {loop}}}]"
    repo.write({".aethr.yaml": SHELL + steps, "sub/x": ""})
    script = "import aethr; aethr.run_workflow(None, 'go', report='sub/out.md')"
    run = repo.run(sys.executable, "-c", script, AETHR_LIVE="1")
    assert run.code == 1
    assert "AethrError: can't write report" in run.err


def test_the_schema_is_published(repo: Shell) -> None:
    printed = repo.aethr("schema", "report")
    assert printed.code == 0, printed.err
    Draft202012Validator.check_schema(json.loads(printed.out))
    assert "did you mean `report`?" in repo.aethr("schema", "reports").err


NASTY = (
    "<script>x</script> @someone #12 [a](http://b) ![i](http://c) | a \\| b `tick` ``` *b* _c_ "
    "&lt; https://d.e <!-- --> </details> ::error::x %0A\x1b[31m \ufffe\n@other\n```\n</details>\n"
)


HIGH = Finding(Severity.HIGH, "src/a,b:c.py", 3, NASTY)


@pytest.mark.fault(
    "explicit", "an answer with HTML, mentions and fences", "a report in Markdown, parsed again"
)
def test_no_foreign_text_acts_in_markdown() -> None:
    said = as_markdown.text(outcome(NASTY, HIGH, replace(HIGH, text="@x", path="a|b\\|c.py")))
    parser = MarkdownIt("commonmark", {"html": True}).enable("table")
    tokens = parser.parse(said)
    inline = [child for token in tokens for child in token.children or ()]
    raw = [one.content for one in [*tokens, *inline] if one.type in ("html_block", "html_inline")]
    ours = {"<code>", "</code>", "</details>\n"}
    assert {one for one in raw if not one.startswith("<details><summary><code>")} <= ours
    assert not [one for one in inline if one.type in ("link_open", "image", "em_open")]
    # All that an answer says is code; what GitHub takes for a mention is not in there.
    depth, loose = 0, []
    for one in inline:
        depth += (one.content == "<code>") - (one.content == "</code>")
        loose += [one.content] if one.type == "text" and not depth else []
    assert not [text for text in loose if "@" in text or "::" in text]
    assert len([token for token in tokens if token.type == "fence"]) == 2
    assert "\x1b" not in said


def test_xml_holds_only_what_xml_may() -> None:
    text = as_junit.text(outcome(NASTY, HIGH))
    root = ET.fromstring(text)
    assert "\\x1b[31m" in (root.findtext(".//system-out") or "")
    assert "\ufffe" not in text
    assert root[0].attrib["failures"] == "1"


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("src/a.py", "src/a.py"),
        ("my notes.md", "my%20notes.md"),
        ("a:b/ü.py", "a%3Ab/%C3%BC.py"),
        ("/etc/passwd", None),
        ("C:/x/a.cs", None),
        ("../up.py", None),
        ("", None),
    ],
)
def test_sarif_places_are_relative_and_nothing_is_dropped(path: str, uri: str | None) -> None:
    (run,) = json.loads(as_sarif.text(outcome("x", Finding(Severity.LOW, path, 3, "t"))))["runs"]
    places = [one["locations"][0]["physicalLocation"] for one in run["results"]]
    notes = run["invocations"][0]["toolExecutionNotifications"]
    if uri:
        assert places == [{"artifactLocation": {"uri": uri}, "region": {"startLine": 3}}]
    else:
        assert not places
        assert notes[0]["level"] == "note"


def test_a_path_given_twice_is_one_report(tmp_path: Path) -> None:
    assert len(prepared(["a.md", "./a.md"], tmp_path, {}, {}).formats) == 1
    with pytest.raises(UsageError, match="suffix"):
        prepared(["a.pdf"], tmp_path, {}, {})


def test_a_run_without_these_options_imports_nothing_for_them(repo: Shell) -> None:
    repo.write({".aethr.yaml": FLOW})
    script = "import sys; from aethr.__main__ import main\ntry: main()\nexcept SystemExit: pass\n"
    names = "print([n for n in sys.modules if 'aethr.reports' in n or n.startswith('xml')])"
    run = repo.run("python3", "-c", script + names, "run", "go", "-q")
    assert run.out.splitlines()[-1] == "[]"
