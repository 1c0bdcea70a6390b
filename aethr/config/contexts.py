"""An entry of ``context`` -> a Source."""

from __future__ import annotations

from posixpath import normpath

from aethr.config.sourcefile import quoted
from aethr.errors import did_you_mean
from aethr.names import is_secret
from aethr.text import first_control
from aethr.workflow import Source, SourceKind

_ARGUMENTS = {
    SourceKind.GIT_DIFF: "REV",
    SourceKind.STEP: "ID",
    SourceKind.FILE: "PATH",
    SourceKind.GLOB: "PATTERN",
}
_FORMS = (
    "git_diff, git_diff:REV, git_diff:staged, git_diff:all, latest_diff, run_diff, step:ID, "
    "stdin, file:PATH, glob:PATTERN"
)


class BadSourceError(ValueError):
    """What is wrong with an entry, as the end of a sentence about it."""


def parse(text: str) -> Source:
    """Read ``git_diff``, ``git_diff:REV``, ``file:PATH`` and the like, or raise BadSourceError."""
    name, colon, argument = text.partition(":")
    if first_control(text):
        raise BadSourceError("holds a control character")
    if name not in {kind.value for kind in SourceKind}:
        raise BadSourceError(f"is no context source{_instead(text, name)}")
    kind = SourceKind(name)
    if colon and kind not in _ARGUMENTS:
        raise BadSourceError(f"takes nothing after `{name}`")
    alone = kind is SourceKind.GIT_DIFF and not colon
    if kind in _ARGUMENTS and not argument.strip() and not alone:
        raise BadSourceError(f"names nothing; write `{name}:{_ARGUMENTS[kind]}`")
    if kind is SourceKind.FILE and is_secret(normpath(argument)):
        raise BadSourceError(
            "names a secret file, which is never read; a model may see an `.env.example`"
        )
    # git would take it for an option; `--output=FILE` writes one.
    if kind is SourceKind.GIT_DIFF and argument.startswith("-"):
        raise BadSourceError("names no revision; one can't begin with `-`")
    return Source(kind, argument)


def _instead(text: str, name: str) -> str:
    """Suggest a source: a path without its kind is the commonest mistake."""
    if text == name and any(char in name for char in "*?["):
        return f"; did you mean {quoted(f'glob:{text}')}?"
    if text == name and any(char in name for char in "./"):
        return f"; did you mean {quoted(f'file:{text}')}?"
    return did_you_mean(name, [kind.value for kind in SourceKind]) or f"; known are {_FORMS}"
