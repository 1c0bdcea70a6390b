"""The time until a request is on the wire, beside a bare script that sends the same."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from benchmarks import places
from benchmarks.measure import Command
from benchmarks.row import Budget, Row
from benchmarks.startup import PYTHON, SCRIPT
from tests.support.live import live
from tests.support.llm_script import said
from tests.support.llm_server import LLMServer

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.measure import Meter

_BARE = """
import litellm
for _ in litellm.completion(
    model="openai/gpt-4o-mini", messages=[{"role": "user", "content": "x"}], stream=True
):
    pass
"""


def rows(meter: Meter, folder: Path) -> list[Row]:
    repo = places.small(folder / "live")
    ours = Command((SCRIPT, "run", "-q", "-f", "three.yaml", "--until", "plan", "x"), repo)
    bare = Command((PYTHON, "-c", _BARE), repo)
    times: list[list[float]] = [[], []]
    runs = 2 * (meter.runs + 1)
    with LLMServer(*[said("Done.\n\nReview status: pass")] * runs) as server:
        # Neither fetches LiteLLM's price list, nor looks for a `.env`.
        env = {**live(server), "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        env["LITELLM_MODE"] = "PRODUCTION"
        for _ in range(meter.runs + 1):
            for mine, command in zip(times, (ours, bare), strict=True):
                cost = meter.once(command, env)
                mine.append(server.arrivals[-1] - cost.began)
    first, floor = (median(mine[1:]) for mine in times)
    return [
        Row(
            "live: until the request is sent",
            first,
            "s",
            Budget.RATIO,
            1.15,
            floor,
            "bare LiteLLM, wall",
        )
    ]
