"""What the calls of a run took, as far as it was told: a fold of a checkpoint's lines. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from aethr.frozen import frozen
from aethr.results import NOTHING_USED, Usage

if TYPE_CHECKING:
    from aethr.results import StepResult

N = TypeVar("N", int, float)

_MOST = 10**15  # as a number in a workflow file


@frozen
class Spent:
    """``used`` adds up what is known.

    ``untold`` and ``unpriced`` count the calls whose tokens, whose cost are not, or not
    wholly. ``so_far`` is what the call in flight has told until now; None where none is.
    """

    calls: int = 0
    used: Usage = NOTHING_USED
    untold: int = 0
    unpriced: int = 0
    so_far: Usage | None = None

    def called(self) -> Spent:
        """Count a call that is about to be made; what it takes is unknown until it is told."""
        return Spent(self.calls + 1, self.used, self.untold + 1, self.unpriced + 1, NOTHING_USED)

    def told(self, usage: Usage, *, whole: bool) -> Spent:
        """Add what the call in flight has used since it told last; ``whole`` says it is over."""
        if self.so_far is None:
            return self
        new = known(usage)
        return replace(
            self,
            used=_plus(self.used, new),
            untold=self.untold - (whole and None not in {new.input_tokens, new.output_tokens}),
            unpriced=self.unpriced - (whole and new.cost is not None),
            so_far=None if whole else _plus(self.so_far, new),
        )

    def after(self, result: StepResult) -> Spent:
        """Take the result of a step in; a command made no call."""
        return self.finished(result.usage) if result.exit_code is None else self

    def finished(self, usage: Usage) -> Spent:
        """Take what a step used in. One of an older checkpoint has no line of its call."""
        if self.so_far is None:
            return self.called().told(usage, whole=True)
        return self.told(_beyond(self.so_far, known(usage)), whole=True)


def known(usage: Usage) -> Usage:
    """Take for unknown what is no amount; less than nothing would make room for more calls."""

    def amount(told: N | None) -> N | None:
        return told if isinstance(told, int | float) and 0 <= told <= _MOST else None

    return Usage(amount(usage.input_tokens), amount(usage.output_tokens), amount(usage.cost))


def _plus(total: Usage, more: Usage) -> Usage:
    """Add what is known."""
    return total + Usage(more.input_tokens or 0, more.output_tokens or 0, more.cost or 0.0)


def _beyond(told: Usage, usage: Usage) -> Usage:
    """Give what is in a usage and was not told of it before."""

    def beyond(part: N | None, whole: N | None) -> N | None:
        return whole if whole is None or not part else max(whole - part, whole - whole)

    return Usage(
        beyond(told.input_tokens, usage.input_tokens),
        beyond(told.output_tokens, usage.output_tokens),
        beyond(told.cost, usage.cost),
    )
