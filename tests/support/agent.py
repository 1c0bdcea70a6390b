"""An agent under test: the backend of OpenCode over a stand-in that plays a script."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from aethr.backends.opencode import OpenCodeBackend
from aethr.errors import StepFailed
from aethr.results import Call
from aethr.settings import Settings
from aethr.workflow import ModelRef, Step
from tests.support.output import Heard
from tests.support.processes import alive, carriers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aethr.results import Reply

Act = list[Any]


@dataclass
class FakeOpenCode:
    """The stand-in, installed in a folder; what it was asked is in ``calls``."""

    folder: Path
    exports: Mapping[str, str] = field(default_factory=dict)
    help: str = "  --auto   auto-approve permissions"

    @property
    def calls(self) -> list[dict[str, Any]]:
        record = self.folder / "record"
        lines = record.read_text().splitlines() if record.exists() else []
        return [json.loads(line) for line in lines]

    def env(self, *acts: Act) -> dict[str, str]:
        """Install it to play some acts; give the environment in which it is found."""
        program = self.folder / "bin" / "opencode"
        program.parent.mkdir(parents=True, exist_ok=True)
        source = Path(__file__).with_name("fake_opencode.py").read_text()
        program.write_text(f"#!{sys.executable} -IS\n{source}")
        program.chmod(0o755)
        record = self.folder / "record"
        script = {"acts": acts, "help": self.help, "exports": self.exports, "record": str(record)}
        (self.folder / "script.json").write_text(json.dumps(script))
        path = f"{program.parent}:/usr/bin:/bin"
        return {"PATH": path, "FAKE_OPENCODE": str(self.folder / "script.json")}


def event(kind: str, **fields: Any) -> Act:
    """Print an event as OpenCode does."""
    line = {"type": kind, "timestamp": 1795219042538, "sessionID": "ses_1", **fields}
    return ["out", json.dumps(line, separators=(",", ":"))]


def text(said: str, message: str = "msg_1") -> Act:
    return event("text", part={"id": "prt_1", "messageID": message, "type": "text", "text": said})


def tool(name: str, session: str = "", **state: Any) -> Act:
    if session:
        state["metadata"] = {"sessionId": session}
    whole = {"status": "completed", "input": {}, "metadata": {}, **state}
    part = {"type": "tool", "tool": name, "callID": "call_1", "state": whole, "messageID": "msg_1"}
    return event("tool_use", part=part)


def turn(reason: str = "stop", message: str = "msg_1", **fields: Any) -> Act:
    tokens = {"input": 800, "output": 50, "reasoning": 0, "cache": {"write": 0, "read": 200}}
    part = {"reason": reason, "messageID": message, "type": "step-finish"}
    return event("step_finish", part={**part, "tokens": tokens, "cost": 0.00321, **fields})


def error(message: str, name: str = "APIError", **data: Any) -> Act:
    return event("error", error={"name": name, "data": {"message": message, **data}})


STEP = Step("implement", "implementer", backend="opencode")
BEGUN = event("step_start", part={"messageID": "msg_1"})
GOOD = [BEGUN, text("All done."), turn()]


@dataclass
class Agent:
    """A backend over the stand-in, and what it said."""

    fake: FakeOpenCode
    heard: Heard = field(default_factory=Heard)
    heartbeat: float = 30.0
    environ: dict[str, str] = field(default_factory=dict)
    dotenv: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)

    def backend(self, *acts: Act) -> OpenCodeBackend:
        environ = {**self.environ, **self.fake.env(*acts)}
        root = self.fake.folder
        settings = Settings(root, environ, self.dotenv, secrets=self.secrets)
        return OpenCodeBackend(settings, self.heartbeat)

    def call(self, step: Step = STEP, model: str = "", prompt: str = "go") -> Call:
        return Call(step, prompt, ModelRef(model) if model else None, self.fake.folder)

    def plays(self, *acts: Act, **call: Any) -> Reply:
        return self.backend(*acts).answer(self.call(**call), self.heard)

    def fails(self, *acts: Act, **call: Any) -> str:
        with pytest.raises(StepFailed) as failed:
            self.plays(*acts, **call)
        return failed.value.summary

    @property
    def left(self) -> list[int]:
        """Find what still runs of all that it started."""
        pid_file = self.fake.folder / "pid"
        started = [int(pid_file.read_text())] if pid_file.exists() else []
        marked = [pid for call in self.fake.calls for pid in carriers(call["AETHR_RUN_MARKER"])]
        return [pid for pid in started + marked if alive(pid)]
