"""What driving any command line takes: its environment, our clock, a trace."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from aethr import lockfile, process, signals
from aethr.errors import StepFailed, UsageError
from aethr.routing import KEY_NAMES
from aethr.secrets import Mask
from aethr.text import count, duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aethr.backends import Output
    from aethr.process import Command, Line
    from aethr.settings import Settings
    from aethr.workflow import Step

TIMEOUT = 1800.0
IDLE = 600.0
HEARTBEAT = 30.0
# OpenCode 1.18.33 took up to 23 s to its first event on a busy machine.
_START_UP = 120.0
# Language servers take a moment to see that their agent is gone.
_LEAVING = 1.0


def program(name: str, install: str, settings: Settings) -> str:
    """Find an agent's program. Raises UsageError where there is none, with how to install it."""
    if not hasattr(os, "pread"):
        raise UsageError(f"{name} can be driven on Linux and macOS only", "on Windows, use WSL")
    found = shutil.which(name, path=settings.environ.get("PATH"))
    if found is None:
        raise UsageError(f"there is no `{name}` on the PATH", install)
    return str(Path(found).absolute())


def environment(settings: Settings, root: Path) -> dict[str, str]:
    """Give the user's own environment, and the providers' keys of ``.env`` that it lacks."""
    keys = {name: value for name, value in settings.dotenv.items() if name in KEY_NAMES and value}
    # OpenCode takes its folder from PWD, which changing the folder does not change.
    return {**keys, **settings.environ, "PWD": str(root)}


class Watch:
    """Our own clock over one process: ends a long silence, and breaks it to people.

    ``timeout`` and ``idle`` are for a step that does not say its own.
    """

    def __init__(
        self,
        name: str,
        step: Step,
        output: Output,
        heartbeat: float,
        *,
        timeout: float = TIMEOUT,
        idle: float = IDLE,
    ) -> None:
        self.name = name
        self.timeout = timeout if step.timeout is None else step.timeout
        self._idle = idle if step.idle_timeout is None else step.idle_timeout
        self.output = output
        self._heartbeat = heartbeat
        self._began = self._heard = self._told = time.monotonic()
        self._limit = max(self._idle, _START_UP)

    def heard(self) -> None:
        self._heard = self._told = time.monotonic()
        self._limit = self._idle

    def silent(self) -> None:
        """Note a moment of silence. Raises StepFailed for the one that is too much."""
        now = time.monotonic()
        if now - self._heard > self._limit:
            raise StepFailed(
                f"stopped: nothing came from {self.name} for {duration(self._limit)}",
                "raise the step's `idle_timeout`",
            )
        if now - self._told >= self._heartbeat:
            self._told = now
            self.output.waiting(f"{self.name} … {duration(now - self._began)}")


def drive(command: Command, watch: Watch, *hearers: Callable[[Line], None]) -> int:
    """Run an agent to its end, the hearers getting its lines; return its exit code.

    However this ends, nothing that the agent started goes on. Raises StepFailed.
    """
    with _in_words(watch), process.following(command) as child:
        for line in child.lines():
            if line is None:
                watch.silent()
                continue
            watch.heard()
            for hear in hearers:
                hear(line)
        _end_left(command, watch)
        return child.code


def flow(command: Command, watch: Watch, hear: Callable[[bytes], None]) -> int:
    """Run a command as ``drive`` does, all that it writes being heard as one."""
    with _in_words(watch), ExitStack() as stack:
        with signals.held():  # nothing may be running that nobody listens to
            child = stack.enter_context(process.flowing(command, hear))
        while child.goes_on():
            if not child.comes():
                watch.silent()
                continue
            watch.heard()
            with signals.held():  # what was read is heard
                hear(child.read())
        _end_left(command, watch)
        return child.code


def _end_left(command: Command, watch: Watch) -> None:
    if left := process.end_marked(command.marker, _LEAVING):
        many = count(left, "process", "processes")
        watch.output.warn(f"ended {many} that {watch.name} had left running")


@contextmanager
def _in_words(watch: Watch) -> Iterator[None]:
    try:
        yield
    except process.TimedOut:
        late = f"timed out after {duration(watch.timeout)}"
        raise StepFailed(late, "raise the step's `timeout`") from None
    except process.Flooded:
        raise StepFailed(f"stopped: {watch.name} wrote more than 1 GiB of output") from None
    except OSError as error:
        raise StepFailed(f"can't run {watch.name}: {error.strerror}") from None


@contextmanager
def traced(
    path: Path | None, settings: Settings, output: Output
) -> Iterator[Callable[[Line], None]]:
    """Give a function that adds a line to a trace, keys masked; without a path it keeps nothing.

    Raises UsageError for a file that can't be opened. One that can't be written to any
    more is warned about: the agent's work is worth more.
    """
    if path is None:
        yield lambda _: None
        return
    mask, full = Mask(settings.secrets), False
    file = lockfile.opened(path, os.O_CREAT, links=False)

    def keep(line: Line) -> None:
        nonlocal full
        if full:
            return
        text = mask(line.text.decode("utf-8", "replace")) + "\n"
        try:
            lockfile.write_all(file, text.encode())
        except OSError as error:
            full = True
            output.warn(f"no more raw events in {path}: {error.strerror}")

    try:
        yield keep
    finally:
        os.close(file)
