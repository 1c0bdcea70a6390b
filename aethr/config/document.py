"""YAML text -> a Document: plain values, and where in the file each of them stands."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeAlias

import yaml

from aethr.config import syntax
from aethr.config.node import Node
from aethr.config.sourcefile import SourceFile, spot
from aethr.config.tree import Tree
from aethr.errors import ConfigError
from aethr.frozen import frozen
from aethr.text import is_plain

if TYPE_CHECKING:
    from aethr.config.node import Trail
    from aethr.errors import Problem

    Loader: TypeAlias = yaml.SafeLoader | yaml.CSafeLoader

LOADER: Final[type[Loader]] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# What YAML 1.1 does not allow, and a byte order mark inside the text, which the two parsers
# read differently. They also word it differently, so neither is asked. Written as a set of what is
# allowed, it takes 4 ms to compile, at every start.
_FORBIDDEN = "[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff\ufffe\uffff]"


@frozen
class Document:
    """A file that is YAML. ``doubled`` are the keys that stand twice at its top."""

    file: SourceFile
    root: Node
    problems: tuple[Problem, ...] = ()
    doubled: frozenset[str] = frozenset()

    def node(self, trail: Trail) -> Node:
        """Return the value at the end of a trail."""
        node = self.root
        for step in trail:
            node = node.children[step]
        return node

    def key(self, trail: Trail) -> Node:
        """Return the key at the end of a trail, or the value where a list has no key."""
        parent, last = self.node(trail[:-1]), trail[-1]
        return parent.keys[last] if isinstance(last, str) else parent.children[last]

    def problem(self, node: Node, text: str) -> Problem:
        return self.file.problem(node.start, node.end, text)


def read(text: str, name: str, loader: type[Loader] = LOADER) -> Document:
    """Raise ConfigError where the text is no YAML; what is wrong besides is in ``problems``."""
    file = SourceFile(name, text.splitlines())
    if not is_plain(text) and (forbidden := re.search(_FORBIDDEN, text)):
        start = spot(text, forbidden.start())
        words = f"the character U+{ord(forbidden[0]):04X} can't be in a YAML file"
        raise ConfigError([file.problem(start, start, words)])
    tree = Tree(file)
    events = loader(text)
    try:
        while not tree.complete and events.check_event():
            tree.add(events.get_event(), events)
    except yaml.MarkedYAMLError as error:
        start, words = syntax.explain(error, file.lines)
        raise ConfigError([*tree.problems, file.problem(start, start, words)]) from None
    finally:
        events.dispose()
    root = tree.root or Node(None, (0, 0), (0, 0))
    return Document(file, root, tuple(tree.problems), frozenset(tree.doubled))
