"""A key never survives, however a stream is split."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aethr.secrets import Mask

KEYS = {"sk-abc12345": "OPENAI_API_KEY", "sk-abc12345-long": "OTHER_TOKEN", "5-lonely": "MY_SECRET"}
MASK = Mask(KEYS)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("key sk-abc12345.", "key [masked OPENAI_API_KEY]."),
        ("sk-abc12345-long", "[masked OTHER_TOKEN]"),
        ("sk-abc1234", "sk-abc1234"),
        ("", ""),
    ],
)
def test_a_text_is_masked(text: str, shown: str) -> None:
    assert MASK(text) == shown


def test_no_keys_change_nothing() -> None:
    stream = Mask({}).stream()
    assert Mask({})("sk-abc12345") == "sk-abc12345"
    assert stream.feed("sk-") + stream.flush() == "sk-"


pieces = st.lists(
    st.one_of(st.sampled_from([*KEYS, "sk-", "abc", "12345", "-lo", "ng", "5-lon"]), st.text()),
    max_size=8,
)


@given(pieces, st.integers(1, 7))
def test_a_stream_is_masked_as_its_whole_text_is(parts: list[str], size: int) -> None:
    text = "".join(parts)
    stream = MASK.stream()
    chunks = [text[start : start + size] for start in range(0, len(text), size)]
    shown = "".join([*map(stream.feed, chunks), stream.flush()])
    assert shown == MASK(text)
    assert not any(key in shown for key in KEYS)


def test_what_can_be_no_key_is_shown_at_once() -> None:
    assert MASK.stream().feed("hello world") == "hello world"
