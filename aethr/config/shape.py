"""What breaks the schema -> problems in plain words."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

from aethr.config.node import Odd
from aethr.config.schema import schema, violations
from aethr.config.sourcefile import quoted
from aethr.errors import did_you_mean
from aethr.limits import seconds

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from collections.abc import Set as AbstractSet

    from aethr.config.document import Document
    from aethr.config.node import Node, Trail
    from aethr.config.schema import Rule, Violation
    from aethr.config.sourcefile import Spot
    from aethr.errors import Problem

_TYPES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
}
_TRUTHS = {
    **dict.fromkeys(("y", "yes", "on", "true"), "true"),
    **dict.fromkeys(("n", "no", "off", "false"), "false"),
}
_HOMES = {
    "step": "it belongs in a step",
    "repeat": "it belongs under `repeat`",
    "model": "it belongs to a role's entry under `models`",
    "limits": "it belongs under `limits`",
}


def broken(document: Document) -> list[Violation]:
    """Find what breaks the schema; what only follows from another mistake is left out."""
    said = {(problem.line - 1, problem.column - 1) for problem in document.problems}
    found = list(violations(document.root.value, schema()))
    meant = {_meant(one) for one in found if one.keyword == "additionalProperties"}
    return [one for one in found if not _follows(one, document, said, meant)]


def problem(violation: Violation, document: Document) -> Problem:
    return document.problem(_at(violation, document), _words(violation, document))


def subject(trail: Trail, document: Document) -> str:
    """Name a place of the file: ``step `plan```, ```context` in step `plan```."""
    match trail:
        case ():
            named = "the file"
        case ("steps", int(place)):
            named = f"step {step_name(place, document)}"
        case ("roles", str(role)):
            named = f"the guidance of {quoted(role)}"
        case ("models", str(role)):
            named = f"the model of {quoted(role)}"
        case (*owner, "repeat"):
            named = f"`repeat` of {subject(tuple(owner), document)}"
        case (*owner, int()):
            named = f"an entry of {subject(tuple(owner), document)}"
        case (*owner, "repeat", key) | (*owner, key):
            named = quoted(str(key))
            if owner:
                named += f" in {subject(tuple(owner), document)}"
    return named


def step_name(place: int, document: Document) -> str:
    """Return a step's id, or its number where it has none to show."""
    match document.node(("steps", place)).value:
        case {"id": str(name)} if name.strip():
            return quoted(name)
    return str(place + 1)


def one_of(names: Iterable[str], last: str) -> str:
    """``a, b or c``."""
    *first, end = names
    return f"{', '.join(first)} {last} {end}" if first else end


def _follows(
    one: Violation, document: Document, said: Collection[Spot], meant: AbstractSet[Trail]
) -> bool:
    """Whether a missing key is there, misspelt, or another problem stands at this spot."""
    if one.keyword == "required":
        # A step without `role` is a command whose `run` is misspelt, maybe.
        instead = [(*one.trail[:-1], "run")] if one.trail[-1] == "role" else []
        return not meant.isdisjoint([one.trail, *instead])
    return _at(one, document).start in said


def _meant(unknown: Violation) -> Trail:
    """Return the key that an unknown one was probably meant to be."""
    *owner, key = unknown.trail
    close = get_close_matches(str(key), unknown.rule["properties"], 1, 0.6)
    return (*owner, *close)


def _at(violation: Violation, document: Document) -> Node:
    trail = violation.trail
    match violation.keyword:
        case "required":
            return document.node(trail[:-1])
        case "additionalProperties" | "propertyNames":
            return document.key(trail)
    node = document.node(trail)
    return document.key(trail) if trail and _empty(node) else node


def _empty(node: Node) -> bool:
    return node.value is None and not node.raw


