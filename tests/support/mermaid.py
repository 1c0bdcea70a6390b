"""Mermaid's own parser, under Node."""

from __future__ import annotations

import html
import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aethr-tests"
_FOLDER = Path(os.environ.get("AETHR_TEST_MERMAID") or _CACHE / "mermaid")
_INSTALL = f"npm install --prefix {_FOLDER} mermaid@11.17.2 jsdom@29.1.1"
# A JSON list of charts on stdin -> the boxes and the arrows of each.
_READ = """
const { JSDOM } = require("jsdom");
const { window } = new JSDOM("<body></body>");
Object.assign(globalThis, { window, document: window.document });
import("mermaid").then(async ({ default: mermaid }) => {
  const found = [];
  for (const chart of JSON.parse(require("fs").readFileSync(0, "utf8"))) {
    await mermaid.parse(chart); // which loads the kinds of charts
    const { db } = await mermaid.mermaidAPI.getDiagramFromText(chart);
    found.push([
      [...db.getVertices().values()].map((box) => [box.id, box.text]),
      db.getEdges().map((arrow) => [arrow.start, arrow.end, arrow.text]),
    ]);
  }
  console.log(JSON.stringify(found));
});
"""


class Chart(NamedTuple):
    """Boxes as (name, text), arrows as (from, to, text), as people see them."""

    boxes: list[tuple[str, str]]
    arrows: list[tuple[str, str, str]]


def read(charts: Sequence[str]) -> list[Chart]:
    """Have Mermaid read charts; without it, 180 MB, the test skips."""
    if not (_FOLDER / "node_modules" / "mermaid").is_dir():
        pytest.skip(f"Mermaid is not installed: {_INSTALL}")
    file = _FOLDER / "read.cjs"
    file.write_text(_READ, "utf-8")
    done = subprocess.run(
        ["node", file], input=json.dumps(charts).encode(), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return [
        Chart(
            [(name, seen(text)) for name, text in boxes],
            [(start, end, seen(text)) for start, end, text in arrows],
        )
        for boxes, arrows in json.loads(done.stdout)
    ]


def seen(text: str) -> str:
    """Decode what Mermaid makes of entities before it parses (utils.encodeEntities)."""
    for mark, entity in (("ﬂ°°", "&#"), ("ﬂ°", "&"), ("¶ß", ";"), ("<br>", "\n"), ("<br/>", "\n")):
        text = text.replace(mark, entity)
    return html.unescape(text)
