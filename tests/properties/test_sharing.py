"""All of a step's sources in one limit: never over it, none starved, no cut without a word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aethr.context import Absent, Patch, Surroundings, collect
from aethr.results import Block, Doubt
from aethr.workflow import Source, SourceKind
from tests.support.strategies import examples

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

# Lines of at most 20 characters: a cut at a line wastes no more.
TEXTS = st.one_of(
    st.text("ab \n", min_size=1, max_size=60),
    st.builds(
        lambda line, times: f"{line}\n" * times, st.text("abü", max_size=20), st.integers(1, 400)
    ),
)
MARK = 150  # room for the lines that say what was cut


@dataclass(frozen=True)
class Given:
    """A source with a text of its own; ``latest_diff`` and ``stdin`` can be there once."""

    kind: str
    text: str


GIVEN = st.lists(st.builds(Given, st.sampled_from(["step", "file"]), TEXTS), max_size=4).flatmap(
    lambda many: st.tuples(TEXTS, TEXTS).map(
        lambda once: [*many, Given("stdin", once[0]), Given("latest_diff", once[1])]
    )
)


def collected(
    root: Path, given_: Sequence[Given], patches: Sequence[str], limit: int
) -> tuple[Block, ...]:
    sources, outputs, texts = [], {}, {}
    for place, one in enumerate(given_):
        name = f"s{place}" if one.kind in ("step", "file") else ""
        sources.append(Source(SourceKind(one.kind), name))
        outputs[name] = texts[one.kind] = one.text
        if one.kind == "file":
            (root / name).write_text(one.text)
    around = Surroundings(
        root,
        stdin=texts.get("stdin"),
        outputs=outputs,
        latest_diff=texts.get("latest_diff", Absent.NOT_YET),
        patches=tuple(Patch(f"changes of {place}", text) for place, text in enumerate(patches)),
    )
    return collect(sources, around, limit)


@pytest.mark.fault(
    "explicit",
    "context that does not fit its limit",
    "generated texts of steps, files, stdin and diffs, and limits from 1 character on",
)
@examples(500)
@given(given_=GIVEN, patches=st.lists(TEXTS, max_size=2), limit=st.integers(1, 12_000))
def test_sources_share_their_limit(
    tmp_path: Path,
    example: Callable[[], None],
    given_: list[Given],
    patches: list[str],
    limit: int,
) -> None:
    blocks = collected(tmp_path, given_, patches, limit)
    assert sum(len(block.text) for block in blocks) <= limit
    fair = limit // (len(given_) + bool(patches))
    for one, block in zip(given_, blocks, strict=False):
        if block.doubt is Doubt.CUT:
            assert len(one.text) > fair, "what fits is not cut"
            assert block.kept >= min(fair, len(one.text)) - MARK - 20, "nobody starves"
        is_told(one.text, block)
    for text, block in zip(patches, blocks[len(given_) :], strict=True):
        is_told(text, block)
    if sum(len(one.text) for one in given_) + sum(map(len, patches)) <= limit:
        assert not any(block.doubt is Doubt.CUT for block in blocks), (
            "nothing is cut where all fits"
        )
    example()


def is_told(text: str, block: Block) -> None:
    """Check that a block is the whole text, or a beginning of it that says so."""
    if block.doubt is not Doubt.CUT:
        assert block.text == text
        assert block.kept == len(text)
        blank_input = block.name == "stdin" and not text.strip()
        assert block.warnings == (("stdin is empty",) if blank_input else ())
        return
    assert block.warnings[0].startswith(f"{block.name} is cut: ")
    body, mark, said = block.text.partition("[truncated")
    if block.kept:
        assert text.startswith(body.removesuffix(" […]\n"))
        assert f"{mark}{said}".startswith(f"[truncated: {block.name}, {block.kept:,} of ")
    else:
        assert mark or block.text in ("…", "")
