"""Pictures of the table, for the READMEs: what a command costs, and how it grows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.row import Budget

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.row import Row


def start_up(rows: list[Row], path: Path) -> None:
    """Draw a bar for each command beside its floor, in milliseconds of CPU."""
    shown = [row for row in rows if row.budget is Budget.RATIO and row.floor and row.unit == "s"]
    shown = [row for row in reversed(shown) if row.name.startswith(("aethr", "inv"))]
    figure = Figure(figsize=(7, 0.42 * len(shown) + 1.1))
    axes = figure.subplots()
    places = range(len(shown))
    ours = [1000 * row.ours for row in shown]
    floors = [1000 * (row.floor or 0) for row in shown]
    axes.barh(places, ours, height=0.34, color="#2f6f8f", label="Aethr")
    below = [place - 0.34 for place in places]
    axes.barh(below, floors, height=0.34, color="#c9ced1", label="its floor")
    for place, row in zip(places, shown, strict=True):
        most = max(row.ours, row.floor or 0)
        axes.text(1000 * most + 2, place - 0.17, f"{row.judged:.2f} ×", va="center", fontsize=9)
    axes.set_yticks([place - 0.17 for place in places], [row.name for row in shown])
    axes.set_xlabel("milliseconds of CPU, median")
    axes.legend(loc="upper right", frameon=False)
    _save(figure, path)


def growth(rows: list[Row], path: Path) -> None:
    """Draw what each of so many costs, in milliseconds of CPU: a line for steps of each history."""
    lines: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        if found := re.fullmatch("([0-9,]+) (.+): each", row.name):
            point = int(found[1].replace(",", "")), 1000 * row.ours
            lines.setdefault(found[2], []).append(point)
    figure = Figure(figsize=(7, 3.4))
    axes = figure.subplots()
    for name, points in lines.items():
        axes.plot(*zip(*points, strict=True), marker="o", markersize=4, label=name)
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xticks([10, 100, 1_000, 5_000], ["10", "100", "1,000", "5,000"])
    axes.minorticks_off()
    axes.set_xlabel("number of them")
    axes.set_ylabel("milliseconds of CPU each")
    axes.legend(loc="upper left", frameon=False)
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    with mpl.rc_context({"svg.hashsalt": "aethr"}):  # the same picture for the same figures
        figure.savefig(path, metadata={"Date": None})
