"""The repositories and workflows that are measured in."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# One step with a small diff; three steps with a loop.
ONE = """workflow: one
roles: {reviewer: "Find defects."}
models: {reviewer: "openai:gpt-4o-mini"}
steps: [{id: review, role: reviewer, context: [git_diff]}]
"""
THREE = """workflow: three
roles: {planner: "Plan.", implementer: "Do.", reviewer: "Find defects."}
models: {planner: "openai:a", implementer: "openai:b", reviewer: "openai:c"}
steps:
  - {id: plan, role: planner, context: [git_diff]}
  - {id: implement, role: implementer}
  - {id: review, role: reviewer, repeat: {back_to: implement, until_review_pass: true}}
"""


def many(steps: int, history: str) -> str:
    """Write a workflow of so many steps."""
    head = "workflow: many\nroles: {worker: Work.}\nmodels: {worker: 'openai:a'}\nsteps:\n"
    return head + "".join(
        f"  - {{id: s{place}, role: worker, history_visibility: {history}}}\n"
        for place in range(steps)
    )


def seeing(source: str) -> str:
    """Write a workflow of one step that sees one source."""
    return f"""workflow: seeing
roles: {{worker: Work.}}
models: {{worker: "openai:a"}}
steps: [{{id: look, role: worker, context: ["{source}"]}}]
"""


def small(folder: Path) -> Path:
    """Make a repository with a small uncommitted change."""
    folder.mkdir()
    files = {".aethr.yaml": ONE, "three.yaml": THREE, "app.py": "print('hi')\n" * 50}
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    commit(folder)
    (folder / "app.py").write_text("print('ho')\n" * 50, encoding="utf-8")
    return folder


def fill(folder: Path, number: int, line: str = "") -> None:
    """Write so many files of 20 lines, 100 folders of them."""
    for place in range(number):
        file = folder / f"d{place % 100}" / f"f{place}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{place}{line}\n" * 20, encoding="utf-8")


def commit(folder: Path) -> None:
    who = ["-c", "user.name=b", "-c", "user.email=b@example.com", "-c", "gc.auto=0"]
    for argv in (["init", "-q"], ["add", "-A"], [*who, "commit", "-qm", "begin"]):
        subprocess.run(["git", *argv], cwd=folder, check=True)
