"""An exception of LiteLLM -> plain facts: what the server sent, or what came in between."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aethr.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from httpx import Response

_SECONDS = r"[0-9]{1,9}(?:\.[0-9]+)?"  # more is no time to wait, but a date by another name


@frozen
class Trouble:
    """A failed call of LiteLLM as plain facts.

    ``kinds`` are the classes of its exceptions, from LiteLLM's down to the cause;
    of a refusal only LiteLLM's. ``text`` is what the server or the cause said,
    ``wait`` what the server asked for with Retry-After, in seconds, and ``raw``
    all that there is, for ``--verbose``.
    """

    kinds: frozenset[str]
    status: int | None = None
    text: str = ""
    wait: float | None = None
    raw: str = ""


def of(error: Exception) -> Trouble:
    """Take the facts out of an exception; of one in mid-stream, out of what caused it."""
    import httpx

    cause = getattr(error, "original_exception", None) or error
    chain = _chain(cause)
    raw = "\n".join(f"{type(one).__qualname__}: {one}" for one in chain)
    said = chain[-1] if any(isinstance(one, httpx.TransportError) for one in chain) else cause
    refusals = [one.response for one in chain if isinstance(one, httpx.HTTPStatusError)]
    if refusals:
        return _refusal(type(cause).__name__, refusals[-1], raw)
    return Trouble(
        kinds=frozenset(type(one).__name__ for one in chain),
        status=getattr(cause, "status_code", None),
        text=str(said),
        wait=_wait({}, str(said)),
        raw=raw,
    )


def _refusal(kind: str, response: Response, raw: str) -> Trouble:
    """Take the facts from what the server sent; LiteLLM's own status is often another."""
    body = _body(response)
    text = response.headers["location"] if response.has_redirect_location else body
    return Trouble(
        kinds=frozenset({kind}),
        status=response.status_code,
        text=text,
        wait=_wait(response.headers, text),
        raw=f"{raw}\n{body}",
    )


def _body(response: Response) -> str:
    """Read what came; empty where nobody waited for it."""
    from httpx import StreamError

    try:
        return response.text
    except StreamError:
        return ""


def _chain(error: BaseException | None) -> list[BaseException]:
    """Go from an exception down to its cause; the libraries keep each other's."""
    chain: list[BaseException] = []
    while error and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__
    return chain


def _wait(headers: Mapping[str, str], text: str) -> float | None:
    """Read when to come back, in seconds, from Retry-After or, as Gemini says it, from the text."""
    asked = headers.get("retry-after", "")
    found = re.search(rf"\b(?:retry|try again) in ({_SECONDS})s\b", text)
    if re.fullmatch(_SECONDS, asked):
        wait = float(asked)
    elif asked:
        wait = _until(asked, headers.get("date", ""))
    else:
        wait = float(found[1]) if found else 0
    return wait if wait > 0 else None


def _until(date: str, now: str) -> float:
    """Count the seconds to an HTTP date by the server's own clock; 0 where there is none."""
    from email.utils import parsedate_to_datetime

    try:
        return (parsedate_to_datetime(date) - parsedate_to_datetime(now)).total_seconds()
    except (ValueError, TypeError, OverflowError):  # no date, none with a zone, one without end
        return 0
