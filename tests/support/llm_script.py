"""What a scripted model says, and how the OpenAI and the Anthropic protocol say it. No I/O."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


class Fault(Enum):
    """How a reply goes wrong; the last four come after its text."""

    NONE = "none"
    HANG = "hang"  # takes the request and says nothing
    CLOSE = "close"  # takes the request and closes
    STALL = "stall"  # then says nothing more
    PINGS = "pings"  # then keeps the line busy without an event
    CUT = "cut"  # then resets the connection
    BROKEN = "broken"  # then sends half a JSON object
    ERROR = "error"  # then sends the protocol's error event


@dataclass(frozen=True)
class ToolCall:
    """A function that the model wants called (OpenAI protocol only)."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Reply:
    """One scripted reply. A ``body`` is sent as it is, in no protocol, with ``status``.

    ``finish`` is OpenAI's finish_reason; None ends the stream cleanly without one.
    ``usage`` is (input tokens, output tokens, and of the input those from a cache);
    ``cost`` is the price in US dollars that OpenRouter adds to it. ``pieces`` is in how many
    the OpenAI protocol streams the text.
    """

    text: str = ""
    usage: tuple[int, int, int] | None = (12, 5, 0)
    cost: float | None = None
    finish: str | None = "stop"
    reasoning: str = ""
    tools: tuple[ToolCall, ...] = ()
    status: int = 200
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    fault: Fault = Fault.NONE
    pieces: int = 3

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Reply:
        """Read one entry of a script file; an unknown field is a TypeError."""
        known = dict(data)
        if known.get("usage"):
            known["usage"] = tuple(known["usage"])
        known["tools"] = tuple(ToolCall(**tool) for tool in known.get("tools", ()))
        known["fault"] = Fault(known.get("fault", "none"))
        return cls(**known)


def refusal(status: int, message: str, code: str = "", **headers: str) -> Reply:
    """Refuse with an error body that both protocols' clients can read."""
    error = {"message": message, "type": code or "error", "code": code or None}
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    body = json.dumps({"type": "error", "error": error})
    return Reply(status=status, body=body, headers=names)


def said(text: str) -> Reply:
    """Answer with a text, as a good server does."""
    return Reply(text=text)


def _pieces(text: str, count: int = 3) -> Iterator[str]:
    size = max(1, -(-len(text) // count))
    return (text[start : start + size] for start in range(0, len(text), size))


def _event(data: Mapping[str, Any], name: str = "") -> str:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data)}\n\n"


def _wrong_end(fault: Fault) -> Iterator[str]:
    error = {"type": "overloaded_error", "message": "the server is overloaded", "code": 500}
    if fault is Fault.BROKEN:
        yield 'data: {"id": "x", "choi\n\n'
    if fault is Fault.ERROR:
        yield _event({"type": "error", "error": error}, "error")


def _openai_usage(reply: Reply) -> dict[str, Any]:
    if reply.usage is None:
        return {}
    prompt, completion, cached = reply.usage
    usage = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached},
        **({} if reply.cost is None else {"cost": reply.cost}),
    }
    return {"usage": usage}


def _openai_tools(tools: Sequence[ToolCall]) -> list[dict[str, Any]]:
    return [
        {
            "index": index,
            "id": f"call_{index}",
            "type": "function",
            "function": {"name": tool.name, "arguments": json.dumps(tool.arguments)},
        }
        for index, tool in enumerate(tools)
    ]


def openai(reply: Reply, body: Mapping[str, Any]) -> Iterator[str]:
    """Stream a reply; like the real one, usage comes only if it was asked for."""

    def chunk(delta: Mapping[str, Any], finish: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return _event({**head, "choices": [choice]})

    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1}
    head |= {"model": body["model"]}
    yield chunk({"role": "assistant", "content": ""})
    for piece in _pieces(reply.reasoning):
        yield chunk({"reasoning_content": piece})
    for piece in _pieces(reply.text, reply.pieces):
        yield chunk({"content": piece})
    if reply.tools:
        yield chunk({"tool_calls": _openai_tools(reply.tools)})
    yield from _wrong_end(reply.fault)
    if reply.finish and reply.fault is Fault.NONE:
        yield chunk({}, reply.finish)
        if body.get("stream_options", {}).get("include_usage") and reply.usage:
            yield _event({**head, "choices": [], **_openai_usage(reply)})
        yield "data: [DONE]\n\n"


def openai_plain(reply: Reply, body: Mapping[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": reply.text or None}
    if reply.tools:
        message["tool_calls"] = _openai_tools(reply.tools)
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": body["model"]}
    choice = {"index": 0, "message": message, "finish_reason": reply.finish}
    return {**head, "choices": [choice], **_openai_usage(reply)}


_STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "content_filter": "refusal"}


def anthropic(reply: Reply, body: Mapping[str, Any]) -> Iterator[str]:
    def event(name: str, **data: Any) -> str:
        return _event({"type": name, **data}, name)

    prompt, completion, cached = reply.usage or (0, 0, 0)
    start: dict[str, Any] = {"id": "msg_1", "type": "message", "role": "assistant", "content": []}
    start |= {"model": body["model"], "stop_reason": None, "stop_sequence": None}
    if reply.usage:
        start["usage"] = {"input_tokens": prompt - cached, "output_tokens": 1}
        start["usage"] |= {"cache_read_input_tokens": cached, "cache_creation_input_tokens": 0}
    yield event("message_start", message=start)
    said = {"thinking": reply.reasoning, "text": reply.text}
    blocks = [kind for kind in said if said[kind] or kind == "text"]
    for index, kind in enumerate(blocks):
        yield event("content_block_start", index=index, content_block={"type": kind, kind: ""})
        for piece in _pieces(said[kind]):
            delta = {"type": f"{kind}_delta", kind: piece}
            yield event("content_block_delta", index=index, delta=delta)
        if kind != blocks[-1]:
            yield event("content_block_stop", index=index)
    yield from _wrong_end(reply.fault)
    if reply.finish and reply.fault is Fault.NONE:
        yield event("content_block_stop", index=len(blocks) - 1)
        reason = {"stop_reason": _STOP_REASONS[reply.finish], "stop_sequence": None}
        usage = {"usage": {"output_tokens": completion}} if reply.usage else {}
        yield event("message_delta", delta=reason, **usage)
        yield event("message_stop")
