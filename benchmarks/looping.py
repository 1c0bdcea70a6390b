"""A loop of so many passes, with answers from a script: ``python -m benchmarks.looping N``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from aethr import checkpoint, context, runtime
from aethr.backends.scripted import ScriptedBackend
from aethr.checkpoint import Header
from aethr.secrets import Mask
from aethr.settings import Settings
from aethr.workflow import History, Repeat, Step, Workflow
from aethr.world import World


def main(passes: int) -> None:
    loop = Repeat(back_to="implement", until_review_pass=True, max_iterations=passes)
    steps = (
        Step("implement", "worker", history=History.LATEST),
        Step("review", "reviewer", history=History.LATEST, repeat=loop),
    )
    flow = Workflow("loop", steps, {"worker": "Work.", "reviewer": "Judge."})
    answers = ["Done.", "No.\nReview status: revise"] * (passes - 1)
    backend = ScriptedBackend([*answers, "Done.", "Yes.\nReview status: pass"])
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        around = context.Surroundings(root)
        world = World(Settings(root, {}), {"model": backend}, around, Mask({}), lambda _: None)
        run = runtime.Run(flow, "task", world)
        file = checkpoint.create(root / "loop.jsonl")
        file.header(Header("loop", "", "task", live=False))
        run.drive(lambda step: run.perform(step, file))
        file.close()
    assert len(run.results) == 2 * passes


if __name__ == "__main__":
    main(int(sys.argv[1]))