def _words(violation: Violation, document: Document) -> str:
    trail = violation.trail
    match violation.keyword:
        case "additionalProperties":
            owner = f" in {subject(trail[:-1], document)}" if trail[1:] else ""
            return f"unknown key {quoted(str(trail[-1]))}{owner}{_advice(violation)}"
        case "required":
            return f"{subject(trail[:-1], document)} has no `{trail[-1]}`"
        case "propertyNames" if trail[-2] == "env":
            return (
                f"{quoted(str(trail[-1]))} in {subject(trail[:-1], document)} is no variable's name"
            )
        case "propertyNames":
            return "the name of a role is blank"
    return subject(trail, document) + _mistake(violation, document.node(trail))


def _advice(unknown: Violation) -> str:
    key, known = str(unknown.trail[-1]), unknown.rule["properties"]
    if near := did_you_mean(key, known):
        return near
    for name, home in _HOMES.items():
        if key in schema()["$defs"][name]["properties"]:
            return f"; {home}"
    if longer := [f"`{name}`" for name in known if key in name.split("_")]:
        return f"; did you mean {one_of(longer, 'or')}?"
    return f"; known are {one_of(known, 'and')}"


def _mistake(violation: Violation, node: Node) -> str:
    """Say what a value must be and is not, as the end of a sentence about it."""
    rule, text = violation.rule, isinstance(node.value, str)
    if _empty(node):
        return f" is empty; it must be {_expected(rule)}"
    if text and not node.raw.strip() and violation.keyword in {"pattern", "minLength"}:
        return " is blank"
    if rule.get("type") == "string" and not isinstance(node.value, str | list | dict):
        return f" must be text, but {node.reading()}"
    # What stands there could be a key, pasted by mistake.
    got = "" if violation.trail[-1:] == ("api_key_env",) else f", not {_got(node, rule)}"
    return f" must be {_expected(rule)}{got}{_hint(node, rule, violation.trail)}"


def _expected(rule: Rule) -> str:
    if "enum" in rule:
        return one_of(rule["enum"], "or")
    if "title" in rule:
        return str(rule["title"])
    if rule["type"] == "object":
        return f"a mapping with {one_of(map('`{}`'.format, rule['required']), 'and')}"
    return _TYPES[rule["type"]]


def _got(node: Node, rule: Rule) -> str:
    match node.value:
        case dict():
            return "a mapping"
        case list():
            return "a list" if node.value else "an empty list"
        case str() if "enum" not in rule:
            return f"the text {quoted(node.raw)}"
    return quoted(node.raw)


def _hint(node: Node, rule: Rule, trail: Trail) -> str:
    """Say how to write what was probably meant."""
    text, hint = node.raw, ""
    match node.value, rule.get("type"):
        case str(), None if "enum" in rule:
            hint = did_you_mean(text, rule["enum"])
        case str(), "boolean" if text.lower() in _TRUTHS:
            hint = f"; write {_TRUTHS[text.lower()]}, without quotes"
        case str(), "integer" | "number" if re.fullmatch(r"-?[0-9.]+", text):
            hint = "; leave out the quotes"
        case str(), "number" if re.fullmatch(r"\$ ?[0-9.]+", text):
            hint = "; leave out the `$`"
        case str(), "string" if rule.get("title") == schema()["$defs"]["duration"]["title"]:
            hint = _duration_hint(text)
        case str(), "array" if re.fullmatch(r"[\w:./*, -]{1,60}", text):
            hint = f"; write `{trail[-1]}: [{text}]`"
        case dict(entries), "string" if len(entries) == 1:
            key, value = next(iter(entries.items()))
            hint = f"; write {quoted(f'{key}:{value}')}, without the space" if value else ""
        case dict(), "array" if trail == ("steps",):
            hint = "; begin each step with `- `"
        case Odd(), "integer" | "number":
            hint = "; write a plain decimal number"
    return hint


def _duration_hint(text: str) -> str:
    """``2 minutes`` was probably meant as ``2m``."""
    if re.fullmatch(r"[0-9.]+", text):
        return "; leave out the quotes"
    words = r"([0-9]+) ?(s(ec(ond)?s?)?|m(in(ute)?s?)?|h(rs?|ours?)?)"
    found = re.fullmatch(words, text.lower())
    meant = f"{found[1]}{found[2][0]}" if found else ""
    return f"; did you mean `{meant}`?" if seconds(meant) else ""
