"""Pictures of the table, for the README: what a command costs, and how it grows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl

mpl.use("svg")
from matplotlib import pyplot as plt

from benchmarks.row import Budget

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.row import Row


def start_up(rows: list[Row], path: Path) -> None:
    """Draw a bar for each command beside its floor, in milliseconds of CPU."""
    shown = [row for row in rows if row.budget is Budget.RATIO and row.floor and row.unit == "s"]
    shown = [row for row in reversed(shown) if row.name.startswith(("aethr", "inv"))]
    mpl.rcParams["svg.hashsalt"] = "aethr"  # the same picture for the same figures
    figure, axes = plt.subplots(figsize=(7, 0.42 * len(shown) + 1.1))
    places = range(len(shown))
    floors = [1000 * (row.floor or 0) for row in shown]
    axes.barh(
        places, [1000 * row.ours for row in shown], height=0.6, color="#2f6f8f", label="Aethr"
    )
    axes.barh(places, floors, height=0.6, color="#c9ced1", label="its floor")
    for place, row in zip(places, shown, strict=True):
        axes.text(1000 * row.ours + 2, place, f"{row.judged:.2f} ×", va="center", fontsize=9)
    axes.set_yticks(places, [row.name for row in shown])
    axes.set_xlabel("milliseconds of CPU, median")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="upper right", frameon=False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
