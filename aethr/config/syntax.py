"""What a YAML parser says when it gives up -> plain words, the same for both of PyYAML's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from aethr.config.sourcefile import spot_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yaml import MarkedYAMLError

    from aethr.config.sourcefile import Spot


class _Rule(NamedTuple):
    """``said`` is searched in ``CONTEXT: PROBLEM``; `{char}` stands where the words point."""

    said: str
    words: str
    at_context: bool = False


_SECOND = "a second document begins here; a file holds one"
# The first that matches counts. libyaml's wording and that of the parser in Python differ.
_RULES = (
    _Rule("cannot start any token|violates indentation", "text can't begin with {char}; quote it"),
    _Rule("mapping values are not allowed", "{colon}"),
    _Rule("quoted scalar: .*(stream|document)", "this quote is never closed", at_context=True),
    _Rule("escape", "`\\` begins an escape in double quotes; use single quotes", at_context=True),
    _Rule("flow sequence", "the list that begins on line {line} lacks a `,` or its `]` here"),
    _Rule("flow mapping", "the mapping that begins on line {line} lacks a `,` or its `}}` here"),
    _Rule("an (alias|anchor)", "text can't begin with {char}; quote it", at_context=True),
    _Rule("expected ':'", "this line is no `key: value`; a `:` is missing", at_context=True),
    _Rule("document start", _SECOND),
    _Rule("tag", "a tag (`!`) is not supported; to mean text, quote it", at_context=True),
    _Rule("block scalar", "text after `|` or `>` goes to the next line, indented"),
    _Rule("node content", "{char} is not expected here; to mean text, quote it"),
    _Rule("YAML document|directive", "a `%` line is not supported; leave it out"),
    _Rule("block (mapping|collection)", "{block}"),
)


def explain(error: MarkedYAMLError, lines: Sequence[str]) -> tuple[Spot, str]:
    """Give the spot of a ``MarkedYAMLError``, and what is wrong there."""
    said = f"{error.context}: {error.problem}"
    rule = next((rule for rule in _RULES if re.search(rule.said, said)), _Rule("", "broken YAML"))
    begin = spot_of(error.context_mark)
    row, column = begin if rule.at_context else spot_of(error.problem_mark)
    line = lines[row] if row < len(lines) else ""
    before, here = line[:column], line[column:]
    if here.startswith("\t"):
        return (row, column), "a tab can't stand here; use spaces"
    words = rule.words.format(
        char="a backtick" if here.startswith("`") else f"`{here[:1]}`",
        line=begin[0] + 1,
        colon=_colon(before),
        block=_block(before, here),
    )
    return (row, column), words


def _colon(before: str) -> str:
    if ": " in before:
        return "a second `: ` on this line; quote the text that holds it"
    return "a `:` is not expected here; check the indentation, and the line above for a missing `:`"


def _block(before: str, here: str) -> str:
    if closing := re.search(r"""["'\]}]\s*$""", before):
        return f"text after the closing `{closing[0].strip()}`; quote the whole text"
    if here.startswith(":"):
        return "the key before `:` is missing"
    if here.startswith("-"):
        return "a list entry (`-`) is not expected here; check the indentation"
    return "not expected here; check the indentation"
