"""Live runs against the scripted server: the environment that points both protocols at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.llm_server import LLMServer

OPENAI_KEY = "sk-test-openai-0123456789"
ANTHROPIC_KEY = "sk-ant-test-0123456789"


def live(server: LLMServer) -> dict[str, str]:
    return {
        "AETHR_LIVE": "1",
        "OPENAI_BASE_URL": f"http://127.0.0.1:{server.port}/v1",
        "OPENAI_API_KEY": OPENAI_KEY,
        "ANTHROPIC_API_BASE": f"http://127.0.0.1:{server.port}",
        "ANTHROPIC_API_KEY": ANTHROPIC_KEY,
    }
