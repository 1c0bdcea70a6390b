"""What a step with ``run`` may say, and what only such a step may."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aethr.config.sourcefile import quoted
from aethr.text import first_control

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

    from aethr.config.node import Trail, Value

BACKEND = "shell"
_KEYS = frozenset({"id", "run", "backend", "timeout", "env", "allow_failure", "pause", "repeat"})
_ONLY = ("env", "allow_failure")


def is_one(step: dict[str, Value]) -> bool:
    return "run" in step


def problems(
    step: dict[str, Value], name: str, known: AbstractSet[str]
) -> Iterator[tuple[Trail, str]]:
    """Yield what is wrong with a step and the key in it; of keys, only ``known`` are judged."""
    repeat = step.get("repeat")
    loop = repeat if isinstance(repeat, dict) else {}
    if not is_one(step):
        yield from _elsewhere(step, name, loop)
        return
    for key in step.keys() & known - _KEYS:
        text = "is not for a command, which has no role, no model and no context"
        yield (key,), f"{quoted(key)} in {name} {text}; leave it out"
    if step.get("backend", BACKEND) != BACKEND:
        yield ("backend",), f"{name} has `run`, so its backend is {BACKEND}; leave `backend` out"
    if loop.get("until_review_pass") is True:
        text = "waits for a review, and a command gives none; did you mean `until_success`?"
        yield ("repeat", "until_review_pass"), f"the loop of {name} {text}"
    if step.get("allow_failure") is True and loop.get("until_success") is True:
        text = "goes back when it fails; leave `allow_failure` or `until_success` out"
        yield ("allow_failure",), f"the loop of {name} {text}"
    yield from _hidden(step, name)


def _elsewhere(
    step: dict[str, Value], name: str, loop: dict[str, Value]
) -> Iterator[tuple[Trail, str]]:
    """Find keys of commands in a step that is none."""
    if step.get("backend") == BACKEND:
        text = "and no command; write its command line under `run`"
        yield ("backend",), f"{name} has the backend {BACKEND} {text}"
    for key in step.keys() & set(_ONLY):
        if step[key] is not False:
            yield (key,), f"{quoted(key)} in {name} is for a command, which is a step with `run`"
    if loop.get("until_success") is True:
        text = "waits for a command to succeed, and it is none; a command is a step with `run`"
        yield ("repeat", "until_success"), f"the loop of {name} {text}"


def _hidden(step: dict[str, Value], name: str) -> Iterator[tuple[Trail, str]]:
    """Find characters that no process can be given, or that people would not see."""
    env = step.get("env")
    texts: dict[Trail, Value] = {("run",): step["run"]}
    texts |= {("env", key): value for key, value in (env if isinstance(env, dict) else {}).items()}
    for trail, text in texts.items():
        seen = text.replace("\n", "").replace("\t", "") if isinstance(text, str) else ""
        if hidden := first_control(seen):
            what = f"holds the character U+{ord(hidden):04X}"
            yield trail, f"{quoted(str(trail[-1]))} in {name} {what}"
