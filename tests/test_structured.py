"""Structured answers: one JSON document that fits its schema, or a failed step."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from aethr import answers, config, documents, plan
from aethr.backends import native
from aethr.backends.model import ModelBackend
from aethr.errors import ConfigError, StepFailed, UsageError
from aethr.results import Call, StepResult
from aethr.settings import Settings
from aethr.workflow import ModelRef, Repeat, Step, Workflow
from tests.support.cli import PROJECT
from tests.support.live import live
from tests.support.llm_script import Reply, said
from tests.support.llm_server import LLMServer
from tests.support.output import Heard
from tests.support.strategies import examples
from tests.test_model_backend import KEY, environment
from tests.test_model_process import python

if TYPE_CHECKING:
    from tests.support.cli import Shell

fault = pytest.mark.fault

SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["severity", "sure"],
    "properties": {
        "severity": {"enum": ["high", "medium", "low"]},
        "sure": {"type": "boolean"},
    },
}
FIRST = '{"severity": "high", "sure": false}'
SURE = '{"severity": "low", "sure": true}'

FLOW = f"""\
workflow: triage
roles: {{analyst: Weigh it., sorter: Sort it., writer: Write it up.}}
models:
  analyst: openai:gpt-4o-mini
  sorter: MODEL
  writer: openai:gpt-4o-mini
steps:
  - {{id: weigh, role: analyst}}
  - id: sort
    role: sorter
    output_schema: {json.dumps(SCHEMA)}
    repeat: {{back_to: weigh, until: {{sure: true}}, max_iterations: 2}}
  - {{id: write, role: writer, context: ["step:sort"], history_visibility: none}}
