"""Steps done by a command line of the user's own, run by ``sh -e -c``."""

from __future__ import annotations

import codecs
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

from aethr import process, signals
from aethr.backends import driver
from aethr.errors import Signalled, StepFailed
from aethr.excerpt import Excerpt
from aethr.results import Reply
from aethr.secrets import Mask
from aethr.text import command_line

if TYPE_CHECKING:
    from aethr.backends import Output
    from aethr.results import Call
    from aethr.settings import Settings
    from aethr.workflow import ModelRef, Step

TIMEOUT = 600.0
_MOST_SHOWN = 10_000_000  # characters: more is for no terminal and no log


class ShellBackend:
    """Runs commands; ``heartbeat`` is how many seconds of silence people are left in."""

    agent = True

    def __init__(self, settings: Settings, heartbeat: float = driver.HEARTBEAT) -> None:
        self._settings = settings
        self._heartbeat = heartbeat

    def preflight(self, step: Step, model: ModelRef | None) -> list[str]:  # noqa: ARG002 - protocol
        self._shell()
        return []

    def unpriced(self, step: Step, model: ModelRef | None) -> list[str]:  # noqa: ARG002 - protocol
        return []

    def prepare(self) -> None:
        """Nothing to begin."""

    def answer(self, call: Call, output: Output) -> Reply:
        step, root = call.step, call.root.resolve()
        heard = _Heard(Mask(self._settings.secrets), output)
        watch = driver.Watch(
            f"`{command_line(step.run)}`",
            step,
            output,
            self._heartbeat,
            timeout=TIMEOUT,
            idle=float("inf"),
        )
        command = process.Command(
            # With -e the first command of a script that fails ends it, as in CI.
            [self._shell(), "-e", "-c", step.run],
            root,
            # What stands in the project's `.env` is for models only.
            {**self._settings.environ, "PWD": str(root), **step.env},
            timeout=watch.timeout,
            marker=call.marker or process.new_marker(),
        )
        try:
            code = driver.flow(command, watch, heard.hear)
            heard.close()
            _judge(step, watch, code)
        except (StepFailed, Signalled) as error:
            heard.close(cut=True)
            error.partial = heard.excerpt.text
            raise
        return Reply(heard.excerpt.text, exit_code=_positive(code))

    def _shell(self) -> str:
        return driver.program("sh", "put a POSIX shell on it", self._settings)


class _Heard:
    """Passes on what a command writes, and keeps its beginning and end, keys masked."""

    def __init__(self, mask: Mask, output: Output) -> None:
        self.excerpt = Excerpt()
        self._output = output
        self._room = _MOST_SHOWN
        # Before anything is cut out: half a key is none that a mask would know.
        self._mask = mask.stream()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def hear(self, chunk: bytes) -> None:
        self._say(self._mask.feed(self._decoder.decode(chunk)))

    def close(self, *, cut: bool = False) -> None:
        self._say(self._mask.feed(self._decoder.decode(b"", final=True)))
        self._say(self._mask.flush(cut=cut))

    def _say(self, text: str) -> None:
        if text:
            self.excerpt.add(text)
            self._show(text)

    def _show(self, text: str) -> None:
        if self._room:
            shown = text[: self._room]
            self._room -= len(shown)
            with signals.released():
                self._output.text(shown)
            if not self._room:
                self._output.warn(f"it wrote {_MOST_SHOWN:,} characters; what follows is not shown")


def _judge(step: Step, watch: driver.Watch, code: int) -> None:
    """Raise StepFailed for an exit code that the step does not allow; explain an odd one."""
    why, hint = _why(code)
    said = f"{watch.name} exited with {_positive(code)}{why}"
    if code and not step.may_fail:
        raise StepFailed(said, hint or "allow_failure: true on the step accepts any exit code")
    if why:
        watch.output.warn(said)


def _positive(code: int) -> int:
    """Give an exit code as shells do, which is 128 and a signal's number after a signal."""
    return code if code >= 0 else 128 - code


def _why(code: int) -> tuple[str, str]:
    """Explain the exit codes that shells give a meaning, and say what can be done."""
    if code == 127:
        return ": a command was not found", "is it installed, and on the PATH?"
    if code == 126:
        return ": a file can't be executed", "make it executable: chmod +x"
    with suppress(ValueError):
        return f": ended by {signal.Signals(_positive(code) - 128).name}", ""
    return "", ""
