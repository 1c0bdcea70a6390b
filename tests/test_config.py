"""The workflow file: every mistake is pointed at, every key reaches the workflow."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from aethr import config
from aethr.backends import BACKENDS
from aethr.config.document import read
from aethr.config.references import AGENTS
from aethr.config.schema import violations
from aethr.errors import ConfigError, UsageError
from aethr.workflow import (
    History,
    Limits,
    ModelRef,
    Repeat,
    Source,
    SourceKind,
    Step,
    Workflow,
)
from tests.support.workflow_files import CASES, FILES, ROOT, SCHEMA, near

if TYPE_CHECKING:
    from collections.abc import Iterator


NAMES = sorted({path.stem for path in CASES.iterdir()})
LOADERS = [yaml.SafeLoader, *([yaml.CSafeLoader] if yaml.__with_libyaml__ else [])]

HEAD = """\
workflow: demo
roles:
  planner: Plan the change.
  reviewer: Review the change.
"""


def problems(text: str) -> list[str]:
    """Return the first line of each problem, without the file's name."""
    with pytest.raises(ConfigError) as caught:
        config.parse(text, "demo.yaml")
    return [f"{one.line}:{one.column}: {one.text}" for one in caught.value.problems]


def steps(*entries: str, head: str = HEAD) -> Workflow:
    """Load a file with these steps, each a flow mapping without its braces."""
    text = head + "steps:\n" + "".join(f"  - {{{entry}}}\n" for entry in entries)
    return config.parse(text, "demo.yaml").workflow


# What is wrong, where, and what to write instead


@pytest.mark.parametrize("name", NAMES)
def test_a_mistake_is_reported_as_beside_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CASES)
    with pytest.raises(ConfigError) as caught:
        config.load(Path(f"{name}.yaml"))
    assert caught.value.message + "\n" == Path(f"{name}.txt").read_text("utf-8")
    assert caught.value.exit_code == 2
    assert name == "several-mistakes" or len(caught.value.problems) == 1
    assert name == "empty-file" or all("^" in str(problem) for problem in caught.value.problems)


def test_all_mistakes_of_a_file_come_at_once_and_in_order() -> None:
    text = (CASES / "several-mistakes.yaml").read_text("utf-8")
    places = [tuple(map(int, line.split(":")[:2])) for line in problems(text)]
    assert len(places) == 8
    assert places == sorted(places)


def test_mistakes_of_yaml_shape_and_references_stand_side_by_side() -> None:
    text = HEAD + "steps:\n  - id: a\n    id: b\n    role: plannr\n    backnd: model\n"
    assert problems(text) == [
        "7:5: duplicate key `id`; it stands on line 6 already",
        "8:11: step `a` has the role `plannr`, which is not under `roles`; did you mean `planner`?",
        "9:5: unknown key `backnd` in step `a`; did you mean `backend`?",
    ]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("roles: {a: b}\nroles: {c: d}\n", id="roles that stand twice"),
        pytest.param("roles: nobody\n", id="roles of a wrong type"),
        pytest.param("rols: {a: b}\n", id="roles misspelt"),
        pytest.param("", id="no roles"),
    ],
)
def test_unknown_roles_are_not_blamed_on_the_steps(text: str) -> None:
    step = "{id: plan, role: a}"
    found = problems(f"workflow: demo\nmodels: {{a: openai:gpt-4o}}\nsteps: [{step}]\n{text}")
    assert len(found) == 1
    assert "role" in found[0]


def test_a_key_in_the_file_is_not_repeated() -> None:
    models = (
        "models:\n  planner: {model: x, api_key: 'sk-secret-123', tempr: 1, max_tokens: many}\n"
    )
    with pytest.raises(ConfigError) as caught:
        config.parse(HEAD + models + "steps: [{id: plan, role: planner}]\n", "demo.yaml")
    assert "sk-secret-123" not in caught.value.message
    assert "max_tokens: many" in caught.value.message


def test_a_long_line_is_not_repeated_for_each_of_its_mistakes() -> None:
    entries = ", ".join(f"{{id: s{place}, role: nobody}}" for place in range(1000))
    with pytest.raises(ConfigError) as caught:
        config.parse(f"workflow: demo\nroles: {{a: b}}\nsteps: [{entries}]\n", "demo.yaml")
    assert len(caught.value.problems) == 1000
    assert len(caught.value.message) < 200_000


