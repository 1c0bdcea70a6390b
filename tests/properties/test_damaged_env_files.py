"""Whatever stands in a ``.env``: settings, or one clear error; and a login that counts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeVar

import pytest
from hypothesis import example as explicit
from hypothesis import given
from hypothesis import strategies as st

from aethr import auth, routing, settings
from aethr.errors import UsageError
from aethr.routing import PROVIDERS
from aethr.secrets import Mask
from aethr.text import printable
from aethr.workflow import ModelRef
from tests.support.strategies import damaged, examples

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")

KEY = "sk-of-a-login-0123456789"
FILES = [
    b"OPENAI_API_KEY=sk-file-0123456789\nAETHR_LIVE=0\n",
    b"# keys\nexport ANTHROPIC_API_KEY='sk-ant-0123456789'\nOPENAI_BASE_URL=http://localhost:1/v1\n",
    b'AETHR_MODEL="openai:gpt-4o"\nGEMINI_API_KEY="two\nlines of a key, 0123456789"\nA=b # c\n',
    b"  OPENAI_API_KEY = x\r\nGITHUB_TOKEN=ghp_0123456789abcdef\r\nEMPTY=\r\nNAMED\r\n",
]
WORDS = [
    *(char.encode() for char in "=#'\"\\$ {}:\n\r\t\0\x0b\x1b\x85\u2028\u202e"),
    *(b"export ", b"OPENAI_API_KEY=", b"AETHR_LIVE=", b"AETHR_MODEL=", b"OPENAI_BASE_URL="),
    *(b"yes", b"maybe", b"http://[", b"http://[::1", b"//", b":", b"openai:", b"${HOME}", b"\\x"),
    *(b"\xef\xbb\xbf", b"\xff", b"\xed\xa0\x80", "ünï\U0001f600".encode()),
    *(b"x" * 99_000, b"a b\n" * 999, b"'" * 999, b"\\'" * 999, b" " * 999, b"\n" * 999),
]
SWITCHES = {"AETHR_LIVE", "AETHR_MODEL"}


def tried(act: Callable[[], T]) -> T | UsageError:
    try:
        return act()
    except UsageError as error:
        return error


@pytest.mark.fault(
    "explicit",
    "a damaged .env file",
    "bytes, words, lines and encodings changed, then read, used, and written by a login",
)
@examples(500)
@given(data=damaged(FILES, WORDS))
def test_a_damaged_env_file_is_read_or_refused(
    tmp_path: Path, example: Callable[[], None], caplog: pytest.LogCaptureFixture, data: bytes
) -> None:
    environ = {"PATH": os.environ["PATH"]}
    (tmp_path / ".env").write_bytes(data)
    found = tried(lambda: settings.load(tmp_path, environ))
    if isinstance(found, UsageError):
        assert found.message == printable(found.message)
        assert "AETHR_LIVE" in found.message
    else:
        assert set(found.dotenv) <= routing.DOTENV_NAMES | SWITCHES
        assert found.live == bool(found.live_because)
        assert all(shown not in Mask(found.secrets)(f"a {shown} b") for shown in found.secrets)
        for provider in PROVIDERS:
            route = routing.resolve(ModelRef(f"{provider}:x"), environ, found.dotenv)
            assert route.api_key in {None, *found.dotenv.values()}
        assert not any("\0" in value for value in found.dotenv.values()), "for an environment"
    assert not caplog.records, "no library speaks for us"
    example()


@examples(150)
@explicit(data=b"A='\nOPENAI_API_KEY=x\n'\n", provider="openai")
@explicit(data=b"A='\n", provider="openai")
@given(data=damaged(FILES, WORDS), provider=st.sampled_from(["openai", "anthropic", "gemini"]))
def test_a_login_counts_or_says_that_it_does_not(
    tmp_path: Path, data: bytes, provider: str
) -> None:
    file = tmp_path / ".env"
    file.write_bytes(data)
    before, _ = settings.read_dotenv(file)
    said = tried(lambda: auth.login(tmp_path, {"PATH": os.environ["PATH"]}, provider, KEY))
    if isinstance(said, UsageError):
        assert said.message == printable(said.message)
        assert file.read_bytes() == data, "nothing is half-written"
    else:
        name = PROVIDERS[provider].keys[0]
        after, _ = settings.read_dotenv(file)
        assert after == {**before, name: KEY}
