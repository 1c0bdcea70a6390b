"""A JSON Schema -> a value that fits it, always the same: what mock mode answers. Pure.

It knows the usual keywords; whoever asks judges the value, and ``examples`` are the way out.
"""

from __future__ import annotations

from contextlib import suppress
from math import ceil, floor
from typing import TYPE_CHECKING, Any

from aethr.documents import meets
from aethr.subschemas import resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from aethr.documents import Json, Scalar
    from aethr.subschemas import Rule, Schema

    Fits = Callable[[Any, Schema], bool]
    Wanted = Mapping[str, Scalar]

_MOST_PARTS = 5_000
_MOST_DEEP = 30
_MOST_LONG = 10_000
_WORDS = ("text", "a", "A", "1", "a1", "A1", "a-1", "AB-1", "1.0.0", "a.py", "a/b", "a@b.c", "")
_FORMATS = {
    "date": "2000-01-01",
    "time": "00:00:00Z",
    "date-time": "2000-01-01T00:00:00Z",
    "email": "a@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "127.0.0.1",
}
_TYPES_BY_KEYWORD = {
    "object": ("properties", "required", "minProperties", "additionalProperties"),
    "array": ("items", "prefixItems", "minItems", "contains"),
    "string": ("minLength", "maxLength", "pattern", "format"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}


_NUMBERS = ("integer", "number")


class CantMakeError(ValueError):
    """No value was found for a part of a schema."""


def instance(schema: Schema, wanted: Wanted, fits: Fits) -> Json:
    """Make a value with the fields that are wanted. Raises CantMakeError.

    ``fits`` judges a value by a part of the schema.
    """
    return _Maker(schema, fits).make(schema, wanted)


class _Maker:
    def __init__(self, schema: Schema, fits: Fits) -> None:
        self._schema = schema
        self._fits = fits
        self._parts = 0
        self._deep = 0

    def make(self, rule: Rule, wanted: Wanted, nth: int = 0) -> Json:
        """Make a value; ``nth`` asks for another one in a list whose entries must differ."""
        self._parts += 1
        if self._parts > _MOST_PARTS or self._deep > _MOST_DEEP or rule is False:
            raise CantMakeError
        self._deep += 1
        try:
            found = next(self._values({} if rule is True else rule, wanted, nth), None)
        finally:
            self._deep -= 1
        if found is None:
            raise CantMakeError
        return found[0]

    def _values(self, rule: Schema, wanted: Wanted, nth: int) -> Iterator[tuple[Any]]:
        """Give what fits, each as a tuple of one: null is a value too."""
        for one in self._without_choice(rule):
            given = [_given(value, wanted) for value in _written(one)]
            fit = [value for value in given if meets(value, wanted) and self._fits(value, rule)]
            if fit:
                yield (fit[nth % len(fit)],)
            for kind in _types(one):
                with suppress(CantMakeError, ArithmeticError):
                    made = self._typed(kind, one, wanted, nth)
                    yield from ((value,) for value in made if self._fits(value, rule))

    def _without_choice(self, rule: Schema) -> Iterator[Schema]:
        """Put in what is referred to, and of alternatives one after the other."""
        self._parts += 1
        if self._parts > _MOST_PARTS:
            raise CantMakeError
        rest = {key: value for key, value in rule.items() if key not in _CHOICES}
        both = [resolve(self._schema, rule["$ref"])] if "$ref" in rule else []
        parts = [[one] for one in (*both, *rule.get("allOf", ()))]
        parts += [rule[key] for key in ("anyOf", "oneOf") if key in rule]
        if not parts:
            yield rest
            return
        first, *others = parts
        kept = {"allOf": [{"anyOf": other} for other in others]} if others else {}
        for one in first:
            if isinstance(one, dict):
                yield from self._without_choice(_both(_both(rest, one), kept))

    def _typed(self, kind: str, rule: Schema, wanted: Wanted, nth: int) -> Iterable[Any]:
        """Give values to try."""
        if kind == "object":
            return [self._mapping(rule, wanted)]
        if wanted:
            return []
        if kind == "array":
            return [self._list(rule)]
        if kind == "string":
            return _texts(rule, nth)
        return _numbers(rule, nth) if kind in _NUMBERS else [nth % 2 == 0, None]

    def _mapping(self, rule: Schema, wanted: Wanted) -> dict[str, Any]:
        known = rule.get("properties", {})
        must = {name if name in known else name.partition(".")[0] for name in wanted}
        must |= {*rule.get("required", ())}
        least = int(rule.get("minProperties", 0))
        if least > _MOST_PARTS:
            raise CantMakeError
        spare = [*known, *map("key{}".format, range(least))]
        must |= {*[name for name in spare if name not in must][: max(0, least - len(must))]}
        names = [*(name for name in known if name in must), *sorted(must - known.keys())]
        return {
            name: wanted[name] if name in wanted else self._entry(rule, name, wanted)
            for name in names
        }

    def _entry(self, rule: Schema, name: str, wanted: Wanted) -> Json:
        others = rule.get("additionalProperties", {})
        matched = (one for key, one in rule.get("patternProperties", {}).items() if key in name)
        inner = {
            key.removeprefix(f"{name}."): value
            for key, value in wanted.items()
            if key.startswith(f"{name}.")
        }
        return self.make(rule.get("properties", {}).get(name, next(matched, others)), inner)

    def _list(self, rule: Schema) -> list[Any]:
        first, others = rule.get("prefixItems", ()), rule.get("items", {})
        if isinstance(others, list):  # as up to draft-07
            first, others = others, rule.get("additionalItems", {})
        least = max(rule.get("minItems", 0), rule.get("minContains", 1) * ("contains" in rule))
        if least > _MOST_PARTS:
            raise CantMakeError
        others = rule["contains"] if "contains" in rule and others in ({}, True) else others
        differ = rule.get("uniqueItems", False)
        return [
            self.make(first[place] if place < len(first) else others, {}, place if differ else 0)
            for place in range(least)
        ]


_CHOICES = frozenset({"$ref", "allOf", "anyOf", "oneOf"})


def _both(one: Schema, two: Schema) -> dict[str, Any]:
    """Join two rules that must both hold; of two limits the second counts, and ``fits`` judges."""
    made = {**one, **two}
    for key in ("properties", "patternProperties"):
        if key in one and key in two:
            made[key] = {**one[key], **two[key]}
    for key in ("required", "allOf"):
        if key in one and key in two:
            made[key] = [*one[key], *two[key]]
    return made


def _written(rule: Schema) -> Iterator[Json]:
    """Give the values that stand in a rule."""
    for key in ("const", "default"):
        if key in rule:
            yield rule[key]
    yield from rule.get("enum", ())
    yield from rule.get("examples", ())


def _given(value: Json, wanted: Wanted) -> Json:
    """Put the fields that are wanted into a value that somebody wrote."""
    if not isinstance(value, dict):
        return value
    made = dict(value)
    for name, one in wanted.items():
        first, dot, rest = name.partition(".")
        inside = dot and name not in value and first in value
        made[first if inside else name] = _given(made[first], {rest: one}) if inside else one
    return made


def _types(rule: Schema) -> list[str]:
    kinds = rule.get("type", [])
    if kinds:
        return [kinds] if isinstance(kinds, str) else list(kinds)
    told = [kind for kind, keys in _TYPES_BY_KEYWORD.items() if any(key in rule for key in keys)]
    return [*told, "string", "object"]


def _texts(rule: Schema, nth: int) -> Iterator[str]:
    least, most = rule.get("minLength", 0), int(rule.get("maxLength", _MOST_LONG))
    if least > _MOST_LONG:
        raise CantMakeError
    for word in (_FORMATS[rule["format"]],) if rule.get("format") in _FORMATS else _WORDS:
        text = f"{word}{nth or ''}"
        # The end stays, in which those that must differ do.
        yield text.rjust(int(least), text[:1] or "x")[-most:] if most else ""


def _numbers(rule: Schema, nth: int) -> Iterator[float]:
    """Count from 0, or from the limit that is nearest to it; fractions come last."""
    step = rule.get("multipleOf", 1)
    lows = [rule[key] for key in ("minimum", "exclusiveMinimum") if key in rule]
    highs = [rule[key] for key in ("maximum", "exclusiveMaximum") if key in rule]
    first, way = 0, 1
    if lows and max(lows) > 0:
        first = ceil(max(lows) / step)
    elif highs and min(highs) <= 0:
        first, way = floor(min(highs) / step), -1
    yield from ((first + way * (nth + more)) * step for more in (0, 1))
    if lows and highs:
        share = 2 ** -(nth + 1)
        yield max(lows) + (min(highs) - max(lows)) * share
    elif lows or highs:
        yield (max(lows) if lows else min(highs)) + way / 2
