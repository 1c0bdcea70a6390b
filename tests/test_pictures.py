"""The pictures of the README show what is said today."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from docs import draw
from tests.support.cli import PROJECT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", draw.PICTURES)
def test_a_picture_is_current(name: str, tmp_path: Path) -> None:
    kept = (draw.FOLDER / f"{name}.svg").read_text("utf-8")
    drawn = draw.picture(name, tmp_path)
    assert draw.said(drawn) == draw.said(kept), "`python -m docs.draw` draws it anew"


def test_every_picture_is_in_the_readme() -> None:
    readme = (PROJECT / "README.md").read_text("utf-8")
    for name in draw.PICTURES:
        assert f"](docs/pictures/{name}.svg)" in readme
    assert {file.stem for file in draw.FOLDER.glob("*.svg")} == set(draw.PICTURES)
