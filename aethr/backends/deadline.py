"""A hard limit on how long an iterator may take."""

from __future__ import annotations

import time
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import TYPE_CHECKING, Generic, TypeVar

from aethr.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")


@frozen
class _Item(Generic[T]):
    value: T


def within(seconds: float, produce: Callable[[], Iterable[T]]) -> Iterator[T]:
    """Yield what ``produce()`` gives, which runs in a thread. Raises TimeoutError when time is up.

    A read timeout does not do this: it counts from byte to byte, so a server
    that keeps the line busy (OpenRouter's ``: PROCESSING`` lines) never meets it.
    The thread ends at its next item, or with the process.
    """
    results: SimpleQueue[_Item[T] | Exception | None] = SimpleQueue()
    abandoned = Event()
    Thread(target=_run, args=(produce, results, abandoned), daemon=True).start()
    deadline = time.monotonic() + seconds
    try:
        while (result := _next(results, deadline)) is not None:
            if isinstance(result, Exception):
                raise result
            yield result.value
    finally:
        abandoned.set()


def _next(
    results: SimpleQueue[_Item[T] | Exception | None], deadline: float
) -> _Item[T] | Exception | None:
    left = deadline - time.monotonic()
    try:
        if left > 0:
            return results.get(timeout=left)
    except Empty:
        pass
    raise TimeoutError


def _run(
    produce: Callable[[], Iterable[T]],
    results: SimpleQueue[_Item[T] | Exception | None],
    abandoned: Event,
) -> None:
    try:
        for value in produce():
            if abandoned.is_set():
                return
            results.put(_Item(value))
    except Exception as error:  # noqa: BLE001 - it is raised again where it is waited for
        results.put(error)
    else:
        results.put(None)
