"""Files inside a folder are read, and nothing else is."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from aethr import files
from aethr.files import Place, Unread
from aethr.material import Piece

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Give a project folder with a file outside of it."""
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "a.txt").write_text("inside\n")
    (root / "sub/b.txt").write_text("below\n")
    (tmp_path / "outside.txt").write_text("outside\n")
    return root


def read(root: Path, name: str, hold: int = 1000, most: int = 4000) -> Piece | Unread:
    return files.read(root, name, hold, most)


@pytest.mark.parametrize("name", ["a.txt", "sub/../a.txt", "./a.txt", "link", "sub/up"])
def test_what_is_inside_is_read(root: Path, name: str) -> None:
    (root / "link").symlink_to("sub/up")
    (root / "sub/up").symlink_to("../a.txt")
    assert read(root, name) == Piece(name, "inside\n", 7)


def test_an_absolute_path_may_lead_inside(root: Path) -> None:
    assert isinstance(read(root, str(root / "a.txt")), Piece)


@pytest.mark.fault(
    "nothing leaked", "a file that is not to be read", "outside, in .git, secret, special; by links"
)
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../outside.txt", Unread.OUTSIDE),
        ("sub/../../outside.txt", Unread.OUTSIDE),
        ("/etc/passwd", Unread.OUTSIDE),
        ("escape", Unread.OUTSIDE),
        ("folder/outside.txt", Unread.OUTSIDE),
        (".git/config", Unread.GIT_OWN),
        ("nested/.git/config", Unread.GIT_OWN),
        ("to git", Unread.GIT_OWN),
        (".env", Unread.SECRET),
        ("sub/.env.local", Unread.SECRET),
        ("no/../.env", Unread.SECRET),
        ("to secret", Unread.SECRET),
        ("missing.txt", Unread.MISSING),
        ("a.txt/below", Unread.MISSING),
        ("dangling", Unread.MISSING),
        ("sub", Unread.DIRECTORY),
        (".", Unread.DIRECTORY),
        ("circle", Unread.DENIED),
        ("fifo", Unread.SPECIAL),
        ("socket", Unread.SPECIAL),
        ("binary", Unread.BINARY),
        ("nul\0", Unread.OUTSIDE),
    ],
)
def test_what_is_not_read_says_why(
    root: Path, name: str, why: Unread, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in (".git", "nested/.git"):
        (root / folder).mkdir(parents=True)
        (root / folder / "config").write_text("[core]\n")
    (root / ".env").write_text("KEY=1\n")
    (root / "binary").write_bytes(b"text\0")
    links = {
        "escape": "../outside.txt",
        "folder": "..",
        "to git": ".git/config",
        "to secret": ".env",
        "dangling": "nothing",
        "circle": "circle",
    }
    for link, target in links.items():
        (root / link).symlink_to(target)
    os.mkfifo(root / "fifo")
    monkeypatch.chdir(root)  # the path of a socket is limited to some hundred bytes
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        assert read(root, name) is why


def test_a_link_put_in_the_way_after_the_look_is_not_followed(root: Path) -> None:
    place = files.locate(root, "sub/b.txt")
    assert isinstance(place, Place)
    (root / "sub/b.txt").unlink()
    (root / "sub/b.txt").symlink_to("../../outside.txt")
    with pytest.raises(OSError, match="symbolic links"), files.opened(place):
        pass
    with pytest.raises(OSError, match="a link was put"):
        files.open_and_compare(place)


def test_a_folder_swapped_for_a_link_after_the_look_is_not_entered(root: Path) -> None:
    (root.parent / "b.txt").write_text("outside\n")
    place = files.locate(root, "sub/b.txt")
    assert isinstance(place, Place)
    (root / "sub").rename(root / "was")
    (root / "sub").symlink_to("..")
    with pytest.raises(OSError, match=r"Not a directory|symbolic links"), files.opened(place):
        pass
    with pytest.raises(OSError, match="a link was put"):
        files.open_and_compare(place)


def test_the_way_of_other_systems_reads_files_too(root: Path) -> None:
    place = files.locate(root, "sub/b.txt")
    assert isinstance(place, Place)
    with os.fdopen(files.open_and_compare(place)) as file:
        assert file.read() == "below\n"


def test_bytes_that_are_not_utf_8_are_replaced_and_counted(root: Path) -> None:
    (root / "latin").write_bytes(b"caf\xe9, \xff\xfe, ok: \xc3\xa9")
    assert read(root, "latin") == Piece("latin", "caf\ufffd, \ufffd\ufffd, ok: é", 15, replaced=3)


def test_a_character_may_stand_between_two_chunks(root: Path) -> None:
    text = "x" + "é" * 100_000
    (root / "big").write_text(text, "utf-8")
    assert read(root, "big", 200_000, 200_000) == Piece("big", text, 100_001)


def test_reading_stops_where_enough_was_seen(root: Path) -> None:
    (root / "big").write_text("0123456789" * 100_000)
    assert read(root, "big", 15, 60) == Piece("big", "012345678901234", 60, more=True)
    whole = read(root, "big", 15, 1_000_000)
    assert whole == Piece("big", "012345678901234", 1_000_000)


def test_walking_enters_no_link_and_no_git_folder(root: Path) -> None:
    (root / ".git").mkdir()
    (root / ".git/config").write_text("")
    (root / "sub/.hidden").write_text("")
    (root / "loop").symlink_to(".")
    (root / "escape").symlink_to("../outside.txt")
    assert sorted(files.walk(root)) == ["a.txt", "escape", "sub/.hidden", "sub/b.txt"]