def test_brackets_without_end_do_not_end_the_process() -> None:
    assert problems("[" * 200_000) == ["1:21: nested more than 20 deep"]


# The file itself


def test_a_missing_file_names_the_presets_and_init(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        config.load(tmp_path / ".aethr.yaml")
    assert "there is no workflow file" in caught.value.summary
    assert "aethr init" in caught.value.hint
    assert "plan-implement-review" in caught.value.hint


def test_other_errors_do_not_name_the_presets(tmp_path: Path) -> None:
    (tmp_path / "link.yaml").symlink_to("nowhere.yaml")
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "file").touch()
    for name, said in {
        "link.yaml": "is a link to nowhere.yaml, which does not exist",
        "folder.yaml": "is a directory, not a workflow file",
        "file/inside.yaml": "Not a directory",
    }.items():
        with pytest.raises(UsageError, match=said) as caught:
            config.load(tmp_path / name)
        assert not caught.value.hint
        assert "\n" not in caught.value.message


def test_a_file_that_never_ends_is_refused() -> None:
    with pytest.raises(UsageError, match="/dev/zero is no regular file"):
        config.load(Path("/dev/zero"))


def test_a_file_is_named_as_seen_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "a.yaml").write_text("steps:\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"^flows/a\.yaml:1:1: "):
        config.load(tmp_path / "flows" / "a.yaml")
    monkeypatch.chdir(tmp_path / "flows")
    with pytest.raises(ConfigError, match=r"^\.\./flows/a\.yaml:1:1: "):
        config.load(Path("../flows/a.yaml"))


@pytest.mark.parametrize("change", [("", "\ufeff"), ("\n", "\r\n"), ("\n", "\n\n# note\n")])
def test_bytes_that_mean_nothing_change_nothing(tmp_path: Path, change: tuple[str, str]) -> None:
    text = HEAD.removesuffix("\n") + "\nsteps: [{id: plän, role: planner}]"
    old, new = change
    file = tmp_path / "a.yaml"
    file.write_bytes((text.replace(old, new) if old else new + text).encode())
    workflow = config.load(file).workflow
    assert workflow.steps == (Step("plän", "planner"),)
    assert workflow.roles == {"planner": "Plan the change.", "reviewer": "Review the change."}


# What a valid file means

FULL = """\
workflow: everything
description: Every key once.
roles: {planner: Plan., implementer: Do., reviewer: Review.}
models:
  planner: ollama:llama3:8b
  reviewer:
    model: anthropic:claude-sonnet-4-5
    temperature: 0
    top_p: 0.5
    max_tokens: 4_000
    reasoning_effort: low
    timeout: 2m
    retries: 2
    fallbacks: [openai:gpt-4o, groq/llama]
    api_base: http://localhost:8000/v1
    api_key_env: MY_KEY
context_limit: 1000
limits: {cost: 2.50, tokens: 500_000, time: 1h30m, calls: 20}
steps:
  - id: a/b ünï
    role: planner
    context: [git_diff, "git_diff:HEAD~1", "file:a b.md", "glob:**/*.md", stdin, run_diff]
    history_visibility: none
  - id: implement
    role: implementer
    backend: opencode
    unsafe_permissions: true
    timeout: 2h
    idle_timeout: 90
    expect_changes: false
  - id: review
    role: reviewer
    context: [latest_diff, "step:a/b ünï"]
    context_limit: 50
    allow_truncated: true
    verdict: true
    pause: true
    repeat: {back_to: implement, until_review_pass: true, until_contains: DONE, max_iterations: 9}
  - id: test
    run: pytest -q
    timeout: 5m
    env: {CI: "1"}
    repeat: {back_to: implement, until_success: true}
  - {id: lint, run: "ruff check", backend: shell, allow_failure: true}
  - id: sort
    role: planner
    output_schema: {type: object, properties: {ok: {type: boolean}}}
    repeat: {back_to: lint, until: {ok: true}}
"""


def test_every_key_reaches_the_workflow() -> None:
    kinds = SourceKind
    assert config.parse(FULL, "full.yaml") == config.Loaded(
        Workflow(
            name="everything",
            description="Every key once.",
            text=FULL,
            limits=Limits(cost=2.5, tokens=500_000, time=5400, calls=20),
            roles={"planner": "Plan.", "implementer": "Do.", "reviewer": "Review."},
            models={
                "planner": ModelRef("ollama:llama3:8b"),
                "reviewer": ModelRef(
                    "anthropic:claude-sonnet-4-5",
                    temperature=0,
                    top_p=0.5,
                    max_tokens=4000,
                    reasoning_effort="low",
                    timeout=120,
                    retries=2,
                    fallbacks=("openai:gpt-4o", "groq/llama"),
                    api_base="http://localhost:8000/v1",
                    api_key_env="MY_KEY",
                ),
            },
            steps=(
                Step(
                    "a/b ünï",
                    "planner",
                    context=(
                        Source(kinds.GIT_DIFF),
                        Source(kinds.GIT_DIFF, "HEAD~1"),
                        Source(kinds.FILE, "a b.md"),
                        Source(kinds.GLOB, "**/*.md"),
                        Source(kinds.STDIN),
                        Source(kinds.RUN_DIFF),
                    ),
                    history=History.NONE,
                    context_limit=1000,
                ),
                Step(
                    "implement",
                    "implementer",
                    backend="opencode",
                    unsafe_permissions=True,
                    timeout=7200,
                    idle_timeout=90,
                    expect_changes=False,
                    context_limit=1000,
                ),
                Step(
                    "review",
                    "reviewer",
                    context=(Source(kinds.LATEST_DIFF), Source(kinds.STEP, "a/b ünï")),
                    context_limit=50,
                    allow_truncated=True,
                    verdict=True,
                    pause=True,
                    repeat=Repeat("implement", True, "DONE", 9),
                ),
                Step(
                    "test",
                    backend="shell",
                    run="pytest -q",
                    timeout=300,
                    env={"CI": "1"},
                    context_limit=1000,
                    repeat=Repeat("implement", until_success=True),
                ),
                Step(
                    "lint",
                    backend="shell",
                    run="ruff check",
                    allow_failure=True,
                    context_limit=1000,
                ),
                Step(
                    "sort",
                    "planner",
                    context_limit=1000,
                    output_schema={"type": "object", "properties": {"ok": {"type": "boolean"}}},
                    repeat=Repeat("lint", until={"ok": True}),
                ),
            ),
        )
    )


def test_the_full_file_uses_every_key_of_the_schema() -> None:
    parts = [SCHEMA, *SCHEMA["$defs"].values()]
    known = {key for part in parts for key in part.get("properties", ())}
    assert known <= set(re.findall(r"\w+(?=:)", FULL))


def test_what_is_not_said_has_the_default_of_the_schema() -> None:
    step = steps("id: plan, role: planner").steps[0]
    assert step == Step("plan", "planner")
    properties = SCHEMA["$defs"]["step"]["properties"] | SCHEMA["$defs"]["repeat"]["properties"]
    defaults = {field.name: field.default for kind in (Step, Repeat) for field in fields(kind)}
    assert properties["backend"]["default"] == defaults["backend"]
    assert properties["max_iterations"]["default"] == defaults["max_iterations"]
    assert SCHEMA["properties"]["context_limit"]["default"] == defaults["context_limit"]
    assert properties["history_visibility"]["default"] == step.history.value
    assert properties["history_visibility"]["enum"] == [history.value for history in History]


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        *[("90", 90), ("0.5", 0.5), ("0.00001", 0.00001), ("90s", 90), ("30m", 1800)],
        *[("2h", 7200), ("1h30m", 5400), ("1h0m5s", 3605), ('"007m"', 420), ("9999h", 35996400)],
    ],
)
def test_a_timeout_is_seconds_or_a_duration(written: str, seconds: float) -> None:
    models = f"models:\n  planner: {{model: x, timeout: {written}}}\n"
    assert steps("id: a, role: planner", head=HEAD + models).models["planner"].timeout == seconds


