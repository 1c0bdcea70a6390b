"""A valid file's values -> a Workflow.

A key is a field of the same name; the few that are not, or whose value is more than
plain text, a number or a truth, stand in the tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aethr.config import contexts
from aethr.workflow import CONTEXT_LIMIT, History, ModelRef, Repeat, Step, Workflow

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SECONDS = {"s": 1, "m": 60, "h": 3600}


def workflow(top: Mapping[str, Any], text: str) -> Workflow:
    """Make a workflow of values that the schema and the references allow."""
    defaults = {"context_limit": top.get("context_limit", CONTEXT_LIMIT)}
    return Workflow(
        name=top["workflow"],
        description=top.get("description", ""),
        roles=top["roles"],
        models={role: _model(entry) for role, entry in top.get("models", {}).items()},
        steps=tuple(_step({**defaults, **step}) for step in top["steps"]),
        text=text,
    )


def seconds(value: float | str) -> float:
    """Read a duration: seconds, or ``90s``, ``30m``, ``2h``."""
    if isinstance(value, str):
        return float(value.strip()[:-1]) * _SECONDS[value.strip()[-1]]
    return float(value)


def _step(entry: Mapping[str, Any]) -> Step:
    return Step(**_fields(entry, {"history_visibility": "history"}, _STEP))


def _model(entry: str | Mapping[str, Any]) -> ModelRef:
    if isinstance(entry, str):
        return ModelRef(entry)
    return ModelRef(**_fields(entry, {"model": "name"}, _MODEL))


def _fields(
    entry: Mapping[str, Any],
    names: Mapping[str, str],
    converters: Mapping[str, Callable[[Any], Any]],
) -> dict[str, Any]:
    return {
        names.get(key, key): converters[key](value) if key in converters else value
        for key, value in entry.items()
    }


_STEP: Mapping[str, Callable[[Any], Any]] = {
    "context": lambda entries: tuple(map(contexts.parse, entries)),
    "history_visibility": History,
    "timeout": seconds,
    "idle_timeout": seconds,
    "repeat": lambda repeat: Repeat(**repeat),
}
_MODEL: Mapping[str, Callable[[Any], Any]] = {"timeout": seconds, "fallbacks": tuple}
