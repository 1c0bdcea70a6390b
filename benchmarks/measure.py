"""Measures processes: CPU and wall seconds, peak memory; medians of interleaved runs."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

RUNS = 9


@dataclass(frozen=True)
class Command:
    """A process to measure; ``cwd`` is where it runs."""

    argv: tuple[str, ...]
    cwd: Path


@dataclass(frozen=True)
class Cost:
    """Medians: seconds of CPU (children included) and of wall time, MiB at the peak."""

    cpu: float
    wall: float
    peak: float


def side_by_side(
    commands: Sequence[Command], env: Mapping[str, str], runs: int = RUNS
) -> list[Cost]:
    """Measure commands in turns, so that a noisy moment hits all of them, after a warm-up."""
    for command in commands:
        _once(command, env)
    rounds = [[_once(command, env) for command in commands] for _ in range(runs)]
    return [
        Cost(
            *(
                median(getattr(one[place], name) for one in rounds)
                for name in ("cpu", "wall", "peak")
            )
        )
        for place in range(len(commands))
    ]


def _once(command: Command, env: Mapping[str, str]) -> Cost:
    began = time.perf_counter()
    process = subprocess.Popen(
        command.argv,
        cwd=command.cwd,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(
            f"{' '.join(command.argv)} exited with {process.returncode}:\n{said.decode()}"
        )
    wall = time.perf_counter() - began
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024)