@pytest.mark.parametrize("written", ["yes", "on", "True"])
def test_yaml_truths_are_truths(written: str) -> None:
    assert steps(f"id: a, role: planner, allow_truncated: {written}").steps[0].allow_truncated


def test_quoted_surprises_are_names_like_others() -> None:
    made = steps('id: "yes", role: planner', "id: 'null', role: planner")
    assert list(made.index) == ["yes", "null"]


def test_an_anchor_shares_a_list() -> None:
    one, two = steps(
        "id: a, role: planner, context: &both [git_diff, stdin]",
        "id: b, role: planner, context: *both",
    ).steps
    assert one.context == two.context == (Source(SourceKind.GIT_DIFF), Source(SourceKind.STDIN))


@pytest.mark.parametrize(
    "starts",
    [{"c": "a", "d": "a"}, {"c": "b", "d": "a"}, {"b": "a", "d": "c"}],
    ids=["same start", "one inside the other", "one after the other"],
)
def test_loops_may_nest_or_follow(starts: dict[str, str]) -> None:
    repeats = {
        end: f", repeat: {{back_to: {back}, until_contains: ok}}" for end, back in starts.items()
    }
    made = steps(*(f"id: {name}, role: planner{repeats.get(name, '')}" for name in "abcd"))
    assert {step.id: step.repeat.back_to for step in made.steps if step.repeat} == starts


