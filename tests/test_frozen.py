"""``@frozen`` classes do what those of ``@dataclass(frozen=True)`` do."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, replace
from typing import Any

import pytest

from aethr.frozen import frozen


@frozen
class Ours:
    name: str
    size: int = 3
    tags: list[str] = field(default_factory=list)


@frozen
class OursWide(Ours):
    unit: str = "m"


@frozen
class OursMarked:
    name: str
    key: str = field(default="", repr=False)
    seen: int = field(default=0, compare=False)
    notes: list[str] = field(default_factory=list, hash=False)


@dataclass(frozen=True)
class Theirs:
    name: str
    size: int = 3
    tags: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class TheirsWide(Theirs):
    unit: str = "m"


@dataclass(frozen=True)
class TheirsMarked:
    name: str
    key: str = field(default="", repr=False)
    seen: int = field(default=0, compare=False)
    notes: list[str] = field(default_factory=list, hash=False)


BOTH = pytest.mark.parametrize(
    ("narrow", "wide"), [(Ours, OursWide), (Theirs, TheirsWide)], ids=["ours", "theirs"]
)


@BOTH
def test_values_come_by_place_by_name_or_by_default(narrow: Any, wide: Any) -> None:
    assert asdict(narrow("a")) == {"name": "a", "size": 3, "tags": []}
    assert asdict(narrow("a", tags=["t"], size=1)) == {"name": "a", "size": 1, "tags": ["t"]}
    assert asdict(wide("a", 1, [], "km")) == {"name": "a", "size": 1, "tags": [], "unit": "km"}
    assert narrow("a").tags is not narrow("a").tags


@BOTH
@pytest.mark.parametrize(
    ("given", "named"),
    [
        ((), {}),
        (("a", 1, [], "m", "more"), {}),
        (("a",), {"name": "b"}),
        (("a",), {"colour": "red"}),
    ],
    ids=["too few", "too many", "twice", "unknown"],
)
def test_wrong_values_are_a_type_error(
    narrow: Any, wide: Any, given: tuple[Any, ...], named: dict[str, Any]
) -> None:
    for kind in (narrow, wide):
        with pytest.raises(TypeError, match=kind.__name__):
            kind(*given, **named)


@BOTH
def test_nothing_of_it_changes(narrow: Any, wide: Any) -> None:
    for one in (narrow("a"), wide("a")):
        with pytest.raises(FrozenInstanceError):
            one.size = 4
        with pytest.raises(FrozenInstanceError):
            one.colour = "red"
        with pytest.raises(FrozenInstanceError):
            del one.size
        assert one.size == 3


@BOTH
def test_equal_values_of_one_class_are_equal(narrow: Any, wide: Any) -> None:
    assert narrow("a") == narrow("a", 3)
    assert narrow("a") != narrow("b")
    assert narrow("a") != wide("a")
    assert narrow("a") != ("a", 3, [])
    assert hash(narrow("a", tags=())) == hash(narrow("a", tags=()))
    with pytest.raises(TypeError, match="unhashable"):
        hash(narrow("a"))


@BOTH
def test_it_is_a_dataclass_to_the_standard_library(narrow: Any, wide: Any) -> None:
    assert [entry.name for entry in fields(wide)] == ["name", "size", "tags", "unit"]
    assert replace(wide("a"), size=1) == wide("a", 1)
    with pytest.raises(TypeError):
        replace(narrow("a"), colour="red")
    match narrow("a", 1):
        case narrow(name, size):
            assert (name, size) == ("a", 1)
        case _:
            pytest.fail("no match by place")


@BOTH
def test_copies_are_equal(narrow: Any, wide: Any) -> None:
    for one in (narrow("a", tags=["t"]), wide("a", tags=["t"])):
        assert copy.copy(one) == copy.deepcopy(one) == pickle.loads(pickle.dumps(one)) == one


def test_they_are_shown_the_same() -> None:
    assert repr(OursWide("a")) == repr(TheirsWide("a")).replace("Theirs", "Ours")


@pytest.mark.parametrize("kind", [OursMarked, TheirsMarked])
def test_fields_that_are_not_shown_compared_or_hashed(kind: Any) -> None:
    assert "secret" not in repr(kind("a", key="secret"))
    assert kind("a", seen=1) == kind("a", seen=2)
    assert kind("a", key="1") != kind("a", key="2")
    assert hash(kind("a", seen=1)) == hash(kind("a", seen=2, notes=["n"]))
    assert hash(kind("a", key="1")) != hash(kind("a", key="2"))
