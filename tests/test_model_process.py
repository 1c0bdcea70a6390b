"""What LiteLLM does to the process that holds it: environment, output, start and end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from aethr.routing import KEY_NAMES, PROVIDERS
from tests.support.llm_script import Fault, Reply, refusal, said
from tests.support.llm_server import LLMServer

if TYPE_CHECKING:
    from collections.abc import Mapping

PROJECT = str(Path(__file__).parents[1])
# Names that LiteLLM 1.106.2 or the OpenAI SDK read a credential from, for these providers.
MORE_KEYS = {
    *("OPENAI_ADMIN_KEY", "ANTHROPIC_AUTH_TOKEN", "PALM_API_KEY", "OR_API_KEY", "OLLAMA_API_KEY"),
    *("MISTRAL_AZURE_API_KEY", "LITELLM_PROXY_API_KEY", "HF_TOKEN", "GITHUB_TOKEN"),
}


def python(
    *argv: str, environ: Mapping[str, str] | None = None, folder: Path | None = None
) -> subprocess.Popen[str]:
    """Start a Python in which warnings are errors."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", *argv],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": PROJECT, **(environ or {})},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_no_key_of_the_environment_gets_out_by_itself() -> None:
    environ = {name: f"canary-{name}" for name in KEY_NAMES | MORE_KEYS}
    names = [f"{provider}:some-model" for provider in PROVIDERS]
    with LLMServer(*[refusal(400, "no")] * len(names)) as server:
        child = python("-m", "tests.support.ask", server.root, *names, environ=environ)
        _, err = child.communicate()
    assert err == ""
    assert len(server.requests) == len(names)
    for request in server.requests:
        sent = f"{request.path} {request.headers} {request.body}"
        assert "canary" not in sent
        assert "none" in request.headers.values() or "Bearer none" in request.headers.values()


def test_a_strangers_env_file_is_not_loaded(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("GIT_EXTERNAL_DIFF=evil\nOPENAI_API_KEY=sk-file\n")
    code = (
        "import os; from aethr.backends import completion; completion.load();"
        "print(os.environ.get('GIT_EXTERNAL_DIFF'), os.environ.get('OPENAI_API_KEY'))"
    )
    assert python("-c", code, folder=tmp_path).communicate() == ("None None\n", "")


@pytest.mark.parametrize("environ", [{}, {"LITELLM_LOG": "DEBUG"}], ids=["plain", "debug"])
def test_nothing_but_the_answer_is_said(environ: dict[str, str]) -> None:
    replies = (said("fine"), refusal(401, "bad key"), Reply("half", fault=Fault.CUT))
    with LLMServer(*replies) as server:
        names = ["openai:gpt-4o-mini", "anthropic:claude-sonnet-4-5", "openai:llama-3-unknown"]
        child = python("-m", "tests.support.ask", server.root, *names, environ=environ)
        out, err = child.communicate()
    lines = out.splitlines()
    assert (lines[0], err) == ("fine", "")
    assert lines[1] == "error: anthropic refused a call without a key: bad key"
    assert lines[3].startswith(f"error: the connection to {server.root} failed: ")
    assert len(lines) == 5


def test_nothing_of_it_is_imported_until_it_is_needed() -> None:
    code = (
        "import sys; import aethr.backends; from aethr.backends.scripted import MockBackend;"
        "print({'litellm', 'openai', 'httpx', 'http', 'asyncio'} & {*sys.modules})"
    )
    floor = "import sys, invoke.exceptions; print({'http', 'asyncio'} & {*sys.modules})"
    assert python("-c", code).communicate() == python("-c", floor).communicate()


@pytest.mark.parametrize("when", ["sys", "httpx", "openai", "litellm.types.utils", "litellm.main"])
def test_a_run_that_fails_during_the_import_just_ends(when: str) -> None:
    code = f"""
import sys, time
from pathlib import Path
from aethr.backends.model import ModelBackend
from aethr.settings import Settings
ModelBackend(Settings(Path(), {{}})).prepare()
while {when!r} not in sys.modules:
    time.sleep(0.001)
sys.exit(3)
"""
    child = python("-c", code)
    assert child.communicate() == ("", "")
    assert child.returncode == 3


@pytest.mark.parametrize("model", ["openai:gpt-4o-mini", "anthropic:claude-sonnet-4-5"])
def test_ctrl_c_ends_a_call_that_hangs(model: str) -> None:
    with LLMServer(Reply(fault=Fault.HANG)) as server:
        child = python("-m", "tests.support.ask", server.root, model)
        server.wait_for(1)
        child.send_signal(signal.SIGINT)
        assert child.communicate() == ("", "")
    assert child.returncode == 130


AT_THE_END = """
import _imp, threading
from aethr.backends import completion
completion.load()
from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler
kept = AsyncHTTPHandler()
held = threading.Event()
def importing():
    _imp.acquire_lock()
    held.set()
    threading.Event().wait()
threading.Thread(target=importing, daemon=True).start()
held.wait()
"""


@pytest.mark.fault(
    "nothing lost", "a hang at the end of the process", "a thread that imports goes down with it"
)
def test_a_thread_that_imports_does_not_keep_the_process_from_ending() -> None:
    """LiteLLM's clients import when they are freed, and would wait for the thread's lock."""
    child = python("-c", AT_THE_END)
    try:
        assert child.communicate(timeout=60) == ("", "")
    finally:
        child.kill()
    assert child.returncode == 0
