"""What a workflow file says, as values. Made by ``config``; nothing here reads a file."""

from __future__ import annotations

from dataclasses import field
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Any

from aethr.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aethr.documents import Scalar

CONTEXT_LIMIT = 200_000
MAX_ITERATIONS = 3


class History(Enum):
    """How much of the earlier results a step sees."""

    ALL = "all"
    LATEST = "latest"
    SUMMARY = "summary"
    NONE = "none"


class SourceKind(Enum):
    """What kind of thing a context source names."""

    GIT_DIFF = "git_diff"
    LATEST_DIFF = "latest_diff"
    RUN_DIFF = "run_diff"
    STEP = "step"
    STDIN = "stdin"
    FILE = "file"
    GLOB = "glob"


@frozen
class Source:
    """One entry of a step's ``context``; ``name`` is the entry as it was written."""

    kind: SourceKind
    argument: str = ""

    @property
    def name(self) -> str:
        return f"{self.kind.value}:{self.argument}" if self.argument else self.kind.value


@frozen
class ModelRef:
    """A model as people wrote it, with the parameters that they gave. Times are in seconds."""

    name: str
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    reasoning_effort: str | None = None
    timeout: float | None = None
    retries: int | None = None
    fallbacks: tuple[str, ...] = ()
    api_base: str | None = None
    api_key_env: str | None = None


@frozen
class Repeat:
    """A loop: back to an earlier step until every condition given holds.

    ``until`` maps fields of a structured answer to their values.
    """

    back_to: str
    until_review_pass: bool = False
    until_contains: str | None = None
    max_iterations: int = MAX_ITERATIONS
    until_success: bool = False
    until: Mapping[str, Scalar] | None = field(default=None, hash=False)


@frozen
class Step:
    """One step; one with a command line to ``run`` has no role, and ``env`` is added for it.

    Times are in seconds. ``verdict`` is None where the file leaves it to the role and the loop,
    ``expect_changes`` where it is left to whether a step reads the diff.
    ``output_schema`` is the JSON Schema that the answer, one document, must fit.
    """

    id: str
    role: str = ""
    backend: str = "model"
    context: tuple[Source, ...] = ()
    history: History = History.ALL
    context_limit: int = CONTEXT_LIMIT
    allow_truncated: bool = False
    unsafe_permissions: bool = False
    timeout: float | None = None
    idle_timeout: float | None = None
    verdict: bool | None = None
    expect_changes: bool | None = None
    repeat: Repeat | None = None
    run: str = ""
    env: Mapping[str, str] = field(default_factory=dict, hash=False)
    allow_failure: bool = False
    output_schema: Mapping[str, Any] | None = field(default=None, hash=False)
    pause: bool = False

    @property
    def may_fail(self) -> bool:
        """Whether a command's exit code other than 0 is a result like any other."""
        return self.allow_failure or bool(self.repeat and self.repeat.until_success)

    @property
    def has_verdict(self) -> bool:
        if self.verdict is not None:
            return self.verdict
        return self.role == "reviewer" or bool(self.repeat and self.repeat.until_review_pass)


@frozen
class Limits:
    """What a run may take: US dollars, tokens and calls in all, seconds a process. None is all."""

    cost: float | None = None
    tokens: int | None = None
    time: float | None = None
    calls: int | None = None


@frozen
class Loop:
    """A repeat as places in the order: from ``start`` to its controlling step, ``end``."""

    start: int
    end: int


@frozen
class Workflow:
    """A whole file. ``text`` is the YAML it was made from, kept for the checkpoint."""

    name: str
    steps: tuple[Step, ...]
    roles: Mapping[str, str]
    models: Mapping[str, ModelRef] = field(default_factory=dict)
    description: str = ""
    text: str = ""
    limits: Limits = field(default_factory=Limits)

    @cached_property
    def index(self) -> Mapping[str, int]:
        """Step id -> its place in the order, from 0."""
        return {step.id: place for place, step in enumerate(self.steps)}

    def step(self, step_id: str) -> Step:
        return self.steps[self.index[step_id]]

    @cached_property
    def loops(self) -> tuple[tuple[Loop, ...], ...]:
        """Give the loops around each place, outermost first; around the end, after the last, none.

        Loops are properly nested: ``config`` rejects others.
        """
        around: list[list[Loop]] = [[] for _ in range(len(self.steps) + 1)]
        loops = [
            Loop(self.index[step.repeat.back_to], place)
            for place, step in enumerate(self.steps)
            if step.repeat
        ]
        for loop in sorted(loops, key=lambda loop: loop.start - loop.end):
            for place in range(loop.start, loop.end + 1):
                around[place].append(loop)
        return tuple(map(tuple, around))
