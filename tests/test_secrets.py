"""A key never survives, however a stream is split."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aethr.secrets import Mask

KEYS = {"sk-abc12345": "OPENAI_API_KEY", "sk-abc12345-long": "OTHER_TOKEN", "5-lonely": "MY_SECRET"}
ODD = "q\"u\\o/ü\n'5"  # JSON, Python and URLs write it otherwise than it is
MASK = Mask({**KEYS, ODD: "ODD_SECRET"})
LEAK = "nothing leaked"


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


QUOTED = [
    ODD,
    json.dumps(ODD),
    json.dumps(json.dumps(ODD, ensure_ascii=False)),
    repr(ODD),
    repr(f'"{ODD}'),
    repr(ODD.encode()),
    quote(ODD, safe=""),
]
PARTS = [*KEYS, *QUOTED, "sk-", "abc", "12345", "-lo", "ng", "5-lon", 'q"u', "…"]
pieces = st.lists(st.one_of(st.sampled_from(PARTS), st.text()), max_size=8)


@pytest.mark.fault(LEAK, "a key with quotes, backslashes, a line break", "as JSON, a URL… write it")
@pytest.mark.parametrize("text", QUOTED)
def test_a_key_is_found_however_it_is_quoted(text: str) -> None:
    assert "[masked ODD_SECRET]" in MASK(text)
    assert "5" not in MASK(text)


@pytest.mark.fault(LEAK, "an answer that comes in pieces", "every split of generated texts")
@given(pieces, st.integers(1, 7))
def test_a_stream_is_masked_as_its_whole_text_is(parts: list[str], size: int) -> None:
    text = "".join(parts)
    stream = MASK.stream()
    chunks = [text[start : start + size] for start in range(0, len(text), size)]
    shown = "".join([*map(stream.feed, chunks), stream.flush()])
    assert shown == MASK(text)
    assert not any(key in shown for key in [*KEYS, *QUOTED])


@given(pieces, st.integers(0, 60))
def test_a_cut_text_ends_in_no_half_of_a_key(parts: list[str], size: int) -> None:
    text = "".join(parts)
    for shown in (MASK.cut(text[:size]), MASK.brief(f"{text[:size]}…")):
        end = shown.removesuffix("…")[-4:]
        assert not any(len(end) == 4 and key.startswith(end) for key in KEYS)


def test_no_half_is_looked_for_where_nothing_was_cut() -> None:
    assert MASK("sk-abc1234") == "sk-abc1234"
    assert MASK.cut("sk-abc1234") == "[masked OTHER_TOKEN]"
    assert MASK.cut("sk-") == "sk-"
    assert MASK.brief("it was sk-abc1… and more") == "it was [masked OTHER_TOKEN]… and more"
    stream = MASK.stream()
    assert stream.feed("sk-abc1234") + stream.flush(cut=True) == "[masked OTHER_TOKEN]"


def test_what_can_be_no_key_is_shown_at_once() -> None:
    assert MASK.stream().feed("hello world") == "hello world"
