"""Big repositories: trees, files, diffs and outputs of which only a part is ever wanted."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING

from benchmarks import places
from benchmarks.measure import Command
from benchmarks.row import Budget, Row
from benchmarks.startup import PYTHON, SCRIPT
from tests.support.agent import BEGUN, GOOD, FakeOpenCode, tool

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from benchmarks.measure import Cost, Meter

TRACKED = 10_000
FILES = 50_000
MORE = 16.0  # MiB that a source of any size may take
LARGE = 100_000_000  # characters
DUMPS = ("d1", "d2", "d3", "d4")
ONCE = 1  # runs of what takes many seconds


def trees(meter: Meter, folder: Path) -> list[Row]:
    """Record two trees, as an agent step does, beside one ``git status``.

    Once where all files are tracked, and once, without a budget, where as many again are not.
    """
    big = folder / "tracked"
    places.fill(big, TRACKED)
    places.commit(big)
    (big / "d1/f1.txt").write_text("changed\n", encoding="utf-8")
    tracked = _two_trees(meter, big, f"2 trees, {TRACKED:,} files tracked", 3)
    places.fill(big / "untracked", TRACKED)
    return [tracked, _two_trees(meter, big, f"and {TRACKED:,} untracked", math.inf)]


def _two_trees(meter: Meter, big: Path, name: str, most: float) -> Row:
    code = (
        "import os, pathlib\nfrom aethr import git, scratch\nfrom aethr.trees import Trees\n"
        "here = pathlib.Path.cwd()\n"
        "trees = Trees(git.find(here, os.environ), scratch.of(here))\n"
    )
    twice = Command((PYTHON, "-c", f"{code}trees.record()\ntrees.record()"), big)
    status = Command(("git", "status", "--porcelain"), big)
    ready = Command((PYTHON, "-c", code), big)
    cost, floor, start = meter.side_by_side(twice, status, ready)
    ours = cost.wall - start.wall
    return Row(name, ours, "s", Budget.RATIO, most, floor.wall, "git status, wall")


def sources(meter: Meter, folder: Path) -> list[Row]:
    """Read a little of much: Aethr's own peak of memory beside that of a source of one line."""
    repo = folder / "sources"
    places.fill(repo, FILES)
    _lines(repo, "old")
    (repo / ".gitignore").write_text("huge.txt\n*.yaml\n", encoding="utf-8")
    (repo / "small.txt").write_text("one line\n", encoding="utf-8")
    places.commit(repo)
    line = b"a line of a file of 1 GB\n" * 40_000
    with (repo / "huge.txt").open("wb") as huge:
        for _ in range(1_000):
            huge.write(line)
    _, floor = _look(meter, repo, "file:small.txt")
    found = [
        _memory("file: of 1 GB", _look(meter, repo, "file:huge.txt"), floor),
        _memory(f"glob: over {FILES:,} files", _look(meter, repo, "glob:**/*.txt"), floor),
    ]
    places.fill(repo, TRACKED, " changed")
    places.fill(repo / "new", TRACKED)
    much = _look(meter, repo, "git_diff:all")
    found.append(_memory(f"git_diff:all, {2 * TRACKED:,} of them changed or new", much, floor))
    _lines(repo, "newer", "wide")
    wide = _look(meter, repo, "git_diff")
    _lines(repo, "old", "wide")
    _lines(repo, "newer", *DUMPS)
    diff = _look(meter, repo, "git_diff")
    for name, looked in (("a file of 120 MB", wide), ("240 MB, in four files", diff)):
        found.append(_memory(f"git_diff of {name}", looked, floor))
        found.append(Row(f"git_diff of {name}: or git's, if more", looked[0].peak, "MiB"))
    return [*found, _status(meter, repo)]


def _lines(repo: Path, word: str, *names: str) -> None:
    """Write files of 120 MB together and of 120 MB alone, no line of which is like another."""
    for name in names or ("wide", *DUMPS):
        number = 4_000_000 if name == "wide" else 1_000_000
        lines = "".join(f"line {place:,} of the {word} text\n" for place in range(number))
        (repo / f"{name}.txt").write_text(lines, encoding="utf-8")


def _look(meter: Meter, repo: Path, source: str) -> tuple[Cost, float]:
    """Preview a step that sees the source; tell also Aethr's own peak, in MiB."""
    (repo / "look.yaml").write_text(places.seeing(source), encoding="utf-8")
    peak = repo / ".git" / "peak"
    words = ("run", "--show-prompt", "-f", "look.yaml", "x")
    inside = (sys.executable, "-m", "benchmarks.inside", str(peak), *words)
    (cost,) = meter.side_by_side(Command(inside, repo), runs=ONCE)
    return cost, int(peak.read_text("utf-8")) / 1024


def _memory(name: str, looked: tuple[Cost, float], floor: float) -> Row:
    cost, peak = looked
    name = f"{name} ({cost.wall:.1f} s)"
    return Row(name, peak, "MiB", Budget.MORE, MORE, floor, "file: of one line")


def _status(meter: Meter, repo: Path) -> Row:
    status = Command(("git", "status", "--porcelain"), repo)
    preview = Command((SCRIPT, "run", "--show-prompt", "-f", "look.yaml", "x"), repo)
    (repo / "look.yaml").write_text(places.seeing("git_diff:all"), encoding="utf-8")
    cost, floor = meter.side_by_side(preview, status, runs=ONCE)
    name = "git status, wall"
    return Row("git_diff:all of it, wall", cost.wall, "s", Budget.RATIO, math.inf, floor.wall, name)


def output(meter: Meter, folder: Path) -> list[Row]:
    """Run a command that writes 100 MB, and an agent that does, of events of its tools."""
    repo = folder / "output"
    repo.mkdir()
    found = []
    for who, write in {"a command": _command, "an agent": _agent}.items():
        (_, floor), (cost, peak) = (_heard(meter, repo, *write(repo, size)) for size in (1, LARGE))
        name = f"100 MB of {who}'s output ({cost.wall:.1f} s)"
        found.append(Row(name, peak, "MiB", Budget.MORE, MORE, floor, "hardly any of it"))
    return found


def _heard(meter: Meter, repo: Path, text: str, env: Mapping[str, str]) -> tuple[Cost, float]:
    (repo / "out.yaml").write_text(text, encoding="utf-8")
    peak = repo / "peak"
    words = ("run", "-q", "-f", "out.yaml", "x")
    inside = Command((sys.executable, "-m", "benchmarks.inside", str(peak), *words), repo)
    cost = meter.once(inside, {"AETHR_LIVE": "1", **env})
    return cost, int(peak.read_text("utf-8")) / 1024


def _command(_: Path, size: int) -> tuple[str, Mapping[str, str]]:
    command = f"head -c {size} /dev/zero | tr '\\\\0' 'x' | fold -w 79"
    return f'workflow: out\nsteps: [{{id: out, run: "{command}"}}]\n', {}


def _agent(repo: Path, size: int) -> tuple[str, Mapping[str, str]]:
    """Have the tests' stand-in for OpenCode play it."""
    verb, line = tool("bash", output="x" * min(size, 100_000))
    acts = [BEGUN, [verb, line, max(1, size // 100_000)], *GOOD[1:]]
    step = "{id: out, role: worker, backend: opencode, expect_changes: false}"
    text = f"workflow: out\nroles: {{worker: Work.}}\nsteps: [{step}]\n"
    return text, FakeOpenCode(repo / "agent").env(*acts)
