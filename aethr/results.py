"""What goes into a step and what comes out of it."""

from __future__ import annotations

from dataclasses import field
from enum import Enum
from typing import TYPE_CHECKING, TypeVar

from aethr.frozen import frozen

if TYPE_CHECKING:
    from pathlib import Path

    from aethr.workflow import ModelRef, Step


class Verdict(Enum):
    """What a reviewing step decided; only ``PASS`` ever ends a review loop as passed."""

    PASS = "pass"
    REVISE = "revise"
    INCONCLUSIVE = "inconclusive"


class Doubt(Enum):
    """Why a pass over a block is not trusted."""

    CUT = "cut"  # the model did not see all of it
    MISSING = "missing"  # there was nothing to see where there should have been


@frozen
class Block:
    """One context source as a step sees it.

    ``total`` counts the characters of the source, ``kept`` those that stand in
    ``text`` (its notes apart); ``total`` is None where reading stopped early.
    """

    name: str
    text: str
    kept: int
    total: int | None
    warnings: tuple[str, ...] = ()
    doubt: Doubt | None = None


@frozen
class StepPrompt:
    """The exact text that is sent, and what it was made of."""

    text: str
    blocks: tuple[Block, ...] = ()


@frozen
class Usage:
    """Tokens and US dollars; None is unknown, never zero."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: float | None = None

    def __add__(self, other: Usage) -> Usage:
        """Add what is known; one unknown makes the sum unknown."""
        return Usage(
            _sum(self.input_tokens, other.input_tokens),
            _sum(self.output_tokens, other.output_tokens),
            _sum(self.cost, other.cost),
        )


N = TypeVar("N", int, float)


def _sum(one: N | None, two: N | None) -> N | None:
    return None if one is None or two is None else one + two


NOTHING_USED = Usage(0, 0, 0.0)


@frozen
class Call:
    """What a backend is asked to do. ``root`` is the folder an agent works in.

    ``marker`` stands in the environment of everything that an agent starts.
    ``trace`` is a file for an agent's raw events, where they are to be kept.
    ``blocks`` are those of the prompt.
    """

    step: Step
    prompt: str
    model: ModelRef | None
    root: Path
    marker: str = ""
    trace: Path | None = None
    blocks: tuple[Block, ...] = ()


@frozen
class Reply:
    """What a backend answered; ``model`` is the one that did, as people write it."""

    content: str
    usage: Usage = NOTHING_USED
    model: str = ""
    exit_code: int | None = None  # of a command


@frozen
class Change:
    """A changed file with its lines; None for a binary one."""

    path: str
    added: int | None
    removed: int | None


@frozen
class Artifact:
    """What a step changed in the working tree: ``before`` and ``tree`` name git trees.

    ``patch`` goes from ``base``, the implementation's first start since its loop
    was entered, ``run_patch`` from the run's start; None where one is too large to
    be kept. ``changes`` are the step's own. What a command changed belongs to the
    implementation before it.
    """

    before: str
    tree: str
    changes: tuple[Change, ...]
    patch: str | None
    run_patch: str | None
    base: str = ""


@frozen
class StepResult:
    """A finished step, as the checkpoint keeps it.

    ``number`` counts this step's results in the run, from 1. ``doubts`` name what
    it did not see whole, ``unproven`` the same where it said pass, which then counts
    as inconclusive. ``exit_code`` is a command's, None for any other step.
    ``edited`` is whether a person has put the text in the place of the answer.
    """

    step_id: str
    content: str
    number: int = 1
    verdict: Verdict | None = None
    unproven: tuple[str, ...] = ()
    usage: Usage = field(default=NOTHING_USED)
    model: str = ""
    seconds: float = 0.0
    artifact: Artifact | None = None
    exit_code: int | None = None
    doubts: tuple[str, ...] = ()
    edited: bool = False

    @property
    def heading(self) -> str:
        """``review`` or ``review (pass 2)``."""
        return self.step_id if self.number == 1 else f"{self.step_id} (pass {self.number})"
