"""A limit is shared fairly, never exceeded, and what is cut is named."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aethr.fit import fit
from aethr.material import Material, Note, Piece, Shelf, listed
from aethr.results import Doubt
from aethr.share import fit_all, max_min


def piece(name: str, text: str, **more: bool) -> Piece:
    return Piece.read(name, text, more=more.get("more", False))


def source(name: str, *sizes: int, titled: bool = False) -> Material:
    """Make a source of files with so many characters, in lines of ten."""
    names = (f"{name}/{place}.txt" for place in range(len(sizes)))
    pieces = tuple(
        piece(file, ("123456789\n" * size)[:size]) for file, size in zip(names, sizes, strict=True)
    )
    return Material(name, pieces, titled=titled, partial=titled)


PIECES = st.builds(
    piece,
    st.text("ab/\n ü", min_size=1, max_size=30) | st.just("package-lock.json"),
    st.text("ab\nü\udcff", max_size=400),
    more=st.booleans(),
)
NOTES = st.builds(
    Note, st.just("not read"), st.lists(st.text("abc", min_size=1), max_size=30).map(tuple)
)
MATERIALS = st.builds(
    Material,
    st.text("abc:", min_size=1, max_size=20),
    st.lists(PIECES, max_size=40, unique_by=lambda piece: piece.name).map(tuple),
    st.lists(NOTES, max_size=2).map(tuple),
    titled=st.booleans(),
)
GROUPS = st.lists(st.lists(MATERIALS, max_size=3), max_size=4)


class TestSharing:
    @pytest.mark.parametrize(
        ("demands", "total", "shares"),
        [
            ([], 10, []),
            ([5, 5], 100, [5, 5]),
            ([100, 100], 10, [5, 5]),
            ([2, 100, 100], 12, [2, 5, 5]),
            ([100, 3, 100], 12, [4, 3, 5]),
            ([7, 1], 0, [0, 0]),
        ],
    )
    def test_equal_parts_but_for_those_who_want_less(
        self, demands: list[int], total: int, shares: list[int]
    ) -> None:
        assert max_min(demands, total) == shares

    @given(st.lists(st.integers(0, 1000), min_size=1), st.integers(0, 5000))
    def test_nobody_starves_and_nothing_is_left_that_is_wanted(
        self, demands: list[int], total: int
    ) -> None:
        shares = max_min(demands, total)
        fair = total // len(demands)
        assert all(share >= min(want, fair) for share, want in zip(shares, demands, strict=True))
        assert all(share <= want for share, want in zip(shares, demands, strict=True))
        assert sum(shares) == min(total, sum(demands))

    @given(GROUPS, st.integers(0, 3000))
    def test_the_limit_is_never_exceeded(self, groups: list[list[Material]], limit: int) -> None:
        blocks = fit_all(groups, limit)
        assert [block.name for block in blocks] == [m.name for group in groups for m in group]
        assert sum(len(block.text) for block in blocks) <= limit

    @given(GROUPS, st.integers(0, 3000))
    def test_all_is_there_or_the_cut_is_told(
        self, groups: list[list[Material]], limit: int
    ) -> None:
        materials = [material for group in groups for material in group]
        for block, material in zip(fit_all(groups, limit), materials, strict=True):
            if block.text == material.whole():
                assert block.doubt is None
                assert not block.warnings
                assert block.kept == block.total == material.size
            else:
                assert block.doubt is Doubt.CUT
                assert " is cut: " in block.warnings[0]
                assert not block.text or "[" in block.text or block.text == "…"

    def test_a_small_source_is_whole_beside_a_huge_one(self) -> None:
        huge, small = fit_all([[source("huge", 100_000)], [source("small", 400)]], 1000)
        assert small.kept == 400
        assert 400 < huge.kept < 600
        assert len(huge.text) + len(small.text) > 950

    def test_what_whole_files_leave_goes_to_the_others(self) -> None:
        files, text = fit_all([[source("files", 300, 600)], [source("text", 5000)]], 1000)
        assert files.kept == 300
        assert text.kept > 550

    def test_those_of_one_group_count_as_one_source(self) -> None:
        one, *group = fit_all([[source("one", 900)], [source(n, 900) for n in "abc"]], 1200)
        assert one.kept > 500
        assert all(100 <= block.kept < 200 for block in group)


class TestFitting:
    def test_whole_files_in_order_and_the_next_one_where_one_is_too_big(self) -> None:
        block = fit(source("s", 100, 900, 200, 5000, 50), 700)
        assert block.text == (
            ("123456789\n" * 35)
            + "[truncated: s, 350 of 6,250 characters]\n[left out: s/1.txt, s/3.txt]"
        )
        assert (block.kept, block.total) == (350, 6250)
        assert block.warnings == (
            "s is cut: 3 of 5 files, 350 of 6,250 characters; left out: s/1.txt, s/3.txt",
        )

    @given(st.lists(st.integers(1, 300), min_size=2, max_size=60), st.integers(250, 5000))
    def test_files_are_whole_or_left_out_by_name(self, sizes: list[int], share: int) -> None:
        pieces = [
            piece(f"<{place}>", f"{place} " * size + "\n") for place, size in enumerate(sizes)
        ]
        material = Material("s", tuple(pieces))
        block = fit(material, share, verbose=True)
        left_out = re.findall("<[0-9]+>", block.warnings[0]) if block.warnings else []
        kept = [piece.text for piece in pieces if piece.name not in left_out]
        if "part of 1 of" in "".join(block.warnings):
            assert len(kept) == 1
            assert kept[0].startswith(block.text.partition(" […]")[0])
        else:
            assert block.text.partition("[")[0] == "".join(kept)
            assert block.kept == len("".join(kept))

    def test_generated_files_come_last_but_stand_in_their_place(self) -> None:
        lock, code = piece("a.lock", "l" * 400 + "\n"), piece("b.py", "c" * 400 + "\n")
        assert fit(Material("s", (lock, code)), 700).text.startswith("ccc")
        assert fit(Material("s", (lock, code)), 2000).text == lock.text + code.text

    def test_where_none_fits_the_first_is_cut_at_a_line(self) -> None:
        block = fit(source("s", 3000, 3000), 600)
        body, _, marks = block.text.partition("[")
        assert body == "123456789\n" * (len(body) // 10)
        assert len(body) > 400
        assert marks == (
            f"truncated: s/0.txt, {len(body)} of 3,000 characters]\n"
            f"[truncated: s, {len(body)} of 6,000 characters]\n[left out: s/1.txt]"
        )
        assert block.warnings[0].startswith("s is cut: part of 1 of 2 files, ")

    def test_an_empty_file_is_not_taken_for_one_that_fits(self) -> None:
        assert fit(source("s", 0, 3000, titled=True), 600).kept > 400

    def test_an_over_long_line_is_cut_with_a_mark(self) -> None:
        block = fit(Material("file:a", (piece("file:a", "short\n" + "x" * 5000),)), 300)
        head, mark = block.text.splitlines()[1:]
        assert re.fullmatch(r"x+ \[…\]", head)
        assert mark == f"[truncated: file:a, {block.kept} of 5,006 characters]"
        assert block.kept == len("short\n") + head.count("x")

    def test_where_reading_stopped_the_total_is_not_known(self) -> None:
        block = fit(Material("stdin", (piece("stdin", "line\n" * 100, more=True),)), 10_000)
        assert block.text.endswith("line\n[truncated: stdin, 500 of more than 500 characters]")
        assert block.total is None
        assert block.doubt is Doubt.CUT

    def test_of_the_left_out_twenty_are_named_and_all_if_asked(self) -> None:
        many = source("s", 500, *[10_000] * 40)
        block, told = fit(many, 2000), fit(many, 2000, verbose=True)
        assert "s/20.txt, … (20 more)]" in block.text
        assert block.warnings[0].endswith("s/20.txt, … (20 more)")
        assert told.warnings[0].endswith("s/39.txt, s/40.txt")
        assert told.text == block.text, "what is sent does not depend on what is shown"

    def test_a_titled_file_stands_under_its_name_on_lines_of_its_own(self) -> None:
        pieces = (piece("a\n.md", "no newline"), piece("b.md", "b\n"), piece("empty", ""))
        block = fit(Material("glob:*", pieces, titled=True), 1000)
        assert block.text == "==> a\\n.md <==\nno newline\n==> b.md <==\nb\n==> empty <==\n"
        assert block.total == 12

    def test_a_cut_glob_warns_and_raises_no_doubt(self) -> None:
        block = fit(source("glob:*", 100, 900, titled=True), 400)
        assert block.doubt is None
        assert block.warnings[0].startswith("glob:* is cut: 1 of 2 files, 100 of 1,000 characters")

    def test_a_text_without_a_newline_is_as_it_was(self) -> None:
        assert fit(Material("step:a", (piece("step:a", "exact"),)), 10).text == "exact"

    def test_notes_stand_below_and_bad_bytes_are_counted(self) -> None:
        pieces = (piece("a", "caf\udce9"), piece("b", "ok\n"), piece("c", "\udce9\udce9"))
        block = fit(Material("d", pieces, (Note("not read", (".env (secret)",)),)), 1000)
        assert block.text.splitlines()[2:] == [
            "[not read: .env (secret)]",
            "[not UTF-8, replaced: a (1 byte), c (2 bytes)]",
        ]

    @pytest.mark.parametrize(
        ("share", "text"),
        [
            (60, "[truncated: s, 0 of 900 characters]\n[left out: 2 files]"),
            (40, "[truncated: s, 0 of 900 characters]"),
            (12, "[truncated]"),
            (3, "…"),
            (0, ""),
        ],
    )
    def test_hardly_any_room_is_still_visibly_cut(self, share: int, text: str) -> None:
        block = fit(source("s", 500, 400), share)
        assert (block.text, block.kept, block.doubt) == (text, 0, Doubt.CUT)
        assert block.warnings

    def test_a_placeholder_without_room_is_told(self) -> None:
        block = fit(Material("file:a", notes=(Note("file:a: no such file"),)), 15)
        assert block.text == "[truncated]"
        assert block.warnings == ("file:a is cut: there is no room to say anything about it",)


def test_names_are_listed_up_to_a_number() -> None:
    assert listed(["a", "b"]) == "a, b"
    assert listed(list("abc"), 2) == "a, b, … (1 more)"
    assert listed(list("abc"), None) == "a, b, c"
    assert listed(["a"], 0) == "1 file"


def test_a_shelf_holds_no_more_than_could_be_shown() -> None:
    shelf = Shelf(100)
    for name in ("a", "b", "c.lock", "d"):
        shelf.add(piece(name, "x" * 150))
    assert [len(piece.text) for piece in shelf.pieces] == [150, 0, 150, 0]
    assert not shelf.is_full
    shelf.add(piece("e", "x" * 100))
    assert shelf.is_full
