"""One call of LiteLLM: the only home of ``litellm``, whose types don't leave it."""

from __future__ import annotations

import atexit
import logging
import warnings
from contextlib import suppress
from functools import partialmethod
from typing import TYPE_CHECKING

from aethr import routing
from aethr.backends import native, trouble
from aethr.backends.answer import Ending, Piece
from aethr.errors import UsageError, did_you_mean
from aethr.results import Usage
from aethr.settings import quiet_litellm
from aethr.text import first_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from litellm import CustomStreamWrapper
    from litellm.types.utils import ModelResponse, ModelResponseStream
    from litellm.types.utils import Usage as Tokens

    from aethr.backends.trouble import Trouble
    from aethr.results import Call
    from aethr.routing import Route
    from aethr.subschemas import Schema
    from aethr.workflow import ModelRef

# LiteLLM reads "stop" into every piece of their streams, so that one which breaks
# off looks whole (1.106.2); their plain answers carry the reason of the server.
_AT_ONCE = ("gemini/", "vertex_ai/gemini")

# Who can hold an answer to a schema. LiteLLM says so of others too, some of which refuse it:
# DeepSeek takes `json_object` only.
_HOLD = frozenset({"openai", "anthropic", "gemini"})

# Where LiteLLM is given no key it takes the environment's, whatever the endpoint.
NO_KEY = "none"


def load() -> None:
    """Import LiteLLM with its talk on stdout and stderr turned off; 2.5 s the first time.

    Raises UsageError.
    """
    quiet_litellm()
    warnings.filterwarnings("ignore", module=r"(litellm|pydantic)(\.|$)")
    try:
        import litellm
    except Exception as error:  # noqa: BLE001 - it makes clients: a bad SSL_CERT_FILE is met here
        raise UsageError(
            f"LiteLLM can't be loaded: {first_line(str(error))}",
            "check its installation (pip check), and SSL_CERT_FILE if that is set",
        ) from None
    atexit.register(_drop_finalizers)
    litellm.suppress_debug_info = True
    litellm.disable_hf_tokenizer_download = True  # else it stalls 24 s offline
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logging.getLogger(name).disabled = True


def _drop_finalizers() -> None:
    """Have nothing of LiteLLM's run while Python ends.

    Its clients import a module when they are freed (1.106.2). Where a thread that goes down with
    the process was importing it at that moment, the process would wait for it for ever.
    """
    from litellm.llms.custom_httpx import http_handler

    for client in (http_handler.AsyncHTTPHandler, http_handler.HTTPHandler):
        with suppress(AttributeError):
            del client.__del__


def _follow_no_redirect() -> None:
    """Have LiteLLM's clients stay where they are sent.

    It makes them follow redirects (1.106.2), and httpx takes every header but
    ``Authorization`` along to another host: ``x-api-key`` too (0.28).
    """
    import httpx
    import litellm
    from litellm.llms.custom_httpx.http_handler import HTTPHandler, get_ssl_configuration

    if litellm.client_session is None:  # what the OpenAI SDK is given
        litellm.client_session = httpx.Client(verify=get_ssl_configuration())
        HTTPHandler.__init__ = partialmethod(  # type: ignore[method-assign, assignment]
            HTTPHandler.__init__, follow_redirects=False
        )


def load_early() -> None:
    """Import it in a thread; whoever waits for that loads again, and meets the error."""
    # At the interpreter's exit it is a RuntimeError ("can't register atexit after
    # shutdown") that nobody needs to see.
    with suppress(UsageError, RuntimeError):
        load()


def provider_of(route: Route) -> str:
    """Ask LiteLLM for the provider of a model. Raises UsageError where it knows none."""
    import litellm
    from litellm.exceptions import BadRequestError

    # Asking it to resolve `github_copilot/…` would begin a login.
    if route.provider in litellm.provider_list:
        return route.provider
    try:
        _, provider, _, _ = litellm.get_llm_provider(route.model)
    except BadRequestError:
        known = [*routing.PROVIDERS, *routing.ALIASES, *map(str, litellm.provider_list)]
        who = f"provider `{route.provider}`" if route.provider else "model"
        guess = did_you_mean(route.provider or route.model, known)
        raise UsageError(
            f"LiteLLM knows no {who} ({route.name}){guess}",
            "write provider:model, such as openai:gpt-4o-mini",
        ) from None
    return str(provider)


