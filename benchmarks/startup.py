"""What a command costs beside what it stands on: the interpreter, invoke, one `git diff`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import places
from benchmarks.measure import Command
from benchmarks.row import Budget, Row

if TYPE_CHECKING:
    from benchmarks.measure import Meter

PYTHON = sys.executable
SCRIPT = str(Path(PYTHON).with_name("aethr"))


def rows(meter: Meter, folder: Path, against: str = "") -> list[Row]:
    """Measure each command; ``against`` is another version's script, measured beside ours."""
    repo = places.small(folder / "small")
    bare = Command((PYTHON, "-c", "pass"), repo)
    invoke = Command((PYTHON, "-c", "import invoke"), repo)
    code = "import invoke, subprocess; subprocess.run(['git', 'diff'])"
    diff = Command((PYTHON, "-c", code), repo)
    one_by_one = [
        ("version", bare, "python -c pass", 1.6),
        ("--help", invoke, "import invoke", 1.15),
        ("init --list", invoke, "import invoke", 1.15),
        ("show", invoke, "import invoke", 1.35),
        ("check", invoke, "import invoke", 1.35),
        ("run --show-prompt x", diff, "the same and git diff", 1.35),
        ("run -f three.yaml x", diff, "the same and git diff", 1.5),
    ]
    found = []
    for words, floor, floor_name, most in one_by_one:
        ours = [Command((script, *words.split()), repo) for script in (SCRIPT, against) if script]
        cost, *others, below = meter.side_by_side(*ours, floor)
        other = others[0].cpu if others else None
        row = Row(f"aethr {words}", cost.cpu, "s", Budget.RATIO, most, below.cpu, floor_name, other)
        found.append(row)
    return [*found, _lists(meter, folder)]


def _lists(meter: Meter, folder: Path) -> Row:
    argv = (PYTHON, "-m", "invoke", "--list")
    ours = Command(argv, _tasks(folder / "ours", "import aethr\n"))
    trivial = Command(argv, _tasks(folder / "trivial", ""))
    cost, floor = meter.side_by_side(ours, trivial)
    name = "inv --list, trivial tasks.py"
    return Row("inv --list", cost.cpu, "s", Budget.RATIO, 1.25, floor.cpu, name)


def _tasks(folder: Path, first: str) -> Path:
    folder.mkdir()
    (folder / ".aethr.yaml").write_text(places.THREE, encoding="utf-8")
    namespace = "ns = Collection(lint, aethr.collection())\n" if first else ""
    (folder / "tasks.py").write_text(
        f"from invoke import Collection, task\n{first}\n"
        f"@task\ndef lint(c):\n    pass\n\n{namespace}",
        encoding="utf-8",
    )
    return folder
