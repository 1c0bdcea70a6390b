"""The real OpenCode CLI: where it is, and the environment that points it at a scripted model."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.npm import CACHE, absent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.llm_server import LLMServer

VERSION = "1.18.33"
INSTALL = f"npm install --prefix {CACHE / 'opencode'} opencode-ai@{VERSION}"


def real() -> Path:
    """Find the real CLI; without it the test skips, or, where CI is set, fails."""
    places = (
        os.environ.get("AETHR_TEST_OPENCODE"),
        shutil.which("opencode"),
        CACHE / "opencode" / "node_modules" / ".bin" / "opencode",
    )
    found = next((Path(place) for place in places if place and Path(place).is_file()), None)
    return found or absent(f"OpenCode is not installed: {INSTALL}")


def real_env(server: LLMServer) -> dict[str, str]:
    """Give the environment in which the real CLI is found, and asks a scripted server.

    Its HOME lasts: in a new one OpenCode installs 90 MB from npm.
    """
    program, home = real(), CACHE / "home"
    folders = {
        f"XDG_{kind}_HOME": str(home / kind) for kind in ("CONFIG", "DATA", "STATE", "CACHE")
    }
    for folder in folders.values():
        Path(folder).mkdir(parents=True, exist_ok=True)
    off = ("AUTOUPDATE", "MODELS_FETCH", "DEFAULT_PLUGINS", "LSP_DOWNLOAD", "CLAUDE_CODE")
    env = {
        "PATH": f"{program.parent}:/usr/bin:/bin",
        "HOME": str(home),
        **folders,
        **{f"OPENCODE_DISABLE_{name}": "1" for name in off},
        "OPENCODE_CONFIG_CONTENT": json.dumps(_config(server)),
    }
    _make_database(env, home)
    return env


def _make_database(env: Mapping[str, str], home: Path) -> None:
    """Have one process make it: several at once on a new HOME break each other (1.18.33)."""
    import fcntl

    made = home / f"made-by-{VERSION}"
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            argv = ["opencode", "session", "list"]
            subprocess.run(
                argv, cwd=home, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=True
            )
            made.touch()


def _config(server: LLMServer) -> dict[str, Any]:
    model = {
        "name": "Fake",
        "tool_call": True,
        "cost": {"input": 3, "output": 15, "cache_read": 0.3},
        "limit": {"context": 400_000, "output": 8192},
    }
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "options": {"baseURL": server.url, "apiKey": "sk-fake-0123456789"},
        "models": {"fake-1": model},
    }
    return {
        "autoupdate": False,
        "share": "disabled",
        "snapshot": False,
        "enabled_providers": ["fake"],
        "model": "fake/fake-1",
        "small_model": "fake/fake-1",
        "provider": {"fake": provider},
    }
