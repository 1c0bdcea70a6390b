"""Workflow files to try: every one of ours, and values near the schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from aethr import config
from aethr.config.node import Odd

ROOT = Path(__file__).parents[2]
CASES = ROOT / "tests" / "cases" / "errors"
SCHEMA: dict[str, Any] = json.loads(config.schema_text())
FILES = [
    *sorted((ROOT / "presets").glob("*.yaml")),
    *sorted((ROOT / "examples").glob("*.yaml")),
    *sorted(CASES.glob("*.yaml")),
]

_WORDS = ["", " ", "x", "model", "opencode", "all", "90s", "0s", "2h\n", "http://a", "KEY"]
_JUNK = st.one_of(
    st.none() | st.booleans() | st.integers(-2, 3),
    st.sampled_from([0.5, 2.5, -0.1]),  # never 3.0: the file's reader makes it 3
    st.sampled_from(_WORDS),
    st.just(Odd("a date")),
    st.lists(st.sampled_from(["x", "", 1, None]), max_size=2),
    st.dictionaries(st.sampled_from(["x", "model", "id"]), st.just("x"), max_size=2),
)


def near(rule: dict[str, Any], junk: st.SearchStrategy[Any] = _JUNK) -> st.SearchStrategy[Any]:
    """Draw what a rule allows, or something else; without ``junk`` only what it allows."""
    rule = SCHEMA["$defs"][rule["$ref"].removeprefix("#/$defs/")] if "$ref" in rule else rule
    if "anyOf" in rule:
        return st.one_of(junk, *(near(one, junk) for one in rule["anyOf"]))
    if "properties" in rule:
        return junk | _near_mapping(rule, junk)
    match rule.get("type"):
        case "object":
            entry = near(rule["additionalProperties"], junk)
            return junk | st.dictionaries(st.sampled_from(["planner", "reviewer"]), entry)
        case "array":
            return junk | st.lists(near(rule["items"], junk), min_size=1, max_size=2)
    return junk | _good(rule)


def _near_mapping(
    rule: dict[str, Any], junk: st.SearchStrategy[Any]
) -> st.SearchStrategy[dict[str, Any]]:
    known = {key: near(part, junk) for key, part in rule["properties"].items()}
    required = [*rule.get("required", ()), *rule.get("else", {}).get("required", ())]
    must = {key: known.pop(key) for key in required}
    complete = st.fixed_dictionaries(must, optional=known)
    if junk.is_empty:
        return complete
    extra = st.dictionaries(st.sampled_from(["extra", "id"]), junk, max_size=1)
    lacking = st.fixed_dictionaries({}, optional=must | known)
    return st.builds(lambda one, two: one | two, complete | lacking, extra)


def _good(rule: dict[str, Any]) -> st.SearchStrategy[Any]:
    match rule.get("type"):
        case "string":
            return st.from_regex(rule["pattern"]) if "pattern" in rule else st.just("text")
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(rule.get("minimum"), 10**15)
        case "number":
            return st.sampled_from([0.5, 1])
    return st.sampled_from(rule.get("enum", [None]))  # of null, and of what may be anything
