"""Measures processes: CPU and wall seconds, peak memory; medians of interleaved runs."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

RUNS = 9


@dataclass(frozen=True)
class Command:
    """A process to measure, run in ``cwd``; ``before`` makes it ready, unmeasured."""

    argv: tuple[str, ...]
    cwd: Path
    before: Callable[[], object] | None = None


@dataclass(frozen=True)
class Cost:
    """Seconds of CPU (children included) and of wall time, MiB at the peak (of one process).

    ``began`` is when, in seconds of ``time.monotonic``.
    """

    cpu: float
    wall: float
    peak: float
    began: float = 0.0


class Meter:
    """Measures in an environment of its own; a context manager."""

    def __init__(self, env: Mapping[str, str], runs: int = RUNS) -> None:
        self.env = dict(env)
        self.runs = runs
        launcher = [sys.executable, "-I", "-S", str(Path(__file__).with_name("launcher.py"))]
        self._launcher = subprocess.Popen(
            launcher, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._folder = tempfile.TemporaryDirectory()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._launcher.stdin
        self._launcher.stdin.close()
        self._launcher.wait()
        self._folder.cleanup()

    def side_by_side(
        self, *commands: Command, runs: int = 0, take: Callable[[list[float]], float] = median
    ) -> list[Cost]:
        """Give medians of runs in turns, so that a noisy moment hits all, after a warm-up."""
        for command in commands:
            self.once(command)
        rounds = [[self.once(command) for command in commands] for _ in range(runs or self.runs)]
        return [_taken(take, [one[place] for one in rounds]) for place in range(len(commands))]

    def once(self, command: Command, env: Mapping[str, str] | None = None) -> Cost:
        if command.before:
            command.before()
        said = Path(self._folder.name, "stderr")
        asked: dict[str, Any] = {"argv": command.argv, "cwd": str(command.cwd)}
        asked |= {"env": {**self.env, **(env or {})}, "said": str(said)}
        assert self._launcher.stdin
        assert self._launcher.stdout
        self._launcher.stdin.write(f"{json.dumps(asked)}\n")
        self._launcher.stdin.flush()
        told = json.loads(self._launcher.stdout.readline())
        if told["code"]:
            words = said.read_text("utf-8", "replace")
            raise SystemExit(f"{' '.join(command.argv)} exited with {told['code']}:\n{words}")
        return Cost(told["cpu"], told["wall"], told["peak"] / 1024, told["began"])


def _taken(take: Callable[[list[float]], float], costs: Sequence[Cost]) -> Cost:
    return Cost(*(take([getattr(one, name) for one in costs]) for name in ("cpu", "wall", "peak")))
