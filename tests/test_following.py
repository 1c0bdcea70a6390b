"""Processes that are followed in files, and whole families of them that are ended."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from aethr import process
from aethr.process import Command, Line, family
from tests.support.processes import alive, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

on_linux = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="markers are found in /proc"
)
ENV = {"PATH": "/usr/bin:/bin"}


def shell(script: str, folder: Path, stdin: bytes = b"", timeout: float | None = None) -> Command:
    return Command(["/bin/sh", "-c", script], folder, ENV, stdin, timeout)


def test_lines_come_whole_from_both_streams_and_a_torn_last_one_too(tmp_path: Path) -> None:
    with process.following(
        shell("cat; echo no >&2; printf torn", tmp_path, stdin=b"a\n\nb\n")
    ) as child:
        lines = [line for line in child.lines() if line]
        assert child.code == 0
    out = [line for line in lines if not line.is_error]
    assert out == [Line(b"a"), Line(b""), Line(b"b"), Line(b"torn")]
    assert [line for line in lines if line.is_error] == [Line(b"no", is_error=True)]


def test_what_a_process_is_told_and_says_may_be_large(tmp_path: Path) -> None:
    data = b"x" * 5_000_000 + b"\n" + b"y" * 3_000_000
    finished = process.collect(shell("cat; exit 3", tmp_path, stdin=data))
    assert (finished.code, finished.stdout == data, finished.stderr) == (3, True, "")


def test_a_line_is_there_while_the_process_still_runs(tmp_path: Path) -> None:
    with process.following(shell("echo ready; sleep 1000", tmp_path)) as child:
        assert next(line for line in child.lines() if line) == Line(b"ready")
    assert child.code in (-signal.SIGTERM, 128 + signal.SIGTERM)  # if `sleep` went first


def test_a_process_has_its_time(tmp_path: Path) -> None:
    with pytest.raises(process.TimedOut):
        process.collect(shell("sleep 1000", tmp_path, timeout=0.1))


def test_a_disk_is_not_filled(tmp_path: Path) -> None:
    script = f"{sys.executable} -c 'import os; os.ftruncate(1, 2 << 30)'; sleep 1000"
    with pytest.raises(process.Flooded):
        process.collect(shell(script, tmp_path))


def test_a_program_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        process.collect(Command(["no-such-program"], tmp_path, ENV))


@pytest.fixture
def lasting() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Give a list of processes that are ended with the test."""
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for one in started:
        one.kill()
        one.wait()


def sleeper(env: dict[str, str], seconds: float = 1000) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", str(seconds)], env={**ENV, **env})


@on_linux
def test_a_marker_ends_its_own_and_those_of_runs_inside(
    lasting: list[subprocess.Popen[bytes]],
) -> None:
    outer, inner, other = (process.new_marker() for _ in range(3))
    inside = family.marked(family.marked({}, outer), inner)
    lasting += [
        sleeper(inside),
        sleeper(family.marked({}, outer)),
        sleeper(family.marked({}, other)),
    ]
    assert process.end_marked(inner) == 1
    assert [alive(one.pid) for one in lasting] == [False, True, True]
    assert process.end_marked(outer) == 1
    assert [alive(one.pid) for one in lasting] == [False, False, True]
    assert process.end_marked(outer) == 0


@on_linux
@pytest.mark.parametrize("text", ["", "PATH", "a" * 15, "*" * 32, "A" * 32])
def test_what_is_no_marker_ends_nobody(text: str, lasting: list[subprocess.Popen[bytes]]) -> None:
    lasting.append(sleeper({family.VARIABLE: text}))
    assert process.end_marked(text) == 0
    assert alive(lasting[0].pid)


def test_nothing_is_started_with_what_is_no_marker(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^PATH$"):
        process.collect(Command(["true"], tmp_path, ENV, marker="PATH"))


@on_linux
def test_one_that_goes_by_itself_in_time_is_not_counted(
    lasting: list[subprocess.Popen[bytes]],
) -> None:
    marker = process.new_marker()
    lasting.append(sleeper(family.marked({}, marker), 0.3))
    assert process.end_marked(marker, patience=60) == 0
    assert lasting[0].wait() == 0


@pytest.mark.skipif(shutil.which("ps") is None, reason="needs ps")
def test_without_proc_a_family_is_found_by_its_parents(
    tmp_path: Path, lasting: list[subprocess.Popen[bytes]]
) -> None:
    """As on macOS: also one in a session of its own, with nothing in its environment."""
    pid_file = tmp_path / "pid"
    tree = f"setsid env -i /bin/sh -c 'sleep 1000 & echo $$ > {pid_file}; wait' & wait"
    lasting.append(subprocess.Popen(["/bin/sh", "-c", tree]))
    until(lambda: pid_file.exists() and pid_file.read_text())
    child = int(pid_file.read_text())

    def table() -> Iterator[family.Member]:
        argv = ["ps", "-A", "-o", "pid=,ppid=,stat=,lstart="]
        listing = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
        return family.from_ps(listing)

    assert family.end(table, lasting[0].pid) >= 3
    assert not alive(child)
    assert alive(os.getpid())


def test_the_listing_of_ps_is_understood() -> None:
    listing = """\
    1     0 Ss   Mon Jan  5 09:00:00 2026
  501   498 S+   Mon Jan  5 09:30:12 2026
  502   501 Z+   Mon Jan  5 09:30:13 2026
"""
    assert list(family.from_ps(listing)) == [
        family.Member(1, "Mon Jan  5 09:00:00 2026", 0),
        family.Member(501, "Mon Jan  5 09:30:12 2026", 498),
    ]
