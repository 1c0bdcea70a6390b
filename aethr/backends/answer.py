"""What a model has said so far, and whether that is a whole answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aethr.backends.retry import CallFailed
from aethr.frozen import frozen
from aethr.results import Reply, Usage

if TYPE_CHECKING:
    from aethr.backends import Output

# How servers say that an answer is whole; not all know OpenAI's word for it.
_WHOLE = frozenset({"stop", "end_turn", "stop_sequence", "eos", "eos_token"})
_CUT = {
    "length": ("the answer was cut at the limit of tokens", "raise the model's `max_tokens`"),
    "content_filter": ("the provider's content filter stopped the answer", ""),
}


@frozen
class Piece:
    """Some of the answer; without text it is reasoning, which is not shown."""

    text: str


@frozen
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
        self._half = ""  # of a character: JSON can bring it in two pieces
        self._ending = Ending(None, Usage())

    def hear(self, event: Piece | Ending) -> None:
        if isinstance(event, Ending):
            self._ending = event
            return
        text = self._half + event.text
        self._half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
        self._say(text.removesuffix(self._half))

    def _say(self, text: str) -> None:
        """Pass text on; half a character that stays alone could be sent to no other model."""
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        self._said.append(text)
        if text:
            self._output.text(text)

    def whole(self) -> Reply:
        """Return the answer. Raises CallFailed for one that is cut short or empty."""
        if self._half:
            self._say(self._half)
        text, finish = "".join(self._said), self._ending.finish
        if finish is None:
            # LiteLLM calls this "stop" and makes up a usage (1.106.2).
            line = "the answer was cut short: the stream just ended"
            raise CallFailed(line, "go on later, or choose another model or endpoint", again=True)
        if finish not in _WHOLE:
            raise CallFailed(*_CUT.get(finish, (f"the answer ended with `{finish}`",)))
        if not text.strip():
            raise CallFailed("the model gave an empty answer")
        return Reply(text, self._ending.usage, self._model)

    def broken(self, failure: CallFailed) -> CallFailed:
        """Add what was said. Once anything was, reasoning too, a second call would pay twice."""
        self._output.used(self._ending.usage, whole=True)
        failure.partial = "".join(self._said)
        failure.again = failure.again and not self._said
        return failure
