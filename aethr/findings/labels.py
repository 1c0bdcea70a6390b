"""How severe people call a finding: ``[high]``, ``**P1**:``, ``Schweregrad: hoch``."""

from __future__ import annotations

import re
from typing import NamedTuple

from aethr.findings import words
from aethr.findings.finding import Severity

_BRACKETS = {"[": "]", "(": ")", "【": "】", "{": "}", "<": ">"}
_SEPARATED = r"\s?[:=：-]"
_TITLE = (
    "severity|priority|level|schweregrad|sévérité|gravité|severidade?|gravidade|prioridade?|"
    "严重性|严重程度|嚴重性|级别|級別|优先级|重大度|深刻度|優先度|심각도|우선순위|중요도"
)
_KIND = r"(?:severity|priority|risk|issue|finding|problem|defect|bug)s?"
_SIGN = f"[{''.join(words.SIGNS.values())}]\ufe0f?\\s?"
# `Finding 2 (High)`, `issue (blocking)`, `[security] [high]`: what stands before the brackets.
_NAMED = re.compile(
    r"""
    [*_]*+(?:(?:issue|finding|bug|problem|comment|todo|suggestion|nitpick|question|defect)
        \s?\#?\d{0,3}[.:]?\s(?=[\[(])
      | (?:\[(?!fixed|resolved|done|addressed|closed|x?\])[^\]\d.:]{1,30}\]\s?)(?=\[))
    """,
    re.VERBOSE | re.IGNORECASE,
)
_LABEL = re.compile(
    rf"""
    [*_`~]*+(?P<open>[\[(【{{<])?\s?[*_`]*+
    (?P<title>(?:{_TITLE})[*_`]*+(?:{_SEPARATED}|(?=\s))[*_`]*+\s?(?:{_SIGN})?[*_`]*+)?
    (?:very\s|extremely\s)?
    (?P<word>must[ -]fix\b|non[ -]blocking\b|[^\W_]{{1,20}}+) (?:[\s-]{_KIND}\b){{0,2}}
    (?(open)(?P<more>\s?[/,|\#·-][^\])】}}>]{{0,30}})?)
    [*_`]*+(?:\s?(?P<close>[\])】}}>]))?[*_`~]*+
    (?P<also>\s?\((?:[^\W\d_]|-){{2,12}}\)[*_`]*+)?
    (?P<mark>\s{{0,9}}(?:[:：|,]|(?:\.|[–—-]+)(?=\s|$)){{0,4}}(?:\*+|_+(?=\s))?\s{{0,9}})
    """,
    re.VERBOSE | re.IGNORECASE,
)
_SCORE = re.compile(
    r"[*_`(\[]*+cvss(?:\s?v?[234](?:\.[01])?)?(?:\s(?:base\s)?score)?[*_`]*+\s?[:=]?\s?[*_`]*+"
    r"(?P<score>10|\d)(?:\.\d)?(?:/10)?(?:\s?\([^()]{1,20}\))?[*_`)\]]*+\s?[:：,–—-]*\s*",
    re.IGNORECASE,
)
_AT_END = re.compile(
    rf"[\s,;:–—|-]*[*_`]*+(?:[\[(]|(?=(?:{_TITLE})[*_`]*{_SEPARATED}))[^\[\]()]{{2,40}}[\])]?"
    r"[*_`]*[.:]?$",
    re.IGNORECASE,
)
TITLE = re.compile(rf"[*_]*(?:{_TITLE})[*_]*", re.IGNORECASE)
_COUNT = re.compile(rf"(?:{_KIND} ?)*+(?:[(\[]?\d{{1,4}}[)\]]?)?", re.IGNORECASE)


class Label(NamedTuple):
    """A severity and the text beside it.

    ``plain`` tells one that can't be the first word of a sentence; ``titled`` is ``Severity: …``.
    """

    severity: Severity
    rest: str
    plain: bool
    titled: bool = False


def at_start(text: str) -> Label | None:
    """Read the severity with which a text begins."""
    if score := _SCORE.match(text):
        return Label(_of_score(int(score["score"])), text[score.end() :], plain=True)
    return _label(text) or ((named := _NAMED.match(text)) and _label(text[named.end() :]))


def _label(text: str) -> Label | None:
    found = _LABEL.match(text)
    known = words.known(found["word"]) if found else None
    if not found or not known or _BRACKETS.get(found["open"]) != found["close"]:
        return None
    severity, core = known
    rest = text[found.end() :]
    marked = bool(found["mark"].strip() or _severities(found["also"] or "") or not rest)
    plain = bool(found["open"]) or (marked and (core or bool(found["title"])))
    following = re.match(r"\W*(\w+)", rest) if "," in found["mark"] else None
    if others := _severities(found["more"] or (following[1] if following else "")):
        plain = False  # `[high|medium|low]` and `high, medium, low` tell what may stand there
        severity = min([severity, *others], key=[*Severity].index)
    if not plain and not found["mark"]:
        return None  # the word goes on: `high-level`
    return Label(severity, rest, plain, bool(found["title"]))


def at_end(text: str) -> Label | None:
    """Read the severity with which a text ends, in brackets or with a title; before it, the text.

    In round brackets without a title it may be an aside: it is not plain.
    """
    found = _AT_END.search(text[-80:])
    said = found[0].strip(" ,;:.–—|-*_`") if found else ""
    label = at_start(said) if _severities(said) else None
    if not found or not label or label.rest:
        return None
    rest = text[: len(text) - len(found[0])]
    return Label(label.severity, rest, plain=said.startswith("[") or label.titled)


def of_sign(text: str) -> Severity | None:
    """Read a sign such as 🔴 among what stands before a text."""
    return next((level for level, all_ in words.SIGNS.items() if set(all_) & set(text)), None)


def titles(label: Label) -> bool:
    """Whether nothing stands behind a label but the like of ``severity issues (2)``."""
    return bool(_COUNT.fullmatch(label.rest.strip(" *_`:：")))


def _severities(text: str) -> list[Severity]:
    return [said[0] for word in re.findall(r"\w+", text) if (said := words.known(word)) and said[1]]


def _of_score(score: int) -> Severity:
    """Rate as CVSS does, critical with high."""
    return Severity.HIGH if score >= 7 else Severity.MEDIUM if score >= 4 else Severity.LOW
