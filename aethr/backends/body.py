"""What a server says when it refuses: JSON of many shapes, a gateway's page, plain text. Pure."""

from __future__ import annotations

import json
import re
from contextlib import suppress

_MOST = 100_000  # characters that are searched: a hostile body must not take forever
_PAGE = re.compile(r"<(!doctype|html|head|title|body|h1)\b", re.IGNORECASE)
_TITLE = re.compile(r"<title[^<>]*>([^<]*)", re.IGNORECASE)
_UNSEEN = re.compile(
    r"<(style|script)\b.*?(</\1[^<>]*>|\Z)|<!--.*?(-->|\Z)", re.IGNORECASE | re.DOTALL
)

# Where the words stand, by the first of these keys that has some: OpenAI, Anthropic and
# Gemini {"error": {"message": …}}, Ollama {"error": "…"}, FastAPI {"detail": [{"msg": …}]}.
_WORDS = ("message", "error", "detail", "msg", "errors")
_CODES = ("code", "type", "status")

# How LiteLLM and the SDKs wrap the words of others, and what they say for none.
_WRAPPINGS = (
    r"^((litellm\.)?\w+(Error|Exception|Timeout)\b[ :-]*)+",
    r"\.? Handle with `litellm\.\w+`\.$",
    r"^Error code: \d+$",
    r"^\[(Errno -?\d+|SSL[^]]*)\] ",
    r" \(_ssl\.c:\d+\)$",
)


def read(text: str) -> tuple[str, str]:
    """Give the words for people and the codes for machines."""
    with suppress(ValueError, RecursionError):  # of JSON that is nested a thousand times
        data = json.loads(text, strict=False)
        if words := _words(data):
            return words, _codes(data)
    text = text[:_MOST]
    if _PAGE.search(text):
        return _seen(text), ""
    for wrapping in _WRAPPINGS:
        text = re.sub(wrapping, "", text).strip()
    return text, ""


def _words(data: object) -> str:
    if isinstance(data, list) and data:
        return _words(data[0])
    if isinstance(data, dict):
        return next(filter(None, (_words(data.get(key)) for key in _WORDS)), "")
    return data if isinstance(data, str) else ""


def _codes(data: object) -> str:
    if isinstance(data, list) and data:
        return _codes(data[0])
    if not isinstance(data, dict):
        return ""
    return " ".join([*(str(data.get(key, "")) for key in _CODES), _codes(data.get("error"))])


def _seen(page: str) -> str:
    """Give the title of a page, or what it shows."""
    from html import unescape

    title = _TITLE.search(page)
    if title and title[1].strip():
        return " ".join(unescape(title[1]).split())
    return unescape(re.sub(r"<[^<>]*>", "\n", _UNSEEN.sub("", page)))
