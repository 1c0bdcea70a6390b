"""Every row beside its floor in the same run: ``python -m benchmarks [--runs N] [--only ROOM]``."""

from __future__ import annotations

import argparse
import compileall
import json
import os
import platform
import sys
import tempfile
from dataclasses import asdict
from math import isinf
from pathlib import Path
from typing import TYPE_CHECKING

import aethr
from benchmarks import agent, growth, live, repos, sizes, startup, stream
from benchmarks.measure import RUNS, Meter
from benchmarks.row import table

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.row import Row

HERE = Path(__file__).parent


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help=f"of each row (default {RUNS})")
    parser.add_argument("--against", default="", help="another version's aethr script")
    rooms = ("startup", "growth", "trees", "sources", "output", "stream", "live", "agent", "sizes")
    parser.add_argument("--only", choices=rooms, action="append", help="measure only these")
    asked = parser.parse_args()
    # As pip does when it installs; stock invoke writes no bytecode of what it imports.
    compileall.compile_dir(str(Path(aethr.__file__).parent), quiet=2)
    with tempfile.TemporaryDirectory() as name, Meter(_env(name), asked.runs) as meter:
        folder = Path(name)
        measured: dict[str, Callable[[], list[Row]]] = {
            "startup": lambda: startup.rows(meter, folder, asked.against),
            "growth": lambda: growth.rows(meter, folder),
            "trees": lambda: repos.trees(meter, folder),
            "sources": lambda: repos.sources(meter, folder),
            "output": lambda: repos.output(meter, folder),
            "stream": lambda: stream.rows(max(3, asked.runs // 3)),
            "live": lambda: live.rows(meter, folder),
            "agent": lambda: agent.rows(meter, folder),
            "sizes": sizes.rows,
        }
        rows = [row for room in asked.only or rooms for row in measured[room]()]
    print(table(rows))
    if not asked.only:
        _keep(rows)
    return 1 if any(row.is_over for row in rows) else 0


def _env(folder: str) -> dict[str, str]:
    """Give the environment in which everything is measured: nothing of the user's."""
    path = os.pathsep.join(path for path in sys.path if path)
    return {"PATH": os.environ["PATH"], "HOME": folder, "TMPDIR": folder, "PYTHONPATH": path}


def _keep(rows: list[Row]) -> None:
    """Write the figures, and draw them."""
    from benchmarks import draw

    results = {
        "aethr": aethr.__version__,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "rows": [
            {
                **asdict(row),
                "budget": row.budget.name,
                "most": None if isinf(row.most) else row.most,
                "judged": round(row.judged, 4),
            }
            for row in rows
        ],
    }
    text = json.dumps(results, indent=1) + "\n"
    (HERE / "results.json").write_text(text, encoding="utf-8")
    pictures = HERE.parent / "docs" / "img"
    pictures.mkdir(parents=True, exist_ok=True)
    draw.start_up(rows, pictures / "bench-start-up.svg")
    draw.growth(rows, pictures / "bench-growth.svg")


if __name__ == "__main__":
    raise SystemExit(main())
