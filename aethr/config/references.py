"""What a schema can't say: names that refer to each other, loops, and warnings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aethr.config import commands, contexts, structured
from aethr.config.schema import schema
from aethr.config.shape import one_of, step_name
from aethr.config.sourcefile import quoted
from aethr.errors import did_you_mean
from aethr.frozen import frozen
from aethr.text import first_control
from aethr.workflow import SourceKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from aethr.config.document import Document
    from aethr.config.node import Trail, Value
    from aethr.errors import Problem
    from aethr.workflow import Workflow

# Backends that work on the tree by themselves. They take a model's name, not its parameters.
AGENTS = frozenset({"opencode"})
_FOR_AGENTS = frozenset({"unsafe_permissions", "timeout", "idle_timeout", "expect_changes"})

# A nearest name is looked for so far around: comparing all with all is quadratic.
_NEAR = 50


@frozen
class _File:
    """What of a file can be judged although other parts may be wrong.

    ``places`` are those of the ids, ``roles`` is None where they are not known.
    """

    document: Document
    steps: Sequence[dict[str, Value]]
    places: dict[str, int]
    roles: Mapping[str, Value] | None

    def step(self, place: int) -> str:
        return f"step {step_name(place, self.document)}"

    def problem(self, trail: Trail, text: str) -> Problem:
        return self.document.problem(self.document.node(trail), text)

    def at_key(self, trail: Trail, text: str) -> Problem:
        return self.document.problem(self.document.key(trail), text)

    def lacks(self, role: str) -> str:
        """Say that a role is none of the file, or nothing."""
        if self.roles is None or role in self.roles:
            return ""
        names = list(self.roles)[:_NEAR]
        known = f"; known are {one_of(map(quoted, names), 'and')}" if 0 < len(names) < 9 else ""
        return f"{quoted(role)}, which is not under `roles`{did_you_mean(role, names) or known}"

    def nearest(self, wrong: str, place: int, after: int = _NEAR) -> str:
        """Suggest an id of the steps around a place."""
        around = self.steps[max(0, place - _NEAR) : place + after]
        return did_you_mean(wrong, [name for step in around if (name := _text(step.get("id")))])


def check(
    document: Document, broken: Iterable[Trail], schemas: structured.Schemas
) -> Iterator[Problem]:
    """Find wrong references, also beside ``broken`` values, as far as they can be judged."""
    top = {
        key: value
        for key, value in _mapping(document.root.value).items()
        if key not in document.doubled
    }
    steps = [_mapping(step) for step in _list(top.get("steps"))]
    broken = list(broken)
    places: dict[str, int] = {}
    for place, step in enumerate(steps):
        places.setdefault(_text(step.get("id")), place)
    roles = top.get("roles")
    file = _File(document, steps, places, roles if isinstance(roles, dict) else None)
    # A misspelt or mistyped key may be the condition that a loop seems to lack.
    unsure = {trail[:3] for trail in broken if trail[3:] not in {("back_to",), ("max_iterations",)}}
    yield from _roles(file, broken)
    yield from _names(file, top)
    for place in range(len(steps)):
        yield from _step(file, place)
        for trail, text in commands.problems(steps[place], file.step(place), _step_keys()):
            yield file.at_key(("steps", place, *trail), text)
        for found in structured.problems(steps[place], file.step(place), schemas):
            point = file.at_key if found.key else file.problem
            yield point(("steps", place, *found.trail), found.text)
        yield from _context(file, place)
        yield from _back_to(file, place)
        if ("steps", place, "repeat") not in unsure:
            yield from _condition(file, place)
    yield from _overlaps(file)


def warnings(document: Document, workflow: Workflow) -> Iterator[Problem]:
    """Find what has no effect in a valid file."""
    used = {step.role for step in workflow.steps}
    for role in workflow.roles:
        if role not in used:
            model = ", nor is its model" if role in workflow.models else ""
            text = f"role {quoted(role)} is used by no step{model}"
            yield document.problem(document.key(("roles", role)), text)
    agents = {step.role: step for step in reversed(workflow.steps) if step.backend in AGENTS}
    for role, step in agents.items():
        entry = document.node(("models", role)).keys if role in workflow.models else {}
        if ignored := [f"`{key}`" for key in entry if key != "model"]:
            text = (
                f"step {quoted(step.id)} ignores {one_of(ignored, 'and')} of its model: "
                f"{step.backend} takes only the name"
            )
            yield document.problem(document.key(("models", role)), text)


def _roles(file: _File, broken: Iterable[Trail]) -> Iterator[Problem]:
    """Only a file with nothing but commands needs no roles."""
    top = file.document.root.value
    if not isinstance(top, dict) or "roles" in top:
        return
    misspelt = any(did_you_mean(f"{one[0]}", ["roles"]) for one in broken if len(one) == 1)
    if not misspelt and not (file.steps and all(map(commands.is_one, file.steps))):
        yield file.problem((), "the file has no `roles`")


def _names(file: _File, top: Mapping[str, Value]) -> Iterator[Problem]:
    """Names are one line, and models those of roles."""
    if control := _control(top.get("workflow")):
        yield file.problem(("workflow",), f"`workflow` {control}")
    for role in file.roles or ():
        if control := _control(role):
            yield file.at_key(("roles", role), f"the name of role {quoted(role)} {control}")
    for role, model in _mapping(top.get("models")).items():
        if control := _control(model):
            yield file.problem(("models", role), f"the model of {quoted(role)} {control}")
        if lacking := file.lacks(role):
            yield file.at_key(("models", role), f"a model for {lacking}")


def _step(file: _File, place: int) -> Iterator[Problem]:
    step, name, trail = file.steps[place], file.step(place), ("steps", place)
    step_id, role = _text(step.get("id")), _text(step.get("role"))
    if control := _control(step_id):
        yield file.problem((*trail, "id"), f"the id of {name} {control}")
    if step_id.strip() and (first := file.places[step_id]) != place:
        line = file.document.node(("steps", first, "id")).start[0] + 1
        text = f"duplicate id {quoted(step_id)}; it stands on line {line} already"
        yield file.problem((*trail, "id"), text)
    if role.strip() and (lacking := file.lacks(role)):
        yield file.problem((*trail, "role"), f"{name} has the role {lacking}")
    backend = _text(step.get("backend", "model"))
    agents = one_of(sorted(AGENTS), "or")
    if backend in _known_backends() - AGENTS - {commands.BACKEND} and not commands.is_one(step):
        for key in _FOR_AGENTS & step.keys():
            if step[key] is not False:
                text = f"`{key}` in {name} is for agents ({agents}); its backend is {backend}"
                yield file.at_key((*trail, key), text)


def _context(file: _File, place: int) -> Iterator[Problem]:
    for index, entry in enumerate(_list(file.steps[place].get("context"))):
        if not isinstance(entry, str):
            continue
        trail = ("steps", place, "context", index)
        try:
            source = contexts.parse(entry)
        except contexts.BadSourceError as error:
            yield file.problem(trail, f"{quoted(entry)} in {file.step(place)} {error}")
            continue
        if source.kind is SourceKind.STEP and source.argument not in file.places:
            near = file.nearest(source.argument, place).replace(" `", " `step:")
            yield file.problem(trail, f"{quoted(entry)} in {file.step(place)} names no step{near}")


def _back_to(file: _File, place: int) -> Iterator[Problem]:
    back_to = _text(_mapping(file.steps[place].get("repeat")).get("back_to"))
    if back_to.strip() and file.places.get(back_to, place) >= place:
        near = file.nearest(back_to, place, after=0)
        text = f"{file.step(place)} goes back to {quoted(back_to)}, which is no earlier step{near}"
        yield file.problem(("steps", place, "repeat", "back_to"), text)


def _condition(file: _File, place: int) -> Iterator[Problem]:
    step, trail = file.steps[place], ("steps", place, "repeat")
    repeat = step.get("repeat")
    if not isinstance(repeat, dict):
        return
    for_pass = repeat.get("until_review_pass") is True
    others = repeat.get("until_success") is True or "until_contains" in repeat
    if not (for_pass or others or repeat.get("until")):
        wanted = "until_success" if commands.is_one(step) else "until_review_pass"
        wanted = "until" if "output_schema" in step else wanted
        text = (
            f"has no condition; set `{wanted}`{'' if wanted == 'until' else ' or `until_contains`'}"
        )
        yield file.at_key(trail, f"the loop of {file.step(place)} {text}")
    if for_pass and step.get("verdict") is False:
        text = "waits for a pass, but `verdict: false` means that none comes"
        yield file.at_key((*trail, "until_review_pass"), f"the loop of {file.step(place)} {text}")


def _overlaps(file: _File) -> Iterator[Problem]:
    """Of two loops one holds the other, or they have no step in common."""
    closed: list[tuple[int, int]] = []
    for end, step in enumerate(file.steps):
        start = file.places.get(_text(_mapping(step.get("repeat")).get("back_to")), end)
        if start >= end:
            continue
        while closed and closed[-1][0] >= start:
            closed.pop()
        if closed and closed[-1][1] >= start:
            text = (
                f"the loop of {file.step(end)} begins inside that of {file.step(closed[-1][1])} "
                "and ends after it; one must hold the other, or they must not touch"
            )
            yield file.problem(("steps", end, "repeat", "back_to"), text)
        else:
            closed.append((start, end))


def _control(value: Value) -> str:
    """Say which character a name must not hold, or nothing."""
    bad = first_control(_text(value))
    shown = {"": "", "\n": "a line break", "\t": "a tab"}
    return bad and f"holds {shown.get(bad) or f'the character U+{ord(bad):04X}'}"


def _known_backends() -> frozenset[str]:
    return frozenset(schema()["$defs"]["step"]["properties"]["backend"]["enum"])


def _step_keys() -> frozenset[str]:
    return frozenset(schema()["$defs"]["step"]["properties"])


def _mapping(value: Value) -> dict[str, Value]:
    return value if isinstance(value, dict) else {}


def _list(value: Value) -> list[Value]:
    return value if isinstance(value, list) else []


def _text(value: Value) -> str:
    return value if isinstance(value, str) else ""
