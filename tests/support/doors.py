"""The commands without the start-up of a process: thousands of files go through them."""

from __future__ import annotations

import io
import os
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING

from invoke import Collection, Context

from aethr import commands, settings
from aethr.errors import AethrError
from aethr.options import Door, Map, Options, Request, Target
from aethr.session import Session
from aethr.task import Wiring

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True)
class Ended:
    """How a command ended; ``err`` is what people read, the error's own message last."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Doors:
    """Runs commands in mock mode; what is no error for people goes through to the test."""

    folder: Path

    def run(self, request: Request) -> Ended:
        return self._ended(lambda wiring: commands.run(wiring, Context(), request, Options()))

    def preview(self, request: Request) -> Ended:
        asked = Options(show_prompt=True, verbose=True)
        return self._ended(lambda wiring: commands.run(wiring, Context(), request, asked))

    def show(self, file: str) -> Ended:
        return self._ended(lambda wiring: commands.show(wiring, Context(), Map(file)))

    def check(self, file: str) -> Ended:
        return self._ended(lambda wiring: commands.check(wiring, Context(), Target(file)))

    def _ended(self, command: Callable[[Wiring], None]) -> Ended:
        session = Session(self.folder, Door.CONSOLE)
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", newline="\n") for _ in range(2))
        code, message = 0, ""
        with redirect_stdout(out), redirect_stderr(err):
            try:
                session.settings = settings.load(self.folder, {"PATH": os.environ["PATH"]})
                command(Wiring(session, Collection("steps")))
            except AethrError as error:
                code, message = error.code, error.message
            finally:
                if session.current:
                    session.current.leave()
        return Ended(code, _text(out), _text(err) + message)


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    data = stream.buffer
    assert isinstance(data, io.BytesIO)
    return data.getvalue().decode()
