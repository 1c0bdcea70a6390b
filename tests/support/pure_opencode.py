"""An OpenCode whose work and answer are functions of its prompt alone, and which counts its calls.

So a run that was killed and resumed ends with the very results of one that was not, if
and only if every step was sent the very same prompt.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from pathlib import Path

PASSES = {"polish": ("rough", "SMOOTH"), "review": ("revise", "pass")}  # by pass of its loop


def main() -> None:
    prompt = sys.stdin.read()
    step = re.findall("in step `(.+?)`", prompt)[0]
    _count(step)
    digest = hashlib.sha256(prompt.encode()).hexdigest()[:12]
    _say("step_start")
    if step == "draft":
        Path("notes.md").write_text(f"{digest}\n")
    _say("text", type="text", id="prt_1", text=f"{step} {digest}{_verdict(step, prompt)}")
    tokens = {"input": 8, "output": 5, "reasoning": 0, "cache": {"write": 0, "read": 2}}
    _say("step_finish", type="step-finish", reason="stop", tokens=tokens, cost=0.001)


def _verdict(step: str, prompt: str) -> str:
    if step not in PASSES:
        return ""
    word = PASSES[step][int(re.findall("This is pass ([0-9]+) of", prompt)[-1]) - 1]
    return f"\nReview status: {word}" if step == "review" else f" {word}"


def _count(step: str) -> None:
    """Write the call down in one piece: whoever started it may be dead by now."""
    line = f"{os.environ['AETHR_RUN_MARKER']} {step}\n"
    log = os.open(os.environ["CALLS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(log, line.encode())


def _say(kind: str, **part: object) -> None:
    line = {"type": kind, "timestamp": 1, "sessionID": "ses_1", "part": {**part, "messageID": "m"}}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
