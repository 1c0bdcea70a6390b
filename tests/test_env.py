"""`.env` is a stranger's file in a cloned repository: it can't spend money or take keys."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from aethr.settings import load
from tests.support.live import OPENAI_KEY, live
from tests.support.llm_script import said
from tests.support.llm_server import LLMServer
from tests.test_run import PASS, REVIEW

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.cli import Shell


@pytest.fixture
def project(repo: Shell) -> Shell:
    repo.write({".aethr.yaml": REVIEW, ".gitignore": ".env\n"})
    return repo


def test_names_that_do_not_count_have_no_effect(project: Shell) -> None:
    evil = f"touch {project.folder}/evil"
    project.write(
        {
            "evil.sh": f"#!/bin/sh\n{evil}\n",
            ".env": f"AETHR_EDITOR={evil}\nPATH=/nowhere\nGIT_EXTERNAL_DIFF={evil}\n",
        }
    )
    run = project.aethr("run", "go")
    assert run.code == 0, run.err
    assert not (project.folder / "evil").exists()


def test_its_keys_and_switches_work(project: Shell) -> None:
    with LLMServer(said(PASS)) as server:
        project.write(
            {".env": f"AETHR_LIVE=1\nOPENAI_API_KEY=sk-in-file\nOPENAI_BASE_URL={server.url}\n"}
        )
        run = project.aethr("run", "go")
        assert run.code == 0, run.err
        assert server.requests[0].headers["authorization"] == "Bearer sk-in-file"
    assert "live (AETHR_LIVE=1 in .env)" in run.err


@pytest.mark.parametrize("name", ["AETHR_LIVE=1", "AETHR_MODEL=openai:gpt-4o"])
def test_a_tracked_file_turns_nothing_live(project: Shell, name: str) -> None:
    project.write({".env": f"{name}\n"})
    project.git("add", "-f", ".env")
    run = project.aethr("run", "go")
    assert run.code == 0
    assert (
        f"warning: .env is tracked by git: its {name.split('=', maxsplit=1)[0]} does not count"
        in run.err
    )
    assert "mock:" in run.err


def test_the_real_environment_wins_also_with_an_empty_variable(project: Shell) -> None:
    project.write({".env": "AETHR_LIVE=1\n"})
    assert "mock:" in project.aethr("run", "go", AETHR_LIVE="").err
    assert "needs OPENAI_API_KEY" in project.aethr("run", "go").err


STRANGER = "http://127.0.0.2.example.com/v1"


@pytest.mark.parametrize(
    ("env_file", "models"),
    [
        (f"OPENAI_BASE_URL={STRANGER}\n", "openai:gpt-4o-mini"),
        ("", f"{{model: 'openai:gpt-4o-mini', api_base: '{STRANGER}'}}"),
        (
            "",
            f"{{model: 'openai:x', api_base: '{STRANGER}', api_key_env: GITHUB_TOKEN}}",
        ),
    ],
)
def test_a_strangers_endpoint_gets_no_key_of_the_environment(
    project: Shell, env_file: str, models: str
) -> None:
    project.write({".env": env_file, ".aethr.yaml": REVIEW.replace('"openai:gpt-4o-mini"', models)})
    with LLMServer() as server:
        # The stranger's host is reached through this proxy, which is the test's server.
        env = {**live(server), "OPENAI_BASE_URL": None, "http_proxy": server.root}
        run = project.aethr("run", "go", GITHUB_TOKEN="ghp_0123456789abcdef0123", **env)
        sent = str([(request.headers, request.body) for request in server.requests])
        server.unexpected = 0
    assert "of the environment is not sent to" in run.err
    assert OPENAI_KEY not in sent
    assert "ghp_" not in sent + run.err


def test_a_link_out_of_the_project_is_not_read(project: Shell) -> None:
    (project.folder.parent / "elsewhere").write_text("AETHR_LIVE=1\n")
    (project.folder / ".env").symlink_to("../elsewhere")
    run = project.aethr("run", "go")
    assert "warning: .env is not read: it is a link out of the project" in run.err
    assert "mock:" in run.err


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"====\n'\"\n", b"OPENAI_API_KEY"])
def test_one_that_makes_no_sense_gives_no_traceback(project: Shell, content: bytes) -> None:
    project.write({".env": content})
    run = project.aethr("run", "go")
    assert run.code == 0
    assert "Traceback" not in run.err
    assert "python-dotenv" not in run.err


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"A=1\n====\n'\"\n", "these lines are no NAME=VALUE: 2, 3"),
        (b"A=1\nOPENAI_API_KEY='a\0b'\n", "this line is no NAME=VALUE: 2"),
        (b"a b\n" * 8, "these lines are no NAME=VALUE: 1, 2, 3, 4, 5, … (3 lines more)"),
    ],
)
def test_what_is_no_line_of_it_is_named_once(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / ".env").write_bytes(content)
    found = load(tmp_path, {"PATH": os.environ["PATH"]})
    assert found.warnings == (f".env: {told}",)
    assert not found.dotenv


def test_a_folder_called_env_is_said_to_be_none(project: Shell) -> None:
    (project.folder / ".env").mkdir()
    assert "warning: .env is not read: it is no file" in project.aethr("run", "go").err
