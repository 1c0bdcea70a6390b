"""The map in ``aethr/__init__.py`` is true: imports go down, and each outsider has one home."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import aethr

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(aethr.__file__).parent
SURFACE = {"program", "namespace", "commands", "loader", "task", "front", "auth", "api"}
HOMES = {
    "subprocess": {"process"},
    "dotenv": {"settings"},
    "rich": {"render", "report"},
    "yaml": {"config"},
    "jsonschema": {"answers"},
    "referencing": {"answers"},
    "litellm": {"backends"},
    "invoke": SURFACE | {"errors"},
}
POSIX_ONLY = {"fcntl", "termios", "pty", "pwd", "grp", "resource", "tty"}


def ranks() -> dict[str, int]:
    """Read the map: module -> rank from the top; modules of one line share a rank."""
    found: dict[str, int] = {}
    for rank, line in enumerate((aethr.__doc__ or "").splitlines()):
        if match := re.match(r"(?:[a-z]+ +| {10})([a-z]+(?:, [a-z]+)*)(?:  |$)", line):
            found |= dict.fromkeys(match[1].split(", "), rank)
    return found


def imports() -> Iterator[tuple[str, str, bool]]:
    """Yield (our module, imported module, at the top of the file)."""
    for path in sorted(PACKAGE.rglob("*.py")):
        module = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        tree = ast.parse(path.read_text("utf-8"))
        typing_only = {
            inner
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
            for inner in ast.walk(node)
        }
        for node in ast.walk(tree):
            if node in typing_only:
                continue
            top = node in tree.body
            if isinstance(node, ast.Import):
                yield from ((module, alias.name, top) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module == "aethr":
                yield from ((module, f"aethr.{alias.name}", top) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield module, node.module or "", top


def test_every_module_is_on_the_map() -> None:
    modules = {
        path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in PACKAGE.rglob("*.py")
    }
    assert modules - {"__init__", "__main__", "_presets"} == set(ranks())


def test_imports_go_down_only() -> None:
    rank = ranks()
    wrong = [
        f"{module} -> {name}"
        for module, target, _ in imports()
        if target.startswith("aethr.")
        and module in rank
        and (name := target.split(".")[1]) in rank
        and name != module
        and rank[name] <= rank[module]
    ]
    assert not wrong


def test_each_outsider_has_one_home() -> None:
    for module, target, _ in imports():
        homes = HOMES.get(target.split(".")[0])
        assert homes is None or module in homes, f"{module} imports {target}"


def test_no_module_needs_posix_to_be_imported() -> None:
    assert not [target for _, target, top in imports() if top and target in POSIX_ONLY]


def test_only_settings_touches_the_environment() -> None:
    users = {
        path.name
        for path in PACKAGE.rglob("*.py")
        if re.search(r"os\.(environ|getenv|putenv)", path.read_text("utf-8"))
    }
    assert users == {"settings.py"}
