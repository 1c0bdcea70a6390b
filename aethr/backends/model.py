"""Steps answered by a model: keys, retries, fallbacks and limits around the calls."""

from __future__ import annotations

import gc
import time
from contextlib import contextmanager
from dataclasses import replace
from threading import Thread
from typing import TYPE_CHECKING

from aethr import routing
from aethr.backends import completion, proxy
from aethr.backends.answer import Answer
from aethr.backends.deadline import within
from aethr.backends.failures import OUT_OF_TIME, Attempt, explain, mask, sizes
from aethr.backends.retry import RETRIES, CallFailed, with_retries
from aethr.backends.trouble import Trouble
from aethr.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from aethr.backends import Output
    from aethr.results import Call, Reply
    from aethr.routing import Route
    from aethr.settings import Settings
    from aethr.workflow import ModelRef, Step

TIMEOUT = 600.0  # seconds for a whole answer


class ModelBackend:
    """Answers one user message, streamed; ``sleep`` is the wait before a retry, in seconds."""

    agent = False

    def __init__(self, settings: Settings, sleep: Callable[[float], None] = time.sleep) -> None:
        self._settings = settings
        self._sleep = sleep
        self._loading: Thread | None = None

    def prepare(self) -> None:
        if self._loading is None:
            # A daemon, so that a run which fails early does not wait for it.
            self._loading = Thread(target=completion.load_early, daemon=True)
            self._loading.start()

    def preflight(self, step: Step, model: ModelRef | None) -> list[str]:
        lines: list[str] = []
        for ref in _choices(step, model):
            route = self._route(ref)
            if route.needs:
                needs = f"step `{step.id}` needs {' or '.join(route.needs)} for {ref.name}"
                raise UsageError(needs, route.login)
            lines += route.warnings
        return lines

    def unpriced(self, step: Step, model: ModelRef | None) -> list[str]:
        self._load()
        routes = map(self._route, _choices(step, model))
        return [
            f"no price is known for {route.name}: its calls cost what the provider says, if it does"
            for route in routes
            if not completion.has_price(route)
        ]

    def formats(self, step: Step, model: ModelRef | None) -> list[str]:
        """Tell for each model whether its provider is asked to hold the answer to the schema."""
        if step.output_schema is None or model is None:
            return []
        self._load()
        lines = []
        for ref in routing.with_fallbacks(model):
            try:
                why = completion.unheld(self._route(ref), step.output_schema)
            except UsageError as error:
                why = error.summary
            how = f"none for {ref.name}, the prompt alone says it: {why}"
            lines.append(f"response_format: {how if why else f'json_schema, for {ref.name}'}")
        return lines

    def answer(self, call: Call, output: Output) -> Reply:
        if self._loading and self._loading.is_alive():
            output.waiting("importing LiteLLM")
        self._load()
        return self._answer(_choices(call.step, call.model), call, output)

    def _answer(self, choices: Sequence[ModelRef], call: Call, output: Output) -> Reply:
        ref, *others = choices
        retries = RETRIES if ref.retries is None else ref.retries

        def again(line: str, wait: float) -> None:
            output.warn(line)
            output.allowed()  # or the wait would be for nothing
            output.waiting("retry", wait)

        try:
            return with_retries(
                lambda: self._attempt(ref, call, output), retries, again, self._sleep
            )
        except CallFailed as failure:
            # What was said by then is on the screen; a second answer would run into it.
            if failure.partial or not others:
                raise
            output.warn(f"{failure.summary}; falling back to {others[0].name}")
        return self._answer(others, call, output)

    def _attempt(self, ref: ModelRef, call: Call, output: Output) -> Reply:
        """Call once. Raises CallFailed, which says ``again`` only if nothing was heard."""
        route = self._route(ref)
        seconds = TIMEOUT if ref.timeout is None else ref.timeout
        attempt = Attempt(
            route, seconds, proxy.variable(route, self._settings.environ), sizes(call)
        )
        answer = Answer(ref.name, output)
        output.calling(ref.name)
        output.waiting("first token")
        try:
            with _collector_paused():
                for event in within(
                    seconds, lambda: completion.complete(route, ref, seconds, call)
                ):
                    if isinstance(event, Trouble):
                        output.raw(mask(event.raw, route))
                        raise explain(event, attempt)
                    answer.hear(event)
            return answer.whole()
        except TimeoutError:
            raise answer.broken(explain(OUT_OF_TIME, attempt)) from None
        except CallFailed as failure:
            raise answer.broken(failure) from None

    def _route(self, ref: ModelRef) -> Route:
        """Resolve a model; LiteLLM is asked only about what is not in our table."""
        route = routing.resolve(ref, self._settings.environ, self._settings.dotenv)
        if route.provider in routing.PROVIDERS:
            return route
        self._load()
        provider = completion.provider_of(route)
        if provider == route.provider:
            return route
        named = replace(ref, name=f"{provider}:{ref.name}")
        route = routing.resolve(named, self._settings.environ, self._settings.dotenv)
        return replace(route, name=ref.name)

    def _load(self) -> None:
        """Wait until LiteLLM can be used."""
        if self._loading:
            self._loading.join()
        completion.load()


def _choices(step: Step, model: ModelRef | None) -> list[ModelRef]:
    if model is None:
        raise UsageError(
            f"step `{step.id}` needs a model: the role `{step.role}` has none",
            f"give `{step.role}` a model under `models`",
        )
    return routing.with_fallbacks(model)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep the garbage collector out of a call.

    It may come upon the stream of an earlier, broken call while httpcore holds
    the lock that closing it needs, and every call hangs (encode/httpcore#990).
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
