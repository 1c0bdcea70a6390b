"""Sharing a limit of characters among sources. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aethr.fit import fit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aethr.material import Material
    from aethr.results import Block


def fit_all(
    groups: Sequence[Sequence[Material]], limit: int, *, verbose: bool = False
) -> tuple[Block, ...]:
    """Fit sources into a limit of characters; those of one group count as one source.

    The texts together never exceed the limit. With ``verbose`` a warning names
    every file that was left out; the texts do not depend on it.
    """
    demands = [[_demand(material, limit) for material in group] for group in groups]
    outer = max_min([sum(wanted) for wanted in demands], limit)
    shares = [
        share
        for group_share, wanted in zip(outer, demands, strict=True)
        for share in max_min(wanted, group_share)
    ]
    materials = [material for group in groups for material in group]
    blocks = [
        fit(material, share, verbose=verbose)
        for material, share in zip(materials, shares, strict=True)
    ]
    # Whole files rarely fill a share; what they leave goes to the cut ones, in order.
    spare = limit - sum(len(block.text) for block in blocks)
    for place, block in enumerate(blocks):
        if spare and (block.total is None or block.kept < block.total):
            wider = fit(materials[place], len(block.text) + spare, verbose=verbose)
            if wider.kept > block.kept:
                blocks[place] = wider
                spare -= len(wider.text) - len(block.text)
    return tuple(blocks)


def max_min(demands: Sequence[int], total: int) -> list[int]:
    """Share fairly: who wants less than an equal part gets it, the others share the rest."""
    shares = [0] * len(demands)
    for done, place in enumerate(sorted(range(len(demands)), key=demands.__getitem__)):
        shares[place] = min(demands[place], total // (len(demands) - done))
        total -= shares[place]
    return shares


def _demand(material: Material, limit: int) -> int:
    text = material.whole()
    return limit if text is None else min(len(text), limit)