"""


def flow(model: str = "openai:gpt-4o-mini") -> str:
    return FLOW.replace("MODEL", model)


def step(schema: dict[str, Any], **until: Any) -> Step:
    return Step("sort", "r", output_schema=schema, repeat=Repeat("a", until=until or None))


def refused(answer: str, schema: dict[str, Any] = SCHEMA, seconds: float = 60) -> StepFailed:
    with pytest.raises(StepFailed) as caught:
        answers.checked(answer, schema, {}, seconds)
    assert caught.value.partial == answer
    return caught.value


class TestAnAnswer:
    @pytest.mark.parametrize(
        "answer",
        [
            SURE,
            f"\n  {SURE}\r\n",
            f"```json\n{SURE}\n```",
            f"```\n{SURE}\n```\n",
            f"\n````JSON \r\n{SURE}\r\n````  \n",
        ],
    )
    def test_is_the_exact_text_of_its_document(self, answer: str) -> None:
        assert answers.checked(answer, SCHEMA, {}) == SURE

    def test_is_kept_as_the_model_laid_it_out(self) -> None:
        laid_out = '{\n "sure" : true,\n\t"severity":"l\\u006fw"}'
        assert answers.checked(laid_out, SCHEMA, {}) == laid_out

    @fault("fail closed", "an answer that is not one JSON document", "an `output_schema`")
    @pytest.mark.parametrize(
        "answer",
        [
            "",
            "```json\n```",
            f"Here it is:\n{SURE}",
            f"{SURE}\nI hope this helps.",
            f"{SURE}\n{SURE}",
            f"Sure!\n```json\n{SURE}\n```",
            f"```json\n{SURE}\n```\nand\n```json\n{SURE}\n```",
            f"```json\n{SURE}\n```\n```json\n{SURE}\n```",
            f"```json\n{SURE}",
            f"```python\n{SURE}\n```",
            f"> {SURE}",
            f"\ufeff{SURE}",
            f"\u00a0{SURE}",
            SURE[:-1],
            SURE.replace('"', "'"),
            SURE.replace("}", ",}"),
            SURE.replace("true", "True"),
            f"// yes\n{SURE}",
            '{"severity": "low", "severity": "low", "sure": true}',
            '{"severity": "low", "sure": true, "sure": true}',
            "[" * 100_000,
            '{"a":' * 65 + "1" + "}" * 65,
        ],
    )
    def test_that_is_more_or_less_than_one_document_fails(self, answer: str) -> None:
        assert refused(answer).summary.startswith("the answer is no JSON document: ")

    @pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000])
    def test_holds_only_numbers_that_json_and_others_know(self, number: str) -> None:
        assert "is no number of JSON" in refused(f"[{number}]", {}).summary

    @fault("fail closed", "an answer that does not fit its schema", "errors at JSON Pointers")
    def test_that_does_not_fit_is_told_every_error_with_its_place(self) -> None:
        schema = {**SCHEMA, "properties": {**SCHEMA["properties"], "a/b~": {"items": SCHEMA}}}
        answer = '{"severity": "urgent", "a/b~": [{"sure": 1, "severity": "low"}]}'
        assert refused(answer, schema).summary == (
            "the answer does not fit `output_schema`, 3 errors: "
            "the whole: 'sure' is a required property; "
            "/a~1b~0/0/sure: 1 is not of type 'boolean'; "
            "/severity: 'urgent' is not one of ['high', 'medium', 'low']"
        )

    def test_has_its_errors_bounded(self) -> None:
        schema = {"type": "array", "items": {"type": "string"}}
        summary = refused(json.dumps([1] * 5000), schema).summary
        assert "100 errors or more: /0: 1 is not of type 'string'; /1: " in summary
        assert summary.endswith("/9: 1 is not of type 'string'; and 90 more")
        summary = refused(json.dumps(["x" * 100_000]), {"items": {"maxLength": 3}}).summary
        assert summary.endswith("xxx… is too long")
        assert len(summary) < 300

    @pytest.mark.parametrize("wrong", ["1", '"true"', "null", "[true]", "{}"])
    def test_has_exactly_the_types_of_its_schema(self, wrong: str) -> None:
        assert "/sure: " in refused(SURE.replace("true", wrong)).summary

    def test_of_a_recursive_schema_is_followed_down(self) -> None:
        tree = {"type": "object", "properties": {"in": {"$ref": "#"}}, "required": ["n"]}
        deep = '{"n": 1, "in": ' * 60 + "{}" + "}" * 60
        assert f"{'/in' * 60}: 'n' is a required" in refused(deep, tree).summary

    @fault("fail closed", "a pattern that takes for ever", "the check of an answer is ended")
    def test_that_makes_a_pattern_run_for_ever_ends(self) -> None:
        schema = {"type": "string", "pattern": "^(a+)+$"}
        assert answers.checked('"aaa"', schema, {}) == '"aaa"'
        assert "does not match" in refused('"aab"', schema).summary
        failed = refused(json.dumps("a" * 60 + "b"), schema, 0.5)
        assert failed.summary == "the answer can't be checked: it took longer than 0.5 s"
        assert "`pattern`" in failed.hint


class TestUntil:
    @pytest.mark.parametrize(
        ("content", "wanted", "met"),
        [
            ('{"a": true}', {"a": True}, True),
            ('{"a": 1}', {"a": True}, False),
            ('{"a": true}', {"a": 1}, False),
            ('{"a": "true"}', {"a": True}, False),
            ('{"a": 1.0}', {"a": 1}, True),
            ('{"a": "1"}', {"a": 1}, False),
            ('{"a": 0}', {"a": False}, False),
            ('{"a": null}', {"a": None}, True),
            ("{}", {"a": None}, False),
            ('{"a": [true]}', {"a": True}, False),
            ('{"a": {"b": 1}}', {"a.b": 1}, True),
            ('{"a.b": 1, "a": {"b": 2}}', {"a.b": 1}, True),
            ('{"a": {"b.c": 1}}', {"a.b.c": 1}, True),
            ('{"a": 1, "b": 2}', {"a": 1, "b": 2}, True),
            ('{"a": 1, "b": 2}', {"a": 1, "b": 3}, False),
            ("[1]", {"0": 1}, False),
            ("a: 1", {"a": 1}, False),
            ("", {"a": None}, False),
        ],
    )
    def test_every_field_has_its_value_as_json_compares(
        self, content: str, wanted: dict[str, Any], *, met: bool
    ) -> None:
        flow = Workflow("w", (Step("a", "r"), step({}, **wanted)), {})
        after = plan.replay(flow, [StepResult("a", "x"), StepResult("sort", content)])
        assert (after.index == 2, after.passes) == (met, () if met else (2,))

    def test_a_loop_in_which_they_never_have_is_not_passed(self) -> None:
        flow = Workflow("w", (Step("a", "r"), step({}, a=1)), {})
        results = [StepResult("a", "x"), StepResult("sort", '{"a": 2}')] * 3
        after = plan.replay(flow, results)
        assert (after.index, after.exhausted, after.passed) == (2, frozenset({"sort"}), False)


class TestMock:
    @pytest.mark.parametrize(
        ("schema", "until", "answer"),
        [
            (SCHEMA, {}, {"severity": "high", "sure": True}),
            (SCHEMA, {"sure": False, "severity": "low"}, {"severity": "low", "sure": False}),
            ({}, {}, "text"),
            ({}, {"a.b": 1}, {"a": {"b": 1}}),
            ({"const": None}, {}, None),
            ({"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 2}, {}, ["a", "a"]),
            (
                {"items": {"type": "integer"}, "minItems": 3, "uniqueItems": True},
                {},
                [0, 1, 2],
            ),
            ({"type": "integer", "exclusiveMinimum": 4, "multipleOf": 5}, {}, 5),
            ({"type": "number", "minimum": 0.2, "maximum": 0.4}, {}, 0.30000000000000004),
            ({"type": "string", "minLength": 6}, {}, "tttext"),
            ({"type": "string", "format": "date"}, {}, "2000-01-01"),
            ({"type": "string", "pattern": "^x{3}$", "examples": ["y", "xxx"]}, {}, "xxx"),
            (
                {"examples": [{"id": "Q-7", "ok": False}], "properties": {"id": {"pattern": "Q"}}},
                {"ok": True},
                {"id": "Q-7", "ok": True},
            ),
            (
                {"anyOf": [False, {"type": "object", "required": ["n"]}], "maxProperties": 1},
                {"n": 3},
                {"n": 3},
            ),
            (
                {"$ref": "#/$defs/a", "$defs": {"a": {"type": ["null", "string"]}}},
                {},
                None,
            ),
            (
                {
                    "allOf": [
                        {"required": ["a"], "properties": {"a": {"type": "integer"}}},
                        {"required": ["b"], "properties": {"b": {"type": "boolean"}}},
                    ],
                },
                {},
                {"a": 0, "b": True},
            ),
            (
                {"type": "object", "properties": {"in": {"$ref": "#"}}, "minProperties": 1},
                {"in.in.ok": True},
                {"in": {"in": {"ok": True}}},
            ),
        ],
    )
    def test_answers_with_what_fits_and_ends_the_loop(
        self, schema: dict[str, Any], until: dict[str, Any], answer: object
    ) -> None:
        text = answers.example(step(schema, **until))
        assert json.loads(text) == answer
        assert answers.checked(text, schema, {}) == text
        assert documents.holds(text, until)

    @pytest.mark.parametrize(
        "schema",
        [
            {"type": "object", "properties": {"ok": False}, "required": ["ok"]},
            {"type": "string", "pattern": "^[0-9a-f]{40}$"},
            {"type": "integer", "minimum": 3, "maximum": 2},
            {"type": "string", "minLength": 10**9},
            {"type": "array", "minItems": 10**9},
            {"type": "object", "minProperties": 10**9},
            {"not": {}},
            {"type": "object", "required": ["in"], "properties": {"in": {"$ref": "#"}}},
            {"type": "object", "required": [*"abcdef"], "additionalProperties": {"$ref": "#"}},
            {
                "type": "object",
                "anyOf": [{"required": ["a"], "properties": {"a": {"$ref": "#"}}}] * 9,
            },
        ],
        ids=str,
    )
    def test_says_what_helps_where_it_finds_none(self, schema: dict[str, Any]) -> None:
        with pytest.raises(UsageError) as caught:
            answers.example(step(schema))
        assert "mock mode finds no answer of step `sort`" in caught.value.summary
        assert caught.value.hint == "write one under `examples` in the schema"

    def test_stops_before_the_first_step_then(self, shell: Shell) -> None:
        text = flow().replace('"type": "boolean"', '"type": "string", "pattern": "^[0-9a-f]{40}$"')
        shell.write({".aethr.yaml": text.replace("{sure: true}", "{severity: low}")})
        run = shell.aethr("run", "go")
        assert (run.code, run.out) == (2, "")
        assert "that fits its `output_schema` and its loop's `until`" in run.err

    @given(st.data())
    @examples(60)
    def test_answers_fit_whatever_usual_schema(self, data: st.DataObject) -> None:
        schema = {**data.draw(schemas()), "$defs": {"x": data.draw(scalars())}}
        assert not answers.flaws(schema)
        text = answers.example(Step("sort", "r", output_schema=schema))
        Draft202012Validator(schema).validate(json.loads(text))
        assert answers.example(Step("sort", "r", output_schema=schema)) == text


def scalars() -> st.SearchStrategy[dict[str, Any]]:
    least = st.integers(-20, 20)
    return st.one_of(
        st.builds(lambda n: {"type": "string", "minLength": n}, st.integers(0, 12)),
        st.builds(lambda n: {"type": "string", "maxLength": n}, st.integers(0, 12)),
        st.builds(lambda n: {"type": "integer", "minimum": n, "maximum": n + 2}, least),
        st.builds(lambda n: {"type": "number", "exclusiveMinimum": n}, least),
        st.builds(lambda n: {"type": "number", "exclusiveMaximum": n}, least),
        st.builds(lambda one: {"enum": [one, "z"]}, st.sampled_from(["a", 1, None, True])),
        st.sampled_from([{"type": "boolean"}, {"type": ["null", "string"]}, {"const": [1]}]),
    )


def schemas() -> st.SearchStrategy[dict[str, Any]]:
    leaves = scalars() | st.just({"$ref": "#/$defs/x"})
    return st.recursive(leaves, lambda inner: mappings(inner) | lists(inner), max_leaves=8)


def lists(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    least = st.integers(0, 3)
    return st.one_of(
        st.builds(lambda one, n: {"type": "array", "items": one, "minItems": n}, inner, least),
        st.builds(lambda some: {"anyOf": some}, st.lists(inner, min_size=1, max_size=3)),
    )


@st.composite
def mappings(draw: st.DrawFn, inner: st.SearchStrategy[Any]) -> dict[str, Any]:
    known = draw(st.dictionaries(st.sampled_from("abcd"), inner, max_size=4))
    closed: dict[str, Any] = {"additionalProperties": False} if draw(st.booleans()) else {}
    required = [name for name in known if draw(st.booleans())]
    return {"type": "object", "properties": known, "required": required, **closed}


class TestTheFile:
    """``output_schema: PATH``; mistakes of a schema inline are in tests/cases/errors."""

    def load(self, root: Path, name: str) -> Any:
        text = re.sub("output_schema: .*", f"output_schema: {name}", flow())
        return config.parse(text, "w.yaml", root).workflow.step("sort").output_schema

    def wrong(self, root: Path, name: str) -> str:
        with pytest.raises(ConfigError) as caught:
            self.load(root, name)
        (problem,) = caught.value.problems
        assert (problem.line, problem.column) == (11, 20)
        return problem.text.removeprefix("`output_schema` in step `sort`: ")

    @pytest.mark.parametrize("name", ["s.json", "in/a folder/s.JSON", "s.yaml", "s.schema"])
    def test_is_relative_to_the_root(self, tmp_path: Path, name: str) -> None:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\ufeff" + json.dumps(SCHEMA, indent="\t" if "JSON" in name else 1))
        assert self.load(tmp_path, name) == SCHEMA

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("{", "`s.json` is no JSON: Expecting property name enclosed in double quotes: line 1"),
            ('{"a": 1, "a": 2}', '`s.json` is no JSON: the key "a" stands twice'),
            ("true", "`s.json` holds no JSON Schema, which is a mapping"),
            ("[" * 100_000, "`s.json` is no JSON: it is nested more than 64 deep"),
            (
                '{"properties": {"a": {"typ": "string"}}}',
                "`s.json` at /properties/a/typ: `typ` is no keyword of JSON Schema; did you mean",
            ),
            (
                json.dumps({"enum": ["x" * 50_000]}),
                "`s.json`: the schema is longer than 50,000 characters, and prompts hold it",
            ),
            (json.dumps({"anyOf": [{}] * 1000}), "`s.json`: the schema has more than 1,000"),
            (" " * 1_000_001, "`s.json` is too large"),
        ],
    )
    def test_is_judged_as_one_inline(self, tmp_path: Path, text: str, problem: str) -> None:
        (tmp_path / "s.json").write_text(text)
        assert self.wrong(tmp_path, "s.json").startswith(problem)

    def test_in_yaml_is_yaml_and_json_at_once(self, tmp_path: Path) -> None:
        file = tmp_path / "s.yaml"
        for text, problem in {
            "type: object: x": "is no YAML: line 1, column 13: ",
            "type: object\ntype: array": "is no YAML: line 2, column 1: duplicate key `type`",
            "enum: [2026-01-01]": "at /enum/0 holds a date that JSON does not have",
        }.items():
            file.write_text(text)
            assert self.wrong(tmp_path, "s.yaml").startswith(f"`s.yaml` {problem}")

    @fault("explicit", "a schema outside the project or a secret file", "it is not read")
    @pytest.mark.parametrize(
        ("name", "why"),
        [
            ("../s.json", "outside the project root"),
            ("/etc/hostname", "outside the project root"),
            ("link.json", "outside the project root"),
            (".env", "a secret file"),
            ("secret.json", "a secret file"),
            (".git/config", "in .git"),
            ("folder", "a directory"),
            ("pipe", "no regular file"),
            ("none.json", "no such file"),
            ("s.bin", "a binary file"),
        ],
    )
    def test_is_never_one_that_no_step_may_see(self, tmp_path: Path, name: str, why: str) -> None:
        root = tmp_path / "project"
        (root / "folder").mkdir(parents=True)
        (tmp_path / "s.json").write_text("{}")
        (root / ".env").write_text("{}")
        (root / "s.bin").write_bytes(b"\0")
        (root / "link.json").symlink_to("../s.json")
        (root / "secret.json").symlink_to(".env")
        os.mkfifo(root / "pipe")
        assert self.wrong(root, name).endswith(f"can't be read: {why}")

    def test_a_reference_to_itself_by_the_schemas_own_address_is_not_fetched(self) -> None:
        named = {"$id": "https://example.com/s", "$ref": "https://example.com/s#/$defs/a"}
        (flaw,) = answers.flaws({**named, "$defs": {"a": {}}})
        assert flaw.text.startswith("is not fetched")
        local = {**named, "$ref": "#/$defs/a", "$defs": {"a": {"type": "null"}}}
        assert not answers.flaws(local)
        assert answers.checked("null", local, {}) == "null"

    @pytest.mark.parametrize(
        ("reference", "name"),
        [("a%20b", "a b"), ("a~1b~0", "a/b~"), ("a%25", "a%"), ("%C3%BC", "ü"), ("0", "0")],
    )
    def test_a_reference_is_read_as_jsonschema_reads_it(self, reference: str, name: str) -> None:
        schema = {"$ref": f"#/$defs/{reference}", "$defs": {name: {"type": "null"}}}
        assert not answers.flaws(schema)
        assert answers.example(step(schema)) == answers.checked("null", schema, {}) == "null"
        (flaw,) = answers.flaws({**schema, "$defs": {f"{name}x": {}}})
        assert flaw.text.startswith("leads nowhere")

    @pytest.mark.parametrize("draft", ["2019-09", "2020-12"])
    def test_may_name_its_draft(self, draft: str) -> None:
        schema = {"$schema": f"https://json-schema.org/draft/{draft}/schema", "type": "null"}
        assert not answers.flaws(schema)
        assert answers.checked("null", schema, {}) == "null"

    def test_of_draft_07_keeps_the_meaning_of_its_keywords(self) -> None:
        schema = {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "type": "array",
            "items": [{"const": 1}, {"const": 2}],
            "minItems": 2,
        }
        assert not answers.flaws(schema)
        assert json.loads(answers.example(step(schema))) == [1, 2]
        assert "/1: 2 was expected" in refused("[1, 3]", schema).summary


class TestTheWire:
    """What each protocol is really sent, by LiteLLM itself."""

    def ask(self, server: LLMServer, model: str, schema: dict[str, Any]) -> str:
        backend = ModelBackend(Settings(Path(), environment(server)))
        call = Call(Step("sort", "r", output_schema=schema), "p", ModelRef(model), Path())
        return backend.answer(call, Heard()).content

    def sent(self, model: str, schema: dict[str, Any]) -> dict[str, Any]:
        with LLMServer(said(SURE)) as server:
            assert self.ask(server, model, schema) == SURE
        return {**server.requests[0].body}

    def test_openai_holds_the_answer_to_the_schema(self) -> None:
        body = self.sent("openai:gpt-4o-mini", SCHEMA)
        named = {"name": "answer", "strict": True, "schema": SCHEMA}
        assert body["response_format"] == {"type": "json_schema", "json_schema": named}
        assert body["stream"] is True

    def test_anthropic_does_too(self) -> None:
        body = self.sent("anthropic:claude-sonnet-4-5", SCHEMA)
        assert body["output_format"] == {"type": "json_schema", "schema": SCHEMA}
        assert not body.keys() & {"tools", "tool_choice", "response_format"}
        assert body["stream"] is True

    @pytest.mark.parametrize(
        "model",
        [
            "anthropic:claude-sonnet-4-20250514",
            "openai:gpt-4",
            "openai:nobody-knows",
            "deepseek:deepseek-chat",
        ],
    )
    def test_the_prompt_alone_asks_where_there_is_no_such_mode(self, model: str) -> None:
        """LiteLLM imitates it for older models of Anthropic, and loses that an answer was cut."""
        with LLMServer(said(SURE)) as server:
            call = Call(
                Step("sort", "r", output_schema=SCHEMA),
                "p",
                ModelRef(model, api_base=server.url if "deepseek" in model else None),
                Path(),
            )
            ModelBackend(Settings(Path(), environment(server))).answer(call, Heard())
        (request,) = server.requests
        assert not request.body.keys() & {"response_format", "output_format", "tools"}

    def test_and_where_the_schema_is_more_than_all_of_them_take(self) -> None:
        body = self.sent("openai:gpt-4o-mini", {**SCHEMA, "required": ["sure"]})
        assert "response_format" not in body

    @fault("fail closed", "an answer that was cut at the limit of tokens", "JSON asked natively")
    @pytest.mark.parametrize("model", ["openai:gpt-4o-mini", "anthropic:claude-sonnet-4-5"])
    @pytest.mark.parametrize("finish", ["length", "content_filter", None])
    def test_a_cut_answer_is_none_although_it_fits(self, model: str, finish: str | None) -> None:
        with LLMServer(Reply(SURE, finish=finish)) as server:
            backend = ModelBackend(Settings(Path(), environment(server)))
            call = Call(step(SCHEMA), "p", ModelRef(model, retries=0), Path())
            with pytest.raises(StepFailed) as caught:
                backend.answer(call, Heard())
        assert caught.value.partial == SURE

    def test_nobody_else_is_asked_for_anything(self) -> None:
        """LiteLLM fetches a list of headers before it sends one of Anthropic's (1.106.2)."""
        code = (
            "import sys\n"
            "names = ('socket.getaddrinfo',)\n"
            "sys.addaudithook(lambda name, args: name in names and print('host', args[0]))\n"
            "from tests.test_structured import TestTheWire, LLMServer, SCHEMA, said\n"
            "with LLMServer(said('fine')) as server:\n"
            "    print(TestTheWire().ask(server, 'anthropic:claude-sonnet-4-5', SCHEMA))\n"
        )
        out, err = python("-c", code).communicate()
        assert out.endswith("fine\n"), err
        assert set(re.findall("^host (.*)$", out, re.MULTILINE)) == {"127.0.0.1"}


