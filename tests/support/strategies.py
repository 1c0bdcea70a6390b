"""Damage to draw: files with bytes, words and lines out of place, and odd JSON values."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from hypothesis import settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Edit = Callable[[st.DrawFn, bytes, Sequence[bytes]], bytes]


def examples(least: int) -> settings:
    """Try so many examples, or as many as the profile says if those are more."""
    return settings(max_examples=max(least, settings().max_examples))


@st.composite
def damaged(draw: st.DrawFn, files: Sequence[bytes], words: Sequence[bytes]) -> bytes:
    """Draw one of the files after a few edits; ``words`` are what is put into it."""
    data = draw(st.sampled_from(files))
    for edit in draw(st.lists(st.sampled_from(_EDITS), min_size=1, max_size=3)):
        data = edit(draw, data, words)
    return data


def _place(draw: st.DrawFn, data: Sequence[object]) -> int:
    return draw(st.integers(0, len(data)))


def _word_put_in(draw: st.DrawFn, data: bytes, words: Sequence[bytes]) -> bytes:
    place = _place(draw, data)
    return data[:place] + draw(st.sampled_from(words)) + data[place:]


def _piece_replaced(draw: st.DrawFn, data: bytes, words: Sequence[bytes]) -> bytes:
    place = _place(draw, data)
    piece = data[place : place + draw(st.integers(1, 40))]
    new = draw(st.sampled_from([b"", piece * 2, *words]))
    return data[:place] + new + data[place + len(piece) :]


def _byte_changed(draw: st.DrawFn, data: bytes, _: Sequence[bytes]) -> bytes:
    place = _place(draw, data)
    return data[:place] + bytes([draw(st.integers(0, 255))]) + data[place + 1 :]


def _torn(draw: st.DrawFn, data: bytes, _: Sequence[bytes]) -> bytes:
    return data[: _place(draw, data)]


def _line_moved(draw: st.DrawFn, data: bytes, _: Sequence[bytes]) -> bytes:
    """Take a line out, or put it, or one more of it, somewhere else."""
    lines = data.splitlines(keepends=True) or [b""]
    line = lines.pop(draw(st.integers(0, len(lines) - 1)))
    for _copy in range(draw(st.integers(0, 2))):
        lines.insert(_place(draw, lines), line)
    return b"".join(lines)


def _value_replaced(draw: st.DrawFn, data: bytes, words: Sequence[bytes]) -> bytes:
    """Give a key, where the file has some, a value of another kind."""
    lines = data.split(b"\n")
    keyed = [place for place, line in enumerate(lines) if b":" in line or b"=" in line]
    if keyed:
        place = draw(st.sampled_from(keyed))
        mark = b": " if b":" in lines[place] else b"="
        lines[place] = lines[place].partition(mark.strip())[0] + mark + draw(st.sampled_from(words))
    return b"\n".join(lines)


def _encoded(draw: st.DrawFn, data: bytes, _: Sequence[bytes]) -> bytes:
    text = data.decode("utf-8", "replace")
    coded = (text.encode(name, "replace") for name in ("utf-8-sig", "utf-16", "utf-32", "latin-1"))
    return draw(st.sampled_from([*coded, text.replace("\n", "\r\n").encode(), b"\xff" + data]))


# The plain ones more often: a file that is still valid goes further.
_EDITS: Sequence[Edit] = [
    *[_word_put_in, _piece_replaced, _byte_changed, _line_moved, _value_replaced] * 3,
    _torn,
    _encoded,
]

ODD: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from([None, True, False, -1, 0, 1, 2.5, 10**18, 10**400, -(10**400)]),
    st.sampled_from([float("nan"), float("inf"), float("-inf"), 1e308, -0.0]),
    st.sampled_from(["", "x", "plan", "pass", "\0", "\ud800", "\x1b[2J", "\u202e", "x" * 100_000]),
    st.sampled_from([[], {}, [1], [None], ["x"], {"x": 1}, [[[[]]]], {"results": []}]),
    st.integers() | st.floats() | st.text(max_size=20),
).map(deepcopy)
"""Values of JSON, and what Python's reader takes for it, that a field may not expect."""


@st.composite
def misshapen(draw: st.DrawFn, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Draw rows in which some fields, also deep inside, are odd, missing, or more."""
    drawn = deepcopy(list(rows))
    for _ in range(draw(st.integers(1, 3))):
        holder = draw(st.sampled_from(list(_holders(drawn))))
        place = draw(st.sampled_from([*_places(holder), "extra"]))
        if isinstance(holder, list):
            holder[place if isinstance(place, int) else len(holder) :] = [draw(ODD)]
        elif draw(st.booleans()):
            holder[place] = draw(ODD)
        else:
            holder.pop(place, None)
    return drawn


def as_lines(rows: Sequence[Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def _holders(value: Any) -> Iterator[Any]:
    """Give every mapping inside a value, and every list but the outermost."""
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, dict | list):
            yield inner
            yield from _holders(inner)


def _places(holder: Any) -> list[Any]:
    return list(range(len(holder)) if isinstance(holder, list) else holder)
