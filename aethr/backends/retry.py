"""Calling again after a failure that may pass."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from aethr.errors import StepFailed
from aethr.text import duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from aethr.results import Reply

RETRIES = 2
FIRST_WAIT = 2.0  # seconds; doubled each time
LONGEST_WAIT = 60.0


class CallFailed(StepFailed):
    """One call that gave no usable answer.

    ``brief`` is what happened in a few words. ``again`` says whether the same
    call may go well later, and ``wait`` what the server asked for, in seconds.
    """

    def __init__(
        self,
        brief: str,
        hint: str = "",
        partial: str = "",
        *,
        details: str = "",
        again: bool = False,
        wait: float | None = None,
    ) -> None:
        super().__init__(f"{brief}: {details}" if details else brief, hint, partial)
        self.brief = brief
        self.again = again
        self.wait = wait


def with_retries(
    call: Callable[[], Reply],
    retries: int,
    announce: Callable[[str, float], None],
    sleep: Callable[[float], None] = time.sleep,
) -> Reply:
    """Call up to ``1 + retries`` times; each wait is announced, in seconds.

    Raises the last CallFailed.
    """
    for number, pause in enumerate(_pauses(retries), 1):
        try:
            return call()
        except CallFailed as failure:
            wait = pause if failure.wait is None else failure.wait
            if not failure.again or wait > LONGEST_WAIT:
                raise
            announce(f"{failure.brief}, again in {duration(wait)} ({number} of {retries})", wait)
        sleep(wait)
    return call()


def _pauses(retries: int) -> Iterable[float]:
    """2 s, 4 s, …, each up to a quarter longer, so that parallel runs don't come back together."""
    return (
        min(FIRST_WAIT * 2 ** min(number, 5) * random.uniform(1, 1.25), LONGEST_WAIT)  # noqa: S311 - no secret
        for number in range(retries)
    )
