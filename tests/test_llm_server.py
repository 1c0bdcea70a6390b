"""The scripted provider itself: what other tests rest on."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.llm_script import Reply, ToolCall, said
from tests.support.llm_server import LLMServer

if TYPE_CHECKING:
    from pathlib import Path

TOOL = ToolCall("bash", {"command": "ls"})


def post(port: int, **body: Any) -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", port)
    asked = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **body}
    connection.request("POST", "/v1/chat/completions", json.dumps(asked))
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, text


def events(text: str) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line]
    assert lines.pop() == "[DONE]"
    return [json.loads(line) for line in lines]


def test_a_plain_answer() -> None:
    with LLMServer(Reply("hello", tools=(TOOL,))) as server:
        status, text = post(server.port)
    answer = json.loads(text)
    assert status == 200
    assert answer["choices"][0]["message"]["content"] == "hello"
    assert answer["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "bash"
    assert answer["usage"]["total_tokens"] == 17


def test_a_streamed_one_has_usage_only_on_request() -> None:
    with LLMServer(said("hello"), said("hello")) as server:
        _, without = post(server.port, stream=True)
        _, given = post(server.port, stream=True, stream_options={"include_usage": True})
    assert not any("usage" in event for event in events(without))
    assert events(given)[-1]["usage"]["prompt_tokens"] == 12


def test_tool_calls_are_streamed() -> None:
    with LLMServer(Reply(tools=(TOOL,), finish="tool_calls")) as server:
        _, text = post(server.port, stream=True)
    deltas = [event["choices"][0]["delta"] for event in events(text)]
    (call,) = [delta["tool_calls"][0] for delta in deltas if "tool_calls" in delta]
    assert call["function"] == {"name": "bash", "arguments": '{"command": "ls"}'}


def test_a_request_beyond_the_script_is_loud() -> None:
    server = LLMServer()
    with pytest.raises(AssertionError, match="1 request more than the script has"), server:
        assert post(server.port)[0] == 418


def test_a_process_of_its_own_leaves_a_record(tmp_path: Path) -> None:
    script, port, record = tmp_path / "script.json", tmp_path / "port", tmp_path / "record"
    script.write_text(json.dumps([{"text": "hello", "usage": [1, 2, 0], "fault": "none"}]))
    files = ["--script", str(script), "--port-file", str(port), "--record", str(record)]
    child = subprocess.Popen([sys.executable, "-m", "tests.support.llm_server", *files])
    while not port.exists() and child.poll() is None:
        time.sleep(0.01)
    assert "hello" in post(int(port.read_text()))[1]
    assert post(int(port.read_text()))[0] == 418
    child.terminate()
    child.wait()
    first, _ = map(json.loads, record.read_text().splitlines())
    assert first["body"]["messages"][0]["content"] == "hi"
    assert first["path"] == "/v1/chat/completions"
