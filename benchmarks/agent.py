"""An OpenCode step beside a bare ``opencode run``, both with a scripted model on loopback."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from benchmarks import places
from benchmarks.measure import Command, Meter
from benchmarks.row import Budget, Row
from benchmarks.startup import SCRIPT
from tests.support.llm_script import said
from tests.support.llm_server import LLMServer
from tests.support.opencode import real_env

if TYPE_CHECKING:
    from pathlib import Path

AGENT = """workflow: agent
roles: {implementer: "Do."}
steps: [{id: implement, role: implementer, backend: opencode, expect_changes: false}]
"""


def rows(meter: Meter, folder: Path) -> list[Row]:
    """Give one row; none, with a line that says so, where OpenCode is not installed."""
    repo = places.small(folder / "agent")
    (repo / "agent.yaml").write_text(AGENT, encoding="utf-8")
    runs = max(3, meter.runs // 2)
    with LLMServer(*[said("Done.")] * (2 * runs + 2)) as server:
        try:
            env = {**real_env(server), "AETHR_LIVE": "1"}
        except (pytest.skip.Exception, pytest.fail.Exception) as missing:
            print(f"not measured: {missing}", file=sys.stderr)
            return []
        ours = Command((SCRIPT, "step", "implement", "go", "-f", "agent.yaml"), repo)
        bare = Command(("opencode", "run", "--format", "json", "--title=t", "go"), repo)
        with Meter(env, runs) as own:
            cost, floor = own.side_by_side(ours, bare)
    return [Row("an OpenCode step", cost.cpu, "s", Budget.MORE, 0.3, floor.cpu, "opencode run")]
