"""A run that is killed goes on as if nothing had been: at every event, anywhere, in mid-write."""

from __future__ import annotations

import sys
from itertools import count
from random import Random
from typing import TYPE_CHECKING

import pytest

from aethr import checkpoint
from tests.support.cli import Shell
from tests.support.mortal import Instant
from tests.support.mortals import FLOW, ORDER, Mortals, mortals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Results = list[list[object]]

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="what still runs is found in /proc"
)
ANYWHERE, TORN = 30, 15  # kills
BYTES = 5_000  # of a checkpoint: the longer ones repeat its kinds of lines


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Mortals, Results]]:
    """Give runs, and the results of one that nothing happened to."""
    folder = tmp_path_factory.mktemp("kills")
    shell = Shell(folder / "project", folder / "home")
    shell.folder.mkdir()
    shell.write({".aethr.yaml": FLOW, "README.md": "# demo\n"})
    shell.git("init", "-q")
    shell.git("add", "-A")
    shell.git("commit", "-qm", "begin")
    with mortals(shell) as runs:
        assert runs.run() == 0, runs.said("err")
        assert [step_id for step_id, *_ in runs.results()] == ORDER
        yield runs, runs.results()


@pytest.fixture
def runs(lasting: tuple[Mortals, Results]) -> Mortals:
    lasting[0].begin_anew()
    return lasting[0]


@pytest.fixture
def whole(lasting: tuple[Mortals, Results]) -> Results:
    return lasting[1]


def holds(runs: Mortals, whole: Results) -> None:
    """Look at all that a run and those before it, which were killed, did in the end."""
    assert runs.results() == whole
    done, begun = 0, {}
    for line in runs.lines:
        if line["kind"] == "start":
            assert (line["step_id"], line["after"]) == (ORDER[done], done)
            begun[line["marker"]] = line["step_id"]
        done += line["kind"] == "result"
    assert len(begun) <= len(whole) + runs.kills
    markers = [marker for marker, _ in runs.calls]
    assert len(markers) == len(set(markers))
    assert all(begun[marker] == step_id for marker, step_id in runs.calls)
    assert runs.left() == []


def killed(runs: Mortals, whole: Results, at: Instant) -> bool:
    """Let a run go on until an instant; one that is over by then is judged, and forgotten."""
    code = runs.run(at=at)
    assert code <= 0, runs.said("err")
    if len(runs.results()) == len(whole):
        holds(runs, whole)
        runs.begin_anew()
    return code < 0


@pytest.mark.fault("nothing lost", "SIGKILL", "a run killed at each of its events, then resumed")
def test_killed_at_every_event(runs: Mortals, whole: Results, cases: Callable[[int], None]) -> None:
    while len(runs.results()) < len(whole) - 1:
        kept = len(runs.results())
        for number in count(1):
            assert runs.run(at=Instant("event", number)) < 0
            if len(runs.results()) > kept:
                break
    cases(runs.kills)
    assert runs.run() == 0, runs.said("err")
    holds(runs, whole)


@pytest.mark.fault("nothing lost", "SIGKILL", "a run killed anywhere in its code, then resumed")
def test_killed_anywhere(runs: Mortals, whole: Results, cases: Callable[[int], None]) -> None:
    random, kills = Random(1), 0
    while kills < ANYWHERE:
        kills += killed(runs, whole, Instant("call", random.randint(1, 12_000)))
    assert runs.run() == 0, runs.said("err")
    holds(runs, whole)
    cases(kills)


@pytest.mark.fault(
    "nothing lost",
    "SIGKILL in mid-write",
    "the kernel ends a run within a line of its checkpoint, at a byte; then it is resumed",
)
def test_killed_within_a_line(runs: Mortals, whole: Results, cases: Callable[[int], None]) -> None:
    random, kills = Random(2), 0
    while kills < TORN:
        at = Instant("write", random.randint(1, 4), kept=random.randint(0, 400))
        kills += killed(runs, whole, at)
    assert runs.run() == 0, runs.said("err")
    holds(runs, whole)
    cases(kills)


@pytest.mark.fault(
    "nothing lost", "a torn checkpoint", "the file of a run cut off at each of its bytes"
)
def test_torn_at_every_byte(
    lasting: tuple[Mortals, Results], tmp_path: Path, cases: Callable[[int], None]
) -> None:
    runs, _ = lasting
    if not runs.file.exists():
        runs.run()
    data, file = runs.file.read_bytes(), tmp_path / "torn.jsonl"
    begin, whole = data.index(b"\n"), 0
    for cut in range(begin, begin + BYTES):
        with file.open("ab") as torn:
            torn.write(data[whole:cut])
        saved, opened = checkpoint.reopen(file)
        opened.close()
        whole = data.rindex(b"\n", 0, cut + 1) + 1
        assert file.read_bytes() == data[:whole]
        assert len(saved.results) == data[:whole].count(b'\n{"kind":"result"')
    cases(BYTES)