class TestWhatIsTaken:
    """The part of JSON Schema that is asked for natively."""

    def test_what_only_limits_is_left_to_the_check(self) -> None:
        known = {
            "n": {"type": "integer", "minimum": 1, "default": 2, "description": "how many"},
            "s": {"type": ["string", "null"], "pattern": "^a"},
            "l": {"type": "array", "items": {"$ref": "#/$defs/x"}, "minItems": 1},
            "c": {"const": 1},
            "o": {"anyOf": [{"type": "null"}, {"type": "string", "maxLength": 1}]},
        }
        schema = {
            **SCHEMA,
            "required": [*known],
            "properties": known,
            "$defs": {"x": {"enum": ["a"]}},
            "title": "T",
        }
        assert native.response_format(schema)["json_schema"]["schema"] == {
            "type": "object",
            "additionalProperties": False,
            "required": [*known],
            "properties": {
                "n": {"type": "integer", "description": "how many"},
                "s": {"type": ["string", "null"]},
                "l": {"type": "array", "items": {"enum": ["a"]}},
                "c": {"const": 1},
                "o": {"anyOf": [{"type": "null"}, {"type": "string"}]},
            },
        }

    @pytest.mark.parametrize(
        ("change", "why"),
        [
            ({"type": "array"}, "its top is no `type: object`"),
            ({"required": ["sure"]}, "not all fields are `required`"),
            ({"additionalProperties": True}, "an object lacks `additionalProperties: false`"),
            ({"additionalProperties": {"type": "string"}}, "an object lacks"),
            ({"properties": {"sure": {}}, "required": ["sure"]}, "a part of it has no `type`"),
            ({"properties": {"a": True}, "required": ["a"]}, "allows anything or nothing"),
            (
                {"properties": {"a": {"oneOf": [{"type": "null"}]}}, "required": ["a"]},
                "a part of it has no `type`",
            ),
            ({"properties": {"a": {"$ref": "#"}}, "required": ["a"]}, "nested too deep"),
            ({"properties": {"a": {"type": "array"}}, "required": ["a"]}, "anything or nothing"),
        ],
    )
    def test_what_a_provider_would_refuse_or_change_is_not(
        self, change: dict[str, Any], why: str
    ) -> None:
        with pytest.raises(native.NotStrictError, match=re.escape(why)):
            native.response_format({**SCHEMA, **change})


