"""An OpenCode step beside a bare ``opencode run``, both with a scripted model on loopback."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.measure import Command, side_by_side
from tests.support.llm_script import said
from tests.support.llm_server import LLMServer
from tests.support.opencode import real_env

if TYPE_CHECKING:
    from benchmarks.measure import Cost

AGENT = """workflow: agent
roles: {implementer: "Do."}
steps: [{id: implement, role: implementer, backend: opencode, expect_changes: false}]
"""


def beside_bare(repo: Path, runs: int) -> list[Cost] | None:
    """Measure (ours, bare); None, with a line that says so, where OpenCode is not installed."""
    (repo / "agent.yaml").write_text(AGENT, encoding="utf-8")
    with LLMServer(*[said("Done.")] * (2 * runs + 2)) as server:
        try:
            env = {**real_env(server), "AETHR_LIVE": "1"}
        except (pytest.skip.Exception, pytest.fail.Exception) as missing:
            print(f"not measured: {missing}", file=sys.stderr)
            return None
        script = str(Path(sys.executable).with_name("aethr"))
        ours = Command((script, "step", "implement", "go", "-f", "agent.yaml"), repo)
        bare = Command(("opencode", "run", "--format", "json", "--title=t", "go"), repo)
        return side_by_side([ours, bare], env, runs)
