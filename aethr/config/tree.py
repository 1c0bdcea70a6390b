"""Parser events -> nodes, without recursion.

Not ``yaml.compose``: on ``[`` 200,000 times it ends the process by a segmentation
fault (PyYAML 6.0.3 with libyaml), and it hides where an alias stands.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, TypeAlias

import yaml

from aethr.config.node import SCALARS, Node, Odd
from aethr.config.sourcefile import quoted, spot_of
from aethr.errors import ConfigError

if TYPE_CHECKING:
    from aethr.config.sourcefile import SourceFile
    from aethr.errors import Problem

    Begin: TypeAlias = yaml.SequenceStartEvent | yaml.MappingStartEvent

# A workflow nests five deep; more is a mistake or an attack.
MAX_DEPTH = 20
# What aliases may repeat in all: a "billion laughs" file is a few hundred bytes.
MAX_REPEATED = 100_000

_YAML = "tag:yaml.org,2002:"


class Resolver(Protocol):
    """PyYAML's way from the look of a scalar to its tag."""

    def resolve(self, kind: type, value: str, implicit: tuple[bool, bool]) -> str: ...


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not come yet."""

    node: Node
    anchor: str | None
    flow: bool
    tagged: bool
    key: Node | None = None


class Tree:
    """Takes the events of one file; what is wrong short of syntax goes to ``problems``."""

    def __init__(self, file: SourceFile) -> None:
        self.root: Node | None = None
        self.problems: list[Problem] = []
        self.doubled: set[str] = set()
        self.complete = False
        self._file = file
        self._open: list[_Open] = []
        self._anchors: dict[str, Node] = {}
        self._repeated = 0

    def add(self, event: yaml.Event | None, resolver: Resolver) -> None:
        """Take the next event; ``resolver`` says what an unquoted scalar is."""
        match event:
            case yaml.ScalarEvent():
                self._place(self._scalar(event, resolver), event.anchor)
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                self._begin(event)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self._end(event)
            case yaml.AliasEvent():
                self._place(self._alias(event), None)
            case yaml.DocumentStartEvent() if self.root:
                self._complain(_node(event), "a second document begins here; a file holds one")
                self.complete = True

    def _complain(self, node: Node, text: str) -> None:
        self.problems.append(self._file.problem(node.start, node.end, text))

    def _scalar(self, event: yaml.ScalarEvent, resolver: Resolver) -> Node:
        node = _node(event)
        node.raw = event.value
        tag = _tag(event)
        if tag is None and event.implicit[0]:
            tag = resolver.resolve(yaml.ScalarNode, node.raw, event.implicit)
        meaning = SCALARS.get((tag or "str").removeprefix(_YAML))
        node.value = meaning(node.raw) if meaning else self._tagged(node, tag)
        return node

    def _tagged(self, node: Node, tag: str | None) -> Odd:
        shown = quoted(f"{tag}".replace(_YAML, "!!"))
        self._complain(node, f"the tag {shown} is not supported; leave it out")
        return Odd("a tag")

    def _begin(self, event: Begin) -> None:
        mapping = isinstance(event, yaml.MappingStartEvent)
        node = _node(event)
        node.value = {} if mapping else []
        tagged = _tag(event) not in {None, f"{_YAML}{'map' if mapping else 'seq'}"}
        if tagged:
            self._tagged(node, event.tag)
        if len(self._open) == MAX_DEPTH:
            self._complain(node, f"nested more than {MAX_DEPTH} deep")
            raise ConfigError(self.problems)
        self._open.append(_Open(node, event.anchor, bool(event.flow_style), tagged))

    def _end(self, event: yaml.Event) -> None:
        done = self._open.pop()
        # The two parsers differ on where a block ends; what is pointed at is its first line.
        below = (done.node.start[0] + 1, 0)
        done.node.end = spot_of(event.end_mark) if done.flow else below
        # What is in it means something else with the tag: it is not looked at.
        node = replace(done.node, value=Odd("a tag")) if done.tagged else done.node
        self._place(node, done.anchor)

    def _alias(self, event: yaml.AliasEvent) -> Node:
        here = _node(event)
        # An anchor counts from the end of what it names, so nothing can hold itself.
        node = self._anchors.get(event.anchor or "")
        if node is None:
            self._complain(
                here, f"`*{event.anchor}` is an alias of nothing above; to mean text, quote it"
            )
            return replace(here, value=Odd("an alias"))
        self._repeated += node.size
        if self._repeated > MAX_REPEATED:
            self._complain(here, f"aliases repeat more than {MAX_REPEATED:,} values")
            raise ConfigError(self.problems)
        return replace(node, start=here.start, end=here.end)

    def _place(self, node: Node, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = node
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        parent.node.size += node.size
        match parent.node.value:
            case list(values):
                parent.node.children[len(values)] = node
                values.append(node.value)
            case dict(values) if parent.key:
                if self._entry(parent.node, parent.key, node):
                    values[parent.key.raw] = node.value
                parent.key = None
            case _:
                parent.key = node

    def _entry(self, mapping: Node, key: Node, node: Node) -> bool:
        """Whether a key can join a mapping; of two that are the same the first counts."""
        name = key.raw
        if name == "<<":
            self._complain(key, "merge keys (`<<`) are not supported; write the keys out")
            return False
        if name in mapping.keys:
            first = mapping.keys[name].start[0] + 1
            self._complain(key, f"duplicate key {quoted(name)}; it stands on line {first} already")
            if len(self._open) == 1:
                self.doubled.add(name)
            return False
        if isinstance(key.value, dict | list):
            self._complain(key, "a key must be text, not a list or a mapping")
        elif key.value is None and not name:
            self._complain(key, "the key before `:` is missing")
        elif not isinstance(key.value, str):
            self._complain(key, f"a key must be text, but {key.reading()}")
        mapping.keys[name] = key
        mapping.children[name] = node
        return True


def _node(event: yaml.Event) -> Node:
    return Node(None, spot_of(event.start_mark), spot_of(event.end_mark))


def _tag(event: yaml.ScalarEvent | Begin) -> str | None:
    return None if event.tag == "!" else event.tag