class TestARun:
    def test_loops_until_the_field_has_its_value(self, shell: Shell) -> None:
        shell.write({".aethr.yaml": flow("anthropic:claude-sonnet-4-5")})
        fenced = f"```json\n{SURE}\n```\n"
        replies = [said("hm"), said(FIRST), said("aha"), said(fenced), said("written")]
        with LLMServer(*replies) as server:
            run = shell.aethr("run", "go", **live(server))
        assert run.code == 0, run.err
        assert "↺ weigh, until `sure` is true, ≤ 2" in run.err
        assert "loop of sort done in pass 2 of 2" in run.err
        assert f"## sort (pass 2)\n{SURE}\n" in run.out
        _, asked, again, _, written = server.prompts
        assert "Answer with one JSON document only" in asked
        assert f"```\n{json.dumps(SCHEMA, indent=2)}\n```\n" in asked
        assert "Unless `sure` is true, the work goes back to step `weigh`." in asked
        assert f"## sort (sorter)\n\n```\n{FIRST}\n```\n" in again
        assert f"## step:sort\n\n```\n{SURE}\n```\n" in written

    @fault("nothing lost", "an answer that does not fit its schema", "kept, counted, gone on from")
    def test_an_answer_that_does_not_fit_fails_and_can_be_gone_on_from(self, shell: Shell) -> None:
        key = KEY + "-0123456789"
        shell.write({".aethr.yaml": flow()})
        wrong = json.dumps({"severity": key, "sure": "no"})
        with LLMServer(said("hm"), said(wrong)) as server:
            env = {**live(server), "OPENAI_API_KEY": key}
            run = shell.aethr("run", "go", "--checkpoint", "c.jsonl", **env)
        assert run.code == 1
        assert (
            "error: step `sort` failed: the answer does not fit `output_schema`, 2 errors: "
            "/severity: '[masked OPENAI_API_KEY]' is not one of ['high', 'medium', 'low']; "
            "/sure: 'no' is not of type 'boolean'" in run.err
        )
        kept = (shell.folder / "c.jsonl").read_text()
        assert key not in kept + run.err + run.out
        (failure,) = (one for one in map(json.loads, kept.splitlines()) if one["kind"] == "failure")
        assert failure["partial"] == wrong.replace(key, "[masked OPENAI_API_KEY]")
        with LLMServer(said(SURE), said("written")) as server:
            env = {**live(server), "OPENAI_API_KEY": key}
            preview = ("run", "--show-prompt", "--until", "sort", "--checkpoint", "c.jsonl")
            shown = shell.aethr(*preview, **env)
            again = shell.sh(run.command, **env)
        assert again.code == 0, again.err
        assert shown.out == f"## sort\n{server.prompts[0]}"
        # Four calls of 12 and 5 tokens, one of them for the answer that did not count.
        assert " · 48 / 20 tokens · " in again.err

    def test_the_receipt_says_what_goes_with_a_prompt(self, shell: Shell) -> None:
        shell.write({".aethr.yaml": flow("{model: openai:gpt-4o-mini, fallbacks: [ollama:x]}")})
        shown = shell.aethr("step", "sort", "go", "--show-prompt", "--verbose")
        assert "  response_format: json_schema, for openai:gpt-4o-mini\n" in shown.err
        why = "the prompt alone says it: no such mode of ollama:x is known"
        assert f"  response_format: none for ollama:x, {why}\n" in shown.err

    def test_from_python_the_answer_is_data(self, shell: Shell) -> None:
        shell.write({".aethr.yaml": flow()})
        code = "import aethr; print(aethr.run_step(None, 'sort', 'go').data['sure'])"
        assert shell.run(sys.executable, "-c", code).out == "True\n"
        code = "import aethr; aethr.run_step(None, 'weigh', 'go').data"
        assert "NoDocumentError" in shell.run(sys.executable, "-c", code).err

    def test_a_summary_of_it_is_one_line(self, shell: Shell) -> None:
        shell.write({".aethr.yaml": flow().replace("visibility: none", "visibility: summary")})
        shell.aethr("run", "go", "--until", "sort", "--checkpoint", "c.jsonl")
        shown = shell.aethr("step", "write", "--show-prompt", "--checkpoint", "c.jsonl")
        assert 'sort (sorter): { "severity": "high", "sure": true }\n' in shown.out


def test_the_docs_show_what_is() -> None:
    text = (PROJECT / "docs/structured.md").read_text("utf-8")
    (sample,) = re.findall("^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    schema = config.parse(sample, ".aethr.yaml").workflow.step("sort").output_schema
    assert schema == SCHEMA
    (line,) = re.findall("^error: step `sort` failed: (.*)$", text, re.MULTILINE)
    assert refused('{"severity": "urgent"}').summary == line


def test_a_workflow_without_a_schema_imports_no_jsonschema(shell: Shell) -> None:
    shell.write({".aethr.yaml": "workflow: w\nroles: {r: R.}\nsteps: [{id: a, role: r}]\n"})
    code = (
        "import runpy, sys\n"
        "sys.argv = ['aethr', 'run', 'go']\n"
        "try: runpy.run_module('aethr', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "print([name for name in ('jsonschema', 'referencing') if name in sys.modules])"
    )
    assert shell.run(sys.executable, "-c", code).out.endswith("[]\n")
