"""One line of the table: what was measured, beside its floor and its budget."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import inf


class Budget(Enum):
    """What ``most`` bounds."""

    RATIO = "x"  # ours over the floor
    MORE = "+"  # ours beyond the floor
    TOTAL = ""  # ours; the floor, if one is given, is for comparison


@dataclass(frozen=True)
class Row:
    """``ours``, ``floor`` and ``other`` (another version's) are in ``unit``.

    ``most`` is infinite where there is no budget; then the figure is only reported.
    """

    name: str
    ours: float
    unit: str
    budget: Budget = Budget.TOTAL
    most: float = inf
    floor: float | None = None
    floor_name: str = ""
    other: float | None = None

    @property
    def judged(self) -> float:
        """The figure that the budget bounds."""
        if self.floor is None or self.budget is Budget.TOTAL:
            return self.ours
        return self.ours / self.floor if self.budget is Budget.RATIO else self.ours - self.floor

    @property
    def is_over(self) -> bool:
        return self.judged > self.most

    @property
    def cells(self) -> tuple[str, ...]:
        """Give the texts of the columns of ``table``."""
        limit = "" if self.most == inf else f"{self.budget.value}{self._said(self.most)}"
        floor = "" if self.floor is None else self._shown(self.floor)
        other = "" if self.other is None else self._shown(self.other)
        judged = "" if self.floor is None else self._said(self.judged)
        sign = "" if judged.startswith("-") else self.budget.value
        return (
            self.name,
            self._shown(self.ours),
            floor,
            judged and sign + judged,
            limit,
            other,
            self.floor_name,
        )

    def _said(self, figure: float) -> str:
        return f"{figure:.2f}" if self.budget is Budget.RATIO else self._shown(figure)

    def _shown(self, figure: float) -> str:
        if self.unit == "s" and abs(figure) < 1:
            return f"{1000 * figure:.{0 if abs(figure) >= 0.01 else 2}f} ms"
        return f"{figure:,.2f} {self.unit}".rstrip()


def table(rows: list[Row]) -> str:
    """Lay rows out in columns; those over their budget are marked."""
    head = ("row", "ours", "floor", "judged", "at most", "other", "floor is")
    cells = [head, *(row.cells for row in rows)]
    marks = ["", *("  OVER" if row.is_over else "" for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for texts, mark in zip(cells, marks, strict=True):
        aligned = [
            text.ljust(width) if place in (0, 6) else text.rjust(width)
            for place, (text, width) in enumerate(zip(texts, widths, strict=True))
        ]
        lines.append("  ".join(aligned).rstrip() + mark)
    return "\n".join(lines)
