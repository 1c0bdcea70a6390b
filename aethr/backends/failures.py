"""What went wrong at a provider -> a line and a hint for people. Pure; knows no library's types."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aethr.backends import body
from aethr.backends.retry import LONGEST_WAIT, CallFailed
from aethr.backends.trouble import Trouble
from aethr.frozen import frozen
from aethr.text import count, duration, first_line

if TYPE_CHECKING:
    from aethr.results import Call
    from aethr.routing import Route

OUT_OF_TIME = Trouble(frozenset({"OutOfTime"}))


@frozen
class Attempt:
    """What was tried: on which way, for how long, with a prompt of what.

    ``proxy`` names the variable of a proxy on the way, ``sizes`` tells what the
    prompt is made of.
    """

    route: Route
    seconds: float
    proxy: str = ""
    sizes: str = ""


@frozen
class Row:
    """One kind of failure: any of ``kinds``, ``statuses`` or ``pattern`` means it.

    ``pattern`` is searched in what the server said and its codes. ``again`` says
    that it may pass, ``quoted`` that the provider's own words are worth showing.
    """

    brief: str
    hint: str
    kinds: frozenset[str] = frozenset()
    statuses: tuple[int, ...] = ()
    pattern: str = "$^"
    again: bool = False
    quoted: bool = True

    def means(self, trouble: Trouble, said: str) -> bool:
        return (
            not self.kinds.isdisjoint(trouble.kinds)
            or trouble.status in self.statuses
            or re.search(self.pattern, said, re.IGNORECASE) is not None
        )


def _any(*kinds: str) -> frozenset[str]:
    return frozenset(kinds)


# The first row that fits counts: the causes, which are sure, before LiteLLM's own
# classes and statuses ("InternalServerError 500" is also a refused connection, a
# bad certificate or an unusable key), and the words before the statuses: a used-up
# quota is a 429 too.
_TABLE = (
    Row(
        "LiteLLM can't call {name} without a Python package that it does not bring",
        "install the package beside Aethr, or choose another model",
        _any("ImportError", "ModuleNotFoundError"),
        pattern=r"pip install '?litellm\[\w+\]",
    ),
    Row(
        "{name} does not take a parameter that the workflow gives it",
        "remove it from the model's entry under `models`",
        _any("UnsupportedParamsError"),
    ),
    Row(
        "{key} can't be sent: it holds a character that no key has",
        "{login}",
        pattern="^ (Illegal header value|'ascii' codec can't encode)",
        quoted=False,
    ),
    Row(
        "no whole answer from {where} within {seconds}",
        "go on later, or raise the model's `timeout`",
        _any(*OUT_OF_TIME.kinds, "ConnectTimeout", "ReadTimeout", "WriteTimeout", "PoolTimeout"),
        again=True,
        quoted=False,
    ),
    Row(
        "no secure connection to {where}",
        "an authority of your own goes into SSL_CERT_FILE; a server without TLS is http://…",
        _any("SSLCertVerificationError"),
        pattern=r"wrong version number|record layer failure|alert (handshake|protocol|internal)",
    ),
    Row(
        "the endpoint {where} is no URL",
        "write it with http:// or https://",
        _any("UnsupportedProtocol", "InvalidURL"),
    ),
    Row(
        "no address is known for {where}",
        "check the network, and the spelling of the endpoint{proxy}",
        _any("gaierror"),
        again=True,
    ),
    Row(
        "the proxy refused the call to {where}",
        "check the proxy{proxy}",
        _any("ProxyError"),
        (407,),
    ),
    Row(
        "the connection to {where} failed",
        "check the network, and that the server runs{proxy}",
        _any("ConnectError", "ReadError", "WriteError", "CloseError", "RemoteProtocolError"),
        again=True,
    ),
    Row(
        "a broken answer from {where}",
        "go on later, or choose another model or endpoint",
        _any("JSONDecodeError", "DecodingError", "AttributeError", "KeyError"),
        again=True,
    ),
    Row(
        "{status} from {where}: a redirect, which is not followed",
        "name the new address as the endpoint: a key goes only where it is meant to go",
        statuses=tuple(range(300, 400)),
    ),
    Row(
        "the quota at {provider} is used up",
        "check plan and billing there, or name other models under `fallbacks`",
        statuses=(402,),
        # Gemini says the same of a limit by the minute, and then when to come back.
        pattern=r"insufficient_quota|credit balance is too low"
        r"|exceeded your current quota(?!(?s:.*)retry in)",
    ),
    Row(
        "{provider} refused {key}",
        "{login}",
        _any("AuthenticationError"),
        (401,),
        r"api[ _-]key (not valid|expired)|(invalid|incorrect)[ _](x-)?api[ _-]key",
    ),
    Row(
        "the prompt is too long for {name}",
        "{sizes}lower `context_limit`, name fewer sources, or choose a model with a longer context",
        _any("ContextWindowExceededError"),
        (413,),
        # "Request too large" is a 429 at OpenAI: one request over the limit of a minute.
        r"context_length_exceeded|maximum context length|prompt is too long|request too large",
    ),
    Row(
        "{provider} rejected the prompt for its content policy",
        "look at what the step sends: --show-prompt",
        _any("ContentPolicyViolationError"),
        pattern=r"content_policy|safety system|usage polic(y|ies)",
    ),
    Row(
        "no access to {name}",
        "check at {provider} what {key} may use",
        _any("PermissionDeniedError"),
        (403,),
    ),
    Row(
        "{provider} has no model {name}",
        "check the name under `models`{endpoint}",
        _any("NotFoundError"),
        (404,),
    ),
    Row(
        "429 from {provider}",
        "go on later, or name other models under `fallbacks`",
        _any("RateLimitError"),
        (429,),
        again=True,
    ),
    Row(
        "{status} from {provider}",
        "go on later, or name other models under `fallbacks`",
        _any("InternalServerError", "ServiceUnavailableError", "BadGatewayError"),
        (408, *range(500, 600)),
        again=True,
    ),
    Row("{status} from {provider}", "", statuses=tuple(range(400, 500))),
)
_OTHERWISE = Row("LiteLLM failed ({kinds})", "")


def explain(trouble: Trouble, attempt: Attempt) -> CallFailed:
    """Word the failure of an attempt."""
    said, codes = body.read(trouble.text)
    row = next((row for row in _TABLE if row.means(trouble, f"{codes} {said}")), _OTHERWISE)
    words = _words(trouble, attempt)
    details = first_line(mask(said, attempt.route), 200) if row.quoted else ""
    if row.again and trouble.wait is not None and trouble.wait > LONGEST_WAIT:
        asked = f"asks to wait {duration(trouble.wait)}"
        details = f"{asked}; {details}" if details else asked
    return CallFailed(
        row.brief.format_map(words),
        row.hint.format_map(words),
        details=details,
        again=row.again,
        wait=trouble.wait,
    )


def _words(trouble: Trouble, attempt: Attempt) -> dict[str, object]:
    """Give what the braces of the table stand for."""
    route = attempt.route
    provider = route.provider or "the provider"
    return {
        "kinds": ", ".join(sorted(trouble.kinds)),
        "status": trouble.status,
        "name": route.name,
        "provider": provider,
        "where": route.api_base or provider,
        "endpoint": f", and the endpoint {route.api_base}" if route.api_base else "",
        "key": f"the key in {route.key_name}" if route.api_key else "a call without a key",
        "login": route.login,
        "seconds": duration(attempt.seconds),
        "proxy": f"; {attempt.proxy} names a proxy" if attempt.proxy else "",
        "sizes": f"{attempt.sizes}; " if attempt.sizes else "",
    }


def sizes(call: Call) -> str:
    """Tell a prompt's size and its largest blocks."""
    rest = len(call.prompt) - sum(len(block.text) for block in call.blocks)
    parts = [(len(block.text), block.name) for block in call.blocks]
    parts.append((rest, "task, role and earlier results"))
    largest = ", ".join(f"{size:,} {name}" for size, name in sorted(parts, reverse=True)[:3])
    return f"of its {count(len(call.prompt), 'character')} the most are {largest}"


def mask(text: str, route: Route) -> str:
    """Hide the key that was sent: some servers repeat it, or its two ends around stars."""
    # As written, a key may have a line's end that no error repeats as it is. A short
    # one is likely a plain word.
    key = (route.api_key or "").strip()
    if len(key) < 8:
        return text
    hidden = f"[masked {route.key_name}]"

    def starred(match: re.Match[str]) -> str:
        ends = (key[: len(match[1])], key[-len(match[2]) :])
        known = [end for end, said in zip(ends, match.groups(), strict=True) if end == said]
        return hidden if any(len(end) > 2 for end in known) else match[0]

    return re.sub(
        r"(?<![\w-])([\w-]*)(?:\*{2,}|\.{3}|…)([\w-]*)", starred, text.replace(key, hidden)
    )
