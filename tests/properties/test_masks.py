"""No key survives: keys that begin, hold and overlap each other, in any chunks of a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aethr.secrets import Mask
from tests.support.strategies import examples

if TYPE_CHECKING:
    from collections.abc import Callable


@st.composite
def keys_and_text(draw: st.DrawFn) -> tuple[dict[str, str], str]:
    """Draw keys cut out of one short text, so that they overlap, and a text full of their parts."""
    source = draw(st.text("ab-", min_size=8, max_size=24))
    places = st.tuples(st.integers(0, len(source) - 4), st.integers(4, 16))
    cuts = draw(st.lists(places, min_size=1, max_size=5))
    keys = {source[start : start + size]: f"K{place}" for place, (start, size) in enumerate(cuts)}
    parts = st.sampled_from([*keys, source]) | st.text("ab- x\n", max_size=5)
    whole = draw(st.lists(parts, max_size=10))
    return keys, "".join(part[: draw(st.integers(1, 24))] for part in whole)


def plainly(keys: dict[str, str], text: str) -> str:
    """Mask from left to right, at each place the longest key."""
    shown, place = "", 0
    while place < len(text):
        here = [key for key in keys if text.startswith(key, place)]
        key = max(here, key=len, default="")
        shown += f"[masked {keys[key]}]" if key else text[place]
        place += len(key) or 1
    return shown


@pytest.mark.fault(
    "nothing leaked",
    "keys that begin, hold and overlap each other",
    "generated keys, texts made of their parts, and every way to cut them into chunks",
)
@examples(500)
@given(keys_and_text(), st.lists(st.integers(0, 30), max_size=30))
def test_a_stream_in_any_chunks_shows_what_the_masked_text_shows(
    example: Callable[[], None], drawn: tuple[dict[str, str], str], sizes: list[int]
) -> None:
    keys, text = drawn
    mask, rest, chunks = Mask(keys), text, []
    for size in sizes:
        chunks.append(rest[:size])
        rest = rest[size:]
    stream = mask.stream()
    shown = "".join([*map(stream.feed, [*chunks, rest]), stream.flush()])
    assert shown == mask(text) == plainly(keys, text)
    assert not any(key in shown for key in keys)
    example()
