"""What more of it costs: steps, passes of a loop, history, results to go on after."""

from __future__ import annotations

import json
import math
import shutil
import sys
from typing import TYPE_CHECKING

from benchmarks import places
from benchmarks.measure import Command
from benchmarks.row import Budget, Row
from benchmarks.startup import SCRIPT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from benchmarks.measure import Meter

STEPS = (10, 100, 1_000, 5_000)
FEWER = (10, 100, 300, 1_000)  # where prompts grow with the number of steps
PASSES = (10, 100, 1_000, 5_000)
JUDGED = 1_000  # the number whose cost has a budget
FROM = 100  # what the exponent counts from: the cost of fewer drowns in noise
FEW, MANY = 3, 25  # runs of what takes seconds, and of what takes hardly longer than a start


def rows(meter: Meter, folder: Path) -> list[Row]:
    folder = folder / "growth"
    folder.mkdir()
    found = []
    for history in ("none", "latest"):
        seconds = _steps(meter, folder, history, STEPS)
        found += _each(f"mock steps, history {history}", seconds, 0.001, 1.05)
    summary = _steps(meter, folder, "summary", FEWER)
    found += _each("mock steps, history summary", summary)
    found += _all(meter, folder)
    # Of two steps each.
    found += _each("passes of a loop", _passes(meter, folder), 0.002, 1.05)
    return [*found, _resume(meter, folder)]


def _each(
    name: str, seconds: Mapping[int, float], most: float = math.inf, power: float = math.inf
) -> list[Row]:
    """Tell what one more costs, for each number of them, and the exponent of the growth."""
    found = [
        Row(f"{number:,} {name}: each", cost / number, "s", Budget.TOTAL, bound)
        for number, cost in seconds.items()
        for bound in [most if number == JUDGED else math.inf]
    ]
    grown = {number: cost for number, cost in seconds.items() if number >= FROM}
    return [*found, Row(f"{name}: exponent", exponent(grown), "", Budget.TOTAL, power)]


def exponent(seconds: Mapping[int, float]) -> float:
    """Tell with which power of its number the cost of things grows, from the first to the last."""
    first, last = min(seconds), max(seconds)
    return math.log(seconds[last] / seconds[first]) / math.log(last / first)


def _steps(meter: Meter, folder: Path, history: str, sizes: tuple[int, ...]) -> dict[int, float]:
    """Measure runs of many mock steps: seconds of CPU above the start-up of one."""
    return _above_one(meter, sizes, lambda number: _run(folder, number, history))


def _above_one(
    meter: Meter, sizes: Sequence[int], command: Callable[[int], Command]
) -> dict[int, float]:
    """Measure so many beside one: seconds of CPU above it. What takes long has fewer runs.

    The least of them counts, for what is told are differences, and noise only adds.
    """
    found: dict[int, float] = {}
    for part in ([n for n in sizes if n <= FROM], [n for n in sizes if n > FROM]):
        runs = MANY if part[0] <= FROM else FEW
        first, *costs = meter.side_by_side(*map(command, (1, *part)), runs=runs, take=min)
        found |= {n: cost.cpu - first.cpu for n, cost in zip(part, costs, strict=True)}
    return found


def _run(folder: Path, number: int, history: str) -> Command:
    file = folder / f"{history}-{number}.yaml"
    file.write_text(places.many(number, history), encoding="utf-8")
    return Command((SCRIPT, "run", "-q", "-f", file.name, "x"), folder)


def _all(meter: Meter, folder: Path) -> list[Row]:
    """Measure steps that each see all results: prompts grow, so the bytes are what counts."""
    seconds = _steps(meter, folder, "all", FEWER)
    name = "mock steps, history all"
    # An answer of a mock step is some 130 characters, and its block in a prompt some 200.
    written = {200 * n * (n - 1) // 2: cost for n, cost in seconds.items() if n >= FROM}
    by_bytes = Row(f"{name}: exponent by bytes", exponent(written), "", Budget.TOTAL, 1.05)
    return [*_each(name, seconds)[:-1], by_bytes]


def _passes(meter: Meter, folder: Path) -> dict[int, float]:
    """Measure a loop that turns so often, its answers from a script."""
    argv = (sys.executable, "-m", "benchmarks.looping")
    return _above_one(meter, PASSES, lambda number: Command((*argv, str(number)), folder))


def _resume(meter: Meter, folder: Path) -> Row:
    """Go on after 5,000 results, for one more step."""
    (folder / "long.yaml").write_text(places.many(5_001, "none"), encoding="utf-8")
    kept, used = folder / "kept.jsonl", folder / "used.jsonl"
    flow = (SCRIPT, "run", "-q", "-f", "long.yaml")
    meter.once(Command((*flow, "x", "--until", "s4999", "--checkpoint", str(kept)), folder))
    kinds = [json.loads(line)["kind"] for line in kept.read_text("utf-8").splitlines()]
    assert kinds.count("result") == 5_000
    go_on = Command(
        (*flow, "--resume-checkpoint", f"@{used}"), folder, lambda: shutil.copy(kept, used)
    )
    read = Command((SCRIPT, "check", "-f", "long.yaml"), folder)
    cost, floor = meter.side_by_side(go_on, read, runs=FEW)
    name = "check of its 5,001 steps"
    return Row("resume after 5,000 results", cost.cpu, "s", Budget.MORE, 0.5, floor.cpu, name)
