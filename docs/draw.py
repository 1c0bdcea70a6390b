"""The pictures of the README, drawn from real runs: ``python -m docs.draw`` draws them anew.

Each is what stood on a real terminal when a command had ended. The live runs call the scripted
server of the tests. ``tests/test_pictures.py`` holds that the pictures say what is said today.
"""

from __future__ import annotations

import html
import io
import re
import shlex
import sys
import tempfile
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pyte
from rich.console import Console
from rich.style import Style
from rich.text import Text

from tests.support.cli import Shell
from tests.support.live import live
from tests.support.llm_script import Reply, refusal
from tests.support.llm_server import LLMServer
from tests.support.terminal import on_terminal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FOLDER = Path(__file__).parent / "pictures"
_COLUMNS, _ROWS = 80, 60

_FLOW = """\
workflow: plan-write-review
description: Plan a change, write it down as a patch, review it until it passes.
roles:
  planner: You plan small, safe changes.
  writer: You write the planned change as a unified diff.
  reviewer: You find real defects.
models:
  planner: openai:gpt-4o-mini
  writer: openai:gpt-4o
  reviewer: {model: anthropic:claude-sonnet-4-5, max_tokens: 4000}
steps:
  - id: plan
    role: planner
    context: [git_diff, "file:README.md"]
  - id: write
    role: writer
    history_visibility: latest
  - id: review
    role: reviewer
    context: ["step:write"]
    repeat: {back_to: write, until_review_pass: true, max_iterations: 3}
"""
_PLAN = "1. Add `--json` to the parser.\n2. Print the result with `json.dumps`.\n"
_PATCH = "+    parser.add_argument('--json', action='store_true')\n"
_SHORT = "[medium] src/app.py:2: the flag is read nowhere.\n\nReview status: revise"
_MORE = f"{_PATCH}+    print(json.dumps(result) if args.json else result)\n"
_GOOD = "The flag is read, and the output is JSON.\n\nReview status: pass"
_TASK = "add a --json flag"
_USED = (812, 96, 0)


class _Picture(NamedTuple):
    """What is typed, and what the models answer; ``.aethr.yaml`` is ``flow``."""

    typed: str
    replies: Sequence[Reply] = ()
    flow: str = _FLOW


PICTURES = {
    "map": _Picture("aethr show"),
    "run": _Picture(
        f'aethr run "{_TASK}"',
        [Reply(text, usage=_USED) for text in (_PLAN, _PATCH, _SHORT, _MORE, _GOOD)],
    ),
    "failed": _Picture(
        f'aethr run "{_TASK}" --checkpoint run.jsonl',
        [Reply(_PLAN, usage=_USED), refusal(401, "Incorrect API key provided")],
    ),
    "error": _Picture(
        "aethr check",
        flow=_FLOW.replace("context: [git_diff", "contxt: [git_diff").replace(
            "back_to: write", "back_to: wrote"
        ),
    ),
}


def picture(name: str, folder: Path) -> str:
    """Run what a picture shows, in an empty folder, and give it as SVG."""
    shown = PICTURES[name]
    project = folder / "project"
    project.mkdir()
    shell = Shell(project, folder / "home")
    shell.write({".aethr.yaml": shown.flow, "README.md": "# demo\n", "src/app.py": "run()\n"})
    shell.git("init", "-q")
    shell.git("add", "-A")
    shell.git("commit", "-qm", "begin")
    argv = [sys.executable, "-m", "aethr", *shlex.split(shown.typed)[1:]]
    with LLMServer(*shown.replies) as server:
        env = live(server) if shown.replies else {}
        sent = on_terminal(shell, argv, columns=_COLUMNS, **env).sent
    sent = sent.replace(shell.env["TMPDIR"], "/tmp").replace(str(project), "~/demo")  # noqa: S108
    return _svg(sent, shown.typed)


def said(svg: str) -> str:
    """Read a picture; what may differ, such as times and the room they take, is left out."""
    words = re.findall(r'clip-path="url\(#\w+-line-\d+\)">(.*?)</text>', svg)
    text = re.sub(r"[\s─]+", " ", html.unescape(" ".join(words)))
    text = re.sub(r"\b(\d+ min )?\d+(\.\d)? s\b", "0.0 s", text)
    text = re.sub(r"\$\d+\.\d+", "$0.00", text)  # prices are LiteLLM's of the day
    return re.sub(r"aethr-\d+/(\S+)-\w{8}\.jsonl", r"aethr-1000/\1-00000000.jsonl", text)


def _svg(sent: str, typed: str) -> str:
    screen = pyte.Screen(_COLUMNS, _ROWS)
    pyte.Stream(screen).feed(sent)
    last = max(y for y in range(_ROWS) if screen.display[y].strip())
    paper = Console(record=True, file=io.StringIO(), width=_COLUMNS)
    paper.print(Text(f"$ {typed}", "bold"))
    for y in range(last + 1):
        paper.print(_row(screen.buffer[y], screen.display[y]), soft_wrap=True)
    return paper.export_svg(title="", unique_id="aethr")


def _row(cells: Mapping[int, pyte.screens.Char], text: str) -> Text:
    """Give a row in its colours; its indent apart, for some viewers take away what leads a text."""
    indent = len(text) - len(text.lstrip())
    pieces = groupby(range(_COLUMNS), key=lambda x: (x < indent, _style(cells[x])))
    return Text.assemble(
        *(("".join(cells[x].data for x in piece), style) for (_, style), piece in pieces)
    )


def _style(cell: pyte.screens.Char) -> Style:
    colour = {"default": None, "brown": "yellow"}.get(cell.fg, cell.fg)
    return Style(color=colour, bold=cell.bold, italic=cell.italics)


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name in PICTURES:
        with tempfile.TemporaryDirectory() as folder:
            (FOLDER / f"{name}.svg").write_text(picture(name, Path(folder)), "utf-8")


if __name__ == "__main__":
    main()
