"""What a model has said so far, and whether that is a whole answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aethr.backends.retry import CallFailed
from aethr.results import Reply, Usage

if TYPE_CHECKING:
    from aethr.backends import Output

# How servers say that an answer is whole; not all know OpenAI's word for it.
_WHOLE = frozenset({"stop", "end_turn", "stop_sequence", "eos", "eos_token"})
_CUT = {
    "length": ("the answer was cut at the limit of tokens", "raise the model's `max_tokens`"),
    "content_filter": ("the provider's content filter stopped the answer", ""),
}


@dataclass(frozen=True, slots=True)
class Piece:
    """Some of the answer; without text it is reasoning, which is not shown."""

    text: str


@dataclass(frozen=True, slots=True)
class Ending:
    """How a stream ended; ``finish`` is None where the server did not say that it was the end."""

    finish: str | None
    usage: Usage


class Answer:
    """Collects the pieces of one call and passes them on as they come."""

    def __init__(self, model: str, output: Output) -> None:
        self._model = model
        self._output = output
        self._said: list[str] = []
        self._ending = Ending(None, Usage())

    def hear(self, event: Piece | Ending) -> None:
        if isinstance(event, Ending):
            self._ending = event
            return
        self._said.append(event.text)
        if event.text:
            self._output.text(event.text)

    def whole(self) -> Reply:
        """Return the answer. Raises CallFailed for one that is cut short or empty."""
        text, finish = "".join(self._said), self._ending.finish
        if finish is None:
            # LiteLLM calls this "stop" and makes up a usage (1.106.2).
            raise CallFailed("the answer was cut short: the stream just ended", again=True)
        if finish not in _WHOLE:
            raise CallFailed(*_CUT.get(finish, (f"the answer ended with `{finish}`",)))
        if not text.strip():
            raise CallFailed("the model gave an empty answer")
        return Reply(text, self._ending.usage, self._model)

    def broken(self, failure: CallFailed) -> CallFailed:
        """Add what was said. Once anything was, reasoning too, a second call would pay twice."""
        failure.partial = "".join(self._said)
        failure.again = failure.again and not self._said
        return failure
