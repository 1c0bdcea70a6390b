"""What went wrong at a provider -> a line and a hint for people. Pure; knows no library's types."""

from __future__ import annotations

import ast
import json
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aethr.backends.retry import LONGEST_WAIT, CallFailed
from aethr.text import duration, first_line

if TYPE_CHECKING:
    from aethr.routing import Route


@dataclass(frozen=True, slots=True)
class Trouble:
    """An exception of LiteLLM as plain facts.

    ``kind`` is its class, ``code`` the provider's word for it, ``wait`` what
    the server asked for with Retry-After, in seconds.
    """

    kind: str
    status: int | None = None
    text: str = ""
    code: str = ""
    wait: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of failure: any of ``kinds``, ``statuses`` or ``pattern`` means it.

    ``pattern`` is searched in code and text. ``again`` says that it may pass,
    ``quoted`` that the provider's own words are worth showing.
    """

    brief: str
    hint: str
    kinds: tuple[str, ...] = ()
    statuses: tuple[int, ...] = ()
    pattern: str = ""
    again: bool = False
    quoted: bool = True

    def means(self, trouble: Trouble) -> bool:
        return (
            trouble.kind in self.kinds
            or trouble.status in self.statuses
            or re.search(self.pattern or "$^", f"{trouble.code} {trouble.text}", re.IGNORECASE)
            is not None
        )


# The first row that fits counts. LiteLLM's classes and statuses can't be trusted
# alone: a refused connection is "InternalServerError 500", a used-up quota 429.
_TABLE = (
    Row(
        "LiteLLM can't call {name} without a Python package that it does not bring",
        "install the package beside Aethr, or choose another model",
        pattern=r"No module named|litellm\[\w+\]",
    ),
    Row(
        "{name} does not take a parameter that the workflow gives it",
        "remove it from the model's entry under `models`",
        kinds=("UnsupportedParamsError",),
    ),
    Row(
        "the quota at {provider} is used up",
        "check plan and billing there, or name other models under `fallbacks`",
        # Gemini says the same of a limit by the minute, and then when to come back.
        pattern=r"insufficient_quota|credit balance is too low"
        r"|exceeded your current quota(?!(?s:.*)retry in)",
    ),
    Row(
        "{provider} refused {key}",
        "{login}",
        kinds=("AuthenticationError",),
        statuses=(401,),
        pattern=r"api[ _-]key not valid|(invalid|incorrect)[ _](x-)?api[ _-]key",
    ),
    Row(
        "the prompt is too long for {name}",
        "lower `context_limit`, name fewer sources, or choose a model with a longer context",
        kinds=("ContextWindowExceededError",),
        pattern=r"context_length_exceeded|maximum context length|prompt is too long",
    ),
    Row(
        "{provider} rejected the prompt for its content policy",
        "look at what the step sends: --show-prompt",
        kinds=("ContentPolicyViolationError",),
        pattern=r"content_policy|safety system|usage polic(y|ies)",
    ),
    Row(
        "no access to {name}",
        "check at {provider} what {key} may use",
        kinds=("PermissionDeniedError",),
        statuses=(403,),
    ),
    Row(
        "{provider} has no model {name}",
        "check the name under `models`",
        kinds=("NotFoundError",),
        statuses=(404,),
    ),
    Row(
        "429 from {provider}",
        "go on later, or name other models under `fallbacks`",
        kinds=("RateLimitError",),
        statuses=(429,),
        again=True,
    ),
    Row("{status} from {provider}", "", statuses=(*range(400, 408), *range(409, 500))),
    Row(
        "no whole answer from {where} within {seconds}",
        "go on later, or raise the model's `timeout`",
        kinds=("Timeout",),
        statuses=(408,),
        pattern=r"\btimed out\b",
        again=True,
        quoted=False,
    ),
    Row(
        "the connection to {where} failed",
        "check the network, and that the server runs",
        pattern=r"\b(connect|connection|disconnected|broken pipe|incomplete chunked read"
        r"|name or service not known|getaddrinfo)\b",
        again=True,
    ),
    Row(
        "{status} from {provider}",
        "go on later, or name other models under `fallbacks`",
        kinds=("InternalServerError", "ServiceUnavailableError", "BadGatewayError"),
        statuses=tuple(range(500, 600)),
        again=True,
    ),
)
_OTHERWISE = Row("LiteLLM failed ({kind})", "")


def explain(trouble: Trouble, route: Route, seconds: float) -> CallFailed:
    """Word a failure of a call that was allowed ``seconds``."""
    row = next((row for row in _TABLE if row.means(trouble)), _OTHERWISE)
    words = {
        "kind": trouble.kind,
        "status": trouble.status,
        "name": route.name,
        "provider": route.provider or "the provider",
        "where": route.api_base or route.provider or "the provider",
        "key": f"the key in {route.key_name}" if route.api_key else "a call without a key",
        "login": route.login,
        "seconds": duration(seconds),
    }
    details = first_line(_masked(_said(trouble.text), route), 200) if row.quoted else ""
    if row.again and trouble.wait is not None and trouble.wait > LONGEST_WAIT:
        details = f"asks to wait {duration(trouble.wait)}; {details}"
    return CallFailed(
        row.brief.format_map(words),
        row.hint.format_map(words),
        details=details,
        again=row.again,
        wait=trouble.wait,
    )


_WRAPPINGS = (
    r"^((litellm\.)?\w+(Error|Exception|Timeout)\b[ :-]*)+",
    r"\.? Handle with `litellm\.\w+`\.$",
    r"<[^>]*>",  # a proxy's page instead of an API's answer
)


def _said(text: str) -> str:
    """Find the provider's own words in LiteLLM's wrapping: often bytes as Python writes them."""
    with suppress(ValueError, SyntaxError):
        if found := re.search(r"(?<!\w)b('.*'|\".*\")", text, re.DOTALL):
            text = ast.literal_eval(found[0]).decode("utf-8", "replace")
        if found := re.search(r'"message"\s*:\s*("(?:[^"\\]|\\.)*")', text):
            text = json.loads(found[1], strict=False)
    for wrapping in _WRAPPINGS:
        text = re.sub(wrapping, " ", text).strip()
    return text


def _masked(text: str, route: Route) -> str:
    """Hide the key that was sent: some servers repeat it. A shorter one is likely a plain word."""
    if not route.api_key or len(route.api_key) < 8:
        return text
    return text.replace(route.api_key, f"[masked {route.key_name}]")
