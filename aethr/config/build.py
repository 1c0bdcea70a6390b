"""A valid file's values -> a Workflow.

A key is a field of the same name; the few that are not, or whose value is more than
plain text, a number or a truth, stand in the tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aethr import limits
from aethr.config import contexts
from aethr.workflow import CONTEXT_LIMIT, History, Limits, ModelRef, Repeat, Step, Workflow

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aethr.config.structured import Schemas


def workflow(top: Mapping[str, Any], text: str, schemas: Schemas) -> Workflow:
    """Make a workflow of values that the schema and the references allow."""
    defaults = {"context_limit": top.get("context_limit", CONTEXT_LIMIT)}
    return Workflow(
        name=top["workflow"],
        description=top.get("description", ""),
        roles=top.get("roles", {}),
        models={role: _model(entry) for role, entry in top.get("models", {}).items()},
        steps=tuple(_step({**defaults, **step}, schemas) for step in top["steps"]),
        text=text,
        limits=Limits(**_fields(top.get("limits", {}), {}, _LIMITS)),
    )


def _step(entry: Mapping[str, Any], schemas: Schemas) -> Step:
    backend = {"backend": "shell"} if "run" in entry else {}
    converters = {**_STEP, "output_schema": schemas.of}
    return Step(**_fields({**backend, **entry}, {"history_visibility": "history"}, converters))


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


def _seconds(value: float | str) -> float:
    """Read a duration that the schema allows; its ``$`` also stands before a line break."""
    if isinstance(value, str):
        value = limits.seconds(value.strip()) or 0.0
    return float(value)


_STEP: Mapping[str, Callable[[Any], Any]] = {
    "context": lambda entries: tuple(map(contexts.parse, entries)),
    "history_visibility": History,
    "timeout": _seconds,
    "idle_timeout": _seconds,
    "repeat": lambda repeat: Repeat(**repeat),
}
_MODEL: Mapping[str, Callable[[Any], Any]] = {"timeout": _seconds, "fallbacks": tuple}
_LIMITS: Mapping[str, Callable[[Any], Any]] = {"time": _seconds}
