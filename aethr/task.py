"""Tasks whose options are a dataclass, and whose words may be left out."""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager, suppress
from dataclasses import Field, dataclass, fields
from typing import TYPE_CHECKING, Any, TypeVar

from invoke import Argument, Context, Task

from aethr import signals, streams
from aethr.errors import AethrError, Interrupted, UsageError
from aethr.secrets import Mask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from _typeshed import DataclassInstance
    from invoke import Collection

    from aethr.session import Session

R = TypeVar("R", bound="DataclassInstance")


@dataclass
class Wiring:
    """What every task of a collection holds: the session, and the steps' own tasks.

    invoke copies a collection's tasks; copied together, they stay wired to the
    copied steps, with the ``pre`` and ``post`` that a user may have given those.
    """

    session: Session
    steps: Collection


class AethrTask(Task[Any]):
    """A task of ours: its body gets the wiring, the context, and the options as records.

    ``words`` names the options that may be given as bare words, in order. invoke
    has positional arguments only as required ones (pyinvoke/invoke#159), so an
    option is declared positional only when the command line has a word for it.
    """

    def __init__(
        self,
        body: Callable[..., Any],
        wiring: Wiring,
        *,
        name: str,
        asks: Sequence[type],
        words: Sequence[str] = (),
        without: Iterable[str] = (),
    ) -> None:
        super().__init__(body, name=name, positional=())
        self.wiring = wiring
        self.asks = tuple(asks)
        self.words = tuple(words)
        self.without = frozenset(without)

    def __call__(self, *args: Any, **given: Any) -> Any:  # noqa: ANN401 - as invoke's
        if len(args) != 1 or not isinstance(args[0], Context):
            raise TypeError(f"call it with the context and keywords: {self.name}(c, …)")
        self.times_called += 1
        with edge(self.wiring.session):
            return self.body(self.wiring, args[0], *(record(one, given) for one in self.asks))

    def __eq__(self, other: object) -> bool:
        """Differ from every task, so that ``step plan step plan`` runs twice (invoke#536)."""
        return False

    __hash__ = object.__hash__

    @property
    def options(self) -> list[Field[Any]]:
        """The options as fields of records, in the order in which they are declared."""
        every = (field for record in self.asks for field in fields(record) if field.metadata)
        return [field for field in every if field.name not in self.without]

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:  # noqa: ARG002 - invoke's
        arguments = [_argument(field) for field in self.options]
        by_name = {argument.name: argument for argument in arguments}
        found, flags = given_words(self.name, arguments, sys.argv[1:])
        words = [by_name[name] for name in self.words if by_name[name] not in flags]
        for word in words[:found]:
            word.positional = True
        return [*words, *(argument for argument in arguments if argument not in words)]


class _Option(Argument):
    """invoke's argument, which its errors then call by its flag."""

    def __init__(self, **given: Any) -> None:  # noqa: ANN401 - as invoke's
        super().__init__(**given)
        # Of a list invoke takes the empty beginning for a value that was given: `--report`
        # without one would pass, and no report be written.
        self.raw_value = None

    def __repr__(self) -> str:
        return f"`{_flag(self.names[0])}`"


@contextmanager
def edge(session: Session, *, goes_on: bool = False) -> Iterator[None]:
    """Take signals and mask errors where a call from outside comes in."""
    try:
        with signals.taken(goes_on=goes_on):
            yield
    except AethrError as error:
        mask: Callable[[str], str] = str
        with suppress(AethrError):  # settings that can't be read know no key
            mask = Mask(session.settings.secrets).brief
        error.mask = lambda text: streams.inert(mask(text))
        raise
    except KeyboardInterrupt as error:
        # invoke itself would exit with 1.
        raise Interrupted(getattr(error, "signum", signal.SIGINT)) from None


def record(kind: type[R], given: Mapping[str, Any]) -> R:
    """Make a record of what was given; an empty value is a variable that a script forgot."""
    mine = {field.name: field for field in fields(kind) if given.get(field.name) is not None}
    for name, field in mine.items():
        if (given[name] == "" and field.default == "") or (
            field.default == () and "" in given[name]
        ):
            raise UsageError(f"--{long_flag(field)} is empty")
    return kind(
        **{name: tuple(given[name]) if mine[name].default == () else given[name] for name in mine}
    )


def _argument(field: Field[Any]) -> Argument:
    """Make invoke's argument of an option."""
    flag, short = long_flag(field), field.metadata["short"]
    kind = str if field.default is None else type(field.default)
    if kind is tuple:
        return _Option(names=(flag,), kind=list, help=field.metadata["help"])  # may be repeated
    return _Option(
        names=(flag, short) if short else (flag,),
        kind=kind,
        # None tells an option that was not given from one that was given empty;
        # and a positional argument with another default would never be filled.
        default=None if kind is str else field.default,
        help=field.metadata["help"],
        attr_name=field.name if field.name != flag else None,
    )


def long_flag(field: Field[Any]) -> str:
    """``resume_checkpoint`` -> ``resume-checkpoint``, ``from_`` -> ``from``, as invoke has it."""
    return field.name.strip("_").replace("_", "-")


def given_words(
    task: str, arguments: Sequence[Argument], argv: Sequence[str]
) -> tuple[int, list[Argument]]:
    """Count the bare words that follow the task's name; give the task's own flags that do.

    A flag that is not the task's ends the count: invoke then names it as unknown,
    instead of taking it for a word.
    """
    flags = {_flag(name): argument for argument in arguments for name in argument.names}
    inverse = {f"--no-{a.names[0]}" for a in arguments if a.kind is bool and a.default is True}
    found, seen = 0, []
    rest = iter(_after(task, argv))
    for word in rest:
        name = word.partition("=")[0]
        if not word.startswith("-") or word == "-":
            found += 1
        elif argument := flags.get(name):
            seen.append(argument)
            if argument.takes_value and name == word:
                next(rest, None)
        elif not (word in inverse or _known_cluster(word, flags)):
            break
    return found, seen


def _after(task: str, argv: Sequence[str]) -> Sequence[str]:
    """Give the words behind the task's name, up to ``--``; a dotted name is surely ours."""
    body = argv[: argv.index("--")] if "--" in argv else argv
    dotted = [place for place, word in enumerate(body) if word.endswith(f".{task}")]
    plain = [place for place, word in enumerate(body) if word == task]
    places = dotted or plain
    return body[places[0] + 1 :] if places else ()


def _known_cluster(word: str, flags: Mapping[str, Argument]) -> bool:
    """Whether a word is ``-fvalue`` or ``-qv`` of the task's own flags."""
    first = flags.get(word[:2])
    if word.startswith("--") or first is None:
        return False
    return first.takes_value or all(f"-{letter}" in flags for letter in word[1:])


def _flag(name: str) -> str:
    return f"-{name}" if len(name) == 1 else f"--{name}"