# Warnings


def test_what_has_no_effect_is_a_warning() -> None:
    loaded = config.parse(
        "workflow: demo\n"
        "roles: {planner: Plan., tester: Test., writer: Write.}\n"
        "models:\n"
        "  planner: {model: openai:gpt-5, temperature: 0, timeout: 2m}\n"
        "  tester: openai:gpt-4o\n"
        "steps:\n"
        "  - {id: a, role: planner, backend: opencode}\n"
        "  - {id: b, role: planner, backend: opencode}\n",
        "demo.yaml",
    )
    ignored = "step `a` ignores `temperature` and `timeout` of its model"
    assert [str(warning).splitlines()[0] for warning in loaded.warnings] == [
        "demo.yaml:2:25: role `tester` is used by no step, nor is its model",
        "demo.yaml:2:40: role `writer` is used by no step",
        f"demo.yaml:4:3: {ignored}: opencode takes only the name",
    ]


# The schema


def test_the_schema_is_one_and_explains_every_key() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    parts = [SCHEMA, *SCHEMA["$defs"].values()]
    entries = {key: rule for part in parts for key, rule in part.get("properties", {}).items()}
    assert [key for key, rule in entries.items() if "description" not in rule] == []


def test_the_schema_knows_the_backends() -> None:
    assert set(SCHEMA["$defs"]["step"]["properties"]["backend"]["enum"]) == set(BACKENDS)
    assert set(BACKENDS) >= AGENTS


def test_values_with_bounds_say_what_they_must_be() -> None:
    """Errors repeat a rule's title, so a rule that a type alone does not explain has one."""
    bounds = {"minimum", "maximum", "exclusiveMinimum", "minItems", "anyOf"}
    assert [rule for rule in rules(SCHEMA) if bounds & set(rule) and "title" not in rule] == [
        {"type": "number", "exclusiveMinimum": 0, "maximum": 35996400}  # of a time, which has one
    ]


def rules(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for part in value.values():
            yield from rules(part)
    elif isinstance(value, list):
        for part in value:
            yield from rules(part)


def test_neither_a_good_file_nor_a_bad_one_needs_jsonschema() -> None:
    code = (
        "import sys; from aethr import config\n"
        "try: config.parse('steps: 1', 'x')\n"
        "except config.ConfigError: print('jsonschema' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout == "False\n"


@given(near(SCHEMA, st.nothing()))
def test_the_validator_allows_what_jsonschema_allows(value: Any) -> None:
    assert Draft202012Validator(SCHEMA).is_valid(value)
    assert not list(violations(value, SCHEMA))


@given(near(SCHEMA))
def test_the_validator_agrees_with_jsonschema(value: Any) -> None:
    ours = {violation.trail for violation in violations(value, SCHEMA)}
    theirs = {
        tuple(error.absolute_path) for error in Draft202012Validator(SCHEMA).iter_errors(value)
    }
    # jsonschema stops at the object that lacks a key or has one too many, and at an `anyOf`.
    assert all(any(one[: len(path)] == path for path in theirs) for one in ours)
    assert all(any(one[: len(path)] == path for one in ours) for path in theirs)


# Any text


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_both_parsers_see_the_same(file: Path) -> None:
    text = file.read_text("utf-8", "replace")
    first, *others = [seen(text, loader) for loader in LOADERS]
    assert all(other == first for other in others)


def seen(text: str, loader: Any) -> object:
    try:
        return read(text, "demo.yaml", loader)
    except ConfigError as error:
        return error.problems
