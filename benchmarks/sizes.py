"""How much an installation takes on the disk."""

from __future__ import annotations

import re
from importlib import metadata

from benchmarks.row import Budget, Row

HEAVY = "litellm"


def rows() -> list[Row]:
    """Add up the files of Aethr and what it needs, without what only LiteLLM needs."""
    needed = _needed("aethr", frozenset({HEAVY}))
    whole = _needed("aethr", frozenset())
    return [
        Row("installed, without LiteLLM", _size(needed), "MB", Budget.TOTAL, 20),
        Row("installed, with all of it", _size(whole), "MB"),
    ]


def _needed(
    name: str, without: frozenset[str], seen: frozenset[str] = frozenset()
) -> frozenset[str]:
    for line in metadata.requires(name) or []:
        wanted = re.match(r"[\w.-]+", line)
        assert wanted
        other = wanted[0].lower().replace("_", "-")
        if "extra ==" in line or other in without | seen:
            continue
        try:
            metadata.distribution(other)
        except metadata.PackageNotFoundError:
            continue  # of another system or Python
        seen = _needed(other, without, seen | {other})
    return seen | {name}


def _size(names: frozenset[str]) -> float:
    """Give MB; the bytecode that pip makes is counted where RECORD names it."""
    files = [file for name in names for file in metadata.files(name) or []]
    return sum(file.size or 0 for file in files) / 1e6