def has_price(route: Route) -> bool:
    """Whether LiteLLM's table knows what a model costs, so that the cost of each call is known."""
    import litellm

    if route.provider == "ollama":
        return True
    try:
        prices = litellm.cost_per_token(route.model, 1000, 1000, custom_llm_provider=_prefix(route))
    except Exception:  # noqa: BLE001 - it raises bare ones
        return False
    return any(prices)  # 0 is what it says of some whose price it does not know


def unheld(route: Route, schema: Schema) -> str:
    """Say why a provider is not asked to hold an answer to a schema; nothing where it is."""
    import litellm

    provider = _prefix(route)
    if route.provider not in _HOLD or not litellm.supports_response_schema(route.model, provider):
        return f"no such mode of {route.name} is known"
    try:
        asked = native.response_format(schema)
    except native.NotStrictError as error:
        return f"{error}"
    try:
        sent = litellm.get_optional_params(
            route.model, custom_llm_provider=f"{provider}", response_format=asked
        )
    except Exception as error:  # noqa: BLE001 - it raises bare ones
        return first_line(f"LiteLLM refuses it: {error}")
    # For older models of Anthropic it forces a call of a tool, and then takes an answer that
    # was cut at the limit of tokens for a whole one (1.106.2).
    return f"LiteLLM only imitates it for {route.name}" if "tools" in sent else ""


def complete(
    route: Route, ref: ModelRef, seconds: float, call: Call
) -> Iterator[Piece | Ending | Trouble]:
    """Send a prompt as one user message. A failure is not raised, but the last event."""
    import litellm

    provider, schema = _prefix(route), call.step.output_schema
    held = schema is not None and not unheld(route, schema)
    streamed = not route.model.startswith(_AT_ONCE)
    parameters = {
        "stream_options": {"include_usage": True} if streamed else None,
        "temperature": ref.temperature,
        "top_p": ref.top_p,
        "max_tokens": ref.max_tokens,
        "reasoning_effort": ref.reasoning_effort,
        "response_format": native.response_format(schema) if schema and held else None,
        "api_base": route.api_base,
        "api_key": route.api_key or (NO_KEY if provider else None),
        "custom_llm_provider": provider,
    }
    try:
        _follow_no_redirect()
        response = litellm.completion(
            model=route.model,
            messages=[{"role": "user", "content": call.prompt}],
            stream=streamed,
            timeout=seconds,
            max_retries=0,
            **{name: value for name, value in parameters.items() if value is not None},
        )
        yield from _pieces(response, route) if streamed else _at_once(response, route)
    except Exception as error:  # noqa: BLE001 - LiteLLM also raises bare ones; any is a failed call
        yield trouble.of(error)


def _prefix(route: Route) -> str | None:
    """LiteLLM's name of a provider in our table; of others it decides by the model's name."""
    entry = routing.PROVIDERS.get(route.provider)
    return entry.prefix if entry else None


def _at_once(response: ModelResponse, route: Route) -> Iterator[Piece | Ending]:
    choice = response.choices[0]
    fields = getattr(choice, "provider_specific_fields", None) or {}
    made_up = choice.finish_reason == "stop" and not fields.get("native_finish_reason")
    yield Piece(choice.message.content or "")
    yield Ending(None if made_up else choice.finish_reason, _usage(response, route))


def _pieces(response: CustomStreamWrapper, route: Route) -> Iterator[Piece | Ending]:
    last = None
    for chunk in response:
        last = chunk if getattr(chunk, "usage", None) else last
        delta = chunk.choices[0].delta if chunk.choices else None
        if delta and (delta.content or getattr(delta, "reasoning_content", None)):
            yield Piece(delta.content or "")
    # Undocumented attributes, held by tests. The reason in the chunks may be made up, and a
    # usage that is in no chunk of the server is LiteLLM's own estimate (1.106.2).
    sent = any(getattr(chunk, "usage", None) for chunk in response.chunks)
    usage = _usage(last, route) if last and sent else Usage()
    yield Ending(response.received_finish_reason, usage)


def _usage(response: ModelResponse | ModelResponseStream, route: Route) -> Usage:
    """Read the tokens of a whole answer off its last part, and the price of them."""
    import litellm

    usage: Tokens = response["usage"]
    price = getattr(usage, "cost", None)
    if not price:
        with suppress(Exception):  # it raises bare ones
            price = litellm.completion_cost(
                response, route.model, custom_llm_provider=_prefix(route)
            )
    # 0 is also what it says of models whose price it does not know (openrouter/…, 1.106.2).
    cost = price or (0.0 if route.provider == "ollama" else None)
    return Usage(usage.prompt_tokens, usage.completion_tokens, cost)
