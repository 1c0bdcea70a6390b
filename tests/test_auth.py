"""Keys go into `.env`, for this user only, and never onto a screen."""

from __future__ import annotations

import stat
import sys
from typing import TYPE_CHECKING

import pexpect
import pytest

if TYPE_CHECKING:
    from tests.support.cli import Shell

KEY = "sk-a-key-0123456789"


@pytest.mark.parametrize(
    ("provider", "name"),
    [
        ("openai", "OPENAI_API_KEY"),
        ("anthropic", "ANTHROPIC_API_KEY"),
        ("google", "GOOGLE_API_KEY"),
        ("gemini", "GOOGLE_API_KEY"),
        ("openrouter", "OPENROUTER_API_KEY"),
        ("xai", "XAI_API_KEY"),
        ("groq", "GROQ_API_KEY"),
        ("mistral", "MISTRAL_API_KEY"),
        ("deepseek", "DEEPSEEK_API_KEY"),
    ],
)
def test_a_piped_key_is_stored(repo: Shell, provider: str, name: str) -> None:
    run = repo.aethr("auth", "login", provider, stdin=f"{KEY}\nmore\n")
    assert run.code == 0, run.err
    assert (repo.folder / ".env").read_text() == f"{name}={KEY}\n"
    assert KEY not in run.out + run.err
    assert f"set      {name}, from {repo.folder}/.env" in repo.aethr("auth", "status").out


def test_the_file_is_made_private_and_its_other_lines_stay(repo: Shell) -> None:
    old = "# mine\r\nDEBUG=1\nexport OPENAI_API_KEY='old'\nNAME=ü\n"
    repo.write({".env": old})
    (repo.folder / ".env").chmod(0o664)
    assert repo.aethr("auth.login", "openai", stdin=KEY).code == 0
    file = repo.folder / ".env"
    new = old.replace("export OPENAI_API_KEY='old'", f"OPENAI_API_KEY={KEY}")
    assert file.read_bytes().decode() == new
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sorted(path.name for path in repo.folder.iterdir() if "env" in path.name) == [".env"]


def test_what_looks_like_its_line_inside_another_value_stays(repo: Shell) -> None:
    old = "NOTE='\nOPENAI_API_KEY=none\n'\n"
    repo.write({".env": old})
    assert repo.aethr("auth", "login", "openai", stdin=KEY).code == 0
    assert (repo.folder / ".env").read_text() == f"{old}OPENAI_API_KEY={KEY}\n"
    assert "set      OPENAI_API_KEY" in repo.aethr("auth", "status").out


def test_a_terminal_is_asked_without_echo(repo: Shell) -> None:
    child = pexpect.spawn(
        sys.executable,
        ["-m", "aethr", "auth", "login", "groq"],
        cwd=str(repo.folder),
        env=repo.env,
        encoding="utf-8",
    )
    child.expect("GROQ_API_KEY: ")
    child.sendline(KEY)
    child.expect(pexpect.EOF)
    assert KEY not in (child.before or "")
    child.wait()
    assert child.exitstatus == 0
    assert KEY in (repo.folder / ".env").read_text()


def test_a_key_on_the_command_line_works_and_is_warned_about(repo: Shell) -> None:
    run = repo.aethr("auth", "login", "openai", "--key", KEY)
    assert run.code == 0
    assert "can be seen by others" in run.err


@pytest.mark.parametrize(("ignored", "tracked"), [(True, False), (False, False), (True, True)])
def test_it_warns_where_git_would_take_the_file(repo: Shell, ignored: bool, tracked: bool) -> None:
    repo.write({".gitignore": ".env\n" if ignored else "", ".env": ""})
    if tracked:
        repo.git("add", "-f", ".env")
    run = repo.aethr("auth", "login", "openai", stdin=KEY)
    assert ("git tracks .env" in run.err) == tracked
    assert ("git does not ignore .env" in run.err) == (not ignored and not tracked)


def test_the_environments_key_is_said_to_win(repo: Shell) -> None:
    run = repo.aethr("auth", "login", "openai", stdin=KEY, OPENAI_API_KEY="sk-another-0123")
    assert "the environment has another OPENAI_API_KEY, which is used instead" in run.err
    status = repo.aethr("auth", "status", OPENAI_API_KEY="sk-another-0123")
    assert "set      OPENAI_API_KEY, from the environment" in status.out
    assert "missing  ANTHROPIC_API_KEY" in status.out
    assert "sk-another" not in status.out


@pytest.mark.parametrize(
    ("argv", "stdin", "message"),
    [
        (["opnai"], KEY, "unknown provider `opnai`; did you mean `openai`?"),
        ([], KEY, "no provider was named"),
        (["openai"], "", "the key is empty"),
        (["openai"], "two words\n", "it is no key"),
        (["openai"], 'a"b\n', "it is no key"),
    ],
)
def test_what_is_no_key_is_not_stored(
    repo: Shell, argv: list[str], stdin: str, message: str
) -> None:
    run = repo.aethr("auth", "login", *argv, stdin=stdin)
    assert run.code == 2
    assert message in run.err
    assert not (repo.folder / ".env").exists()


def test_a_folder_in_the_way_is_one_line(repo: Shell) -> None:
    (repo.folder / ".env").mkdir()
    run = repo.aethr("auth", "login", "openai", stdin=KEY)
    assert run.code == 2
    assert "it is no file" in run.err
