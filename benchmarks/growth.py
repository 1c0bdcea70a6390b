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
    from collections.abc import Mapping
    from pathlib import Path

    from benchmarks.measure import Meter

STEPS = (100, 1_000, 5_000)
PASSES = (100, 1_000, 5_000)
FEW = 3  # runs of what takes seconds


def rows(meter: Meter, folder: Path) -> list[Row]:
    folder = folder / "growth"
    folder.mkdir()
    found = []
    for history, sizes in (("none", STEPS), ("latest", STEPS), ("summary", (100, 300, 1_000))):
        seconds = _steps(meter, folder, history, sizes)
        found += _linear(f"mock steps, history {history}", seconds, 0.001, history != "summary")
    found += _all(meter, folder)
    passes = _passes(meter, folder)
    found += _linear("passes of a loop", passes, 0.001, linear=True)
    return [*found, _resume(meter, folder)]


def _linear(name: str, seconds: Mapping[int, float], most: float, linear: bool) -> list[Row]:
    """Tell what one more costs, and the exponent of the growth."""
    middle = sorted(seconds)[1]
    each = Row(f"{middle:,} {name}: each", seconds[middle] / middle, "s")
    grows = Row(f"{name}: exponent", exponent(seconds), "")
    if not linear:
        return [each, grows]
    return [
        Row(each.name, each.ours, "s", Budget.TOTAL, most),
        Row(grows.name, grows.ours, "", Budget.TOTAL, 1.05),
    ]


def exponent(seconds: Mapping[int, float]) -> float:
    """Tell with which power of its number the cost of things grows, from the first to the last."""
    first, last = min(seconds), max(seconds)
    return math.log(seconds[last] / seconds[first]) / math.log(last / first)


def _steps(meter: Meter, folder: Path, history: str, sizes: tuple[int, ...]) -> dict[int, float]:
    """Measure runs of many mock steps: seconds of CPU above the start-up of one."""
    commands = [_run(folder, number, history) for number in (1, *sizes)]
    first, *costs = meter.side_by_side(*commands, runs=FEW)
    return {n: cost.cpu - first.cpu for n, cost in zip(sizes, costs, strict=True)}


def _run(folder: Path, number: int, history: str) -> Command:
    file = folder / f"{history}-{number}.yaml"
    file.write_text(places.many(number, history), encoding="utf-8")
    return Command((SCRIPT, "run", "-q", "-f", file.name, "x"), folder)


def _all(meter: Meter, folder: Path) -> list[Row]:
    """Measure steps that each see all results: prompts grow, so the bytes are what counts."""
    sizes = (100, 300, 1_000)
    seconds = _steps(meter, folder, "all", sizes)
    # An answer of a mock step is some 130 characters, and its block in a prompt some 200.
    written = {200 * n * (n - 1) // 2: seconds[n] for n in sizes}
    return [
        Row("1,000 mock steps, history all", seconds[1_000], "s"),
        Row("history all: exponent by bytes", exponent(written), "", Budget.TOTAL, 1.05),
    ]


def _passes(meter: Meter, folder: Path) -> dict[int, float]:
    """Measure a loop that turns so often, its answers from a script."""
    commands = [
        Command((sys.executable, "-m", "benchmarks.looping", str(number)), folder)
        for number in (1, *PASSES)
    ]
    first, *costs = meter.side_by_side(*commands, runs=FEW)
    return {n: cost.cpu - first.cpu for n, cost in zip(PASSES, costs, strict=True)}


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
