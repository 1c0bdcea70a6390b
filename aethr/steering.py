"""Asks at the terminal what to do between two steps: a line with a key, then Enter."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from aethr import editor
from aethr.errors import AethrError, UsageError
from aethr.helm import Move
from aethr.streams import tell
from aethr.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aethr.helm import Helm

_MENU = "[enter] go on  a all  r again  e edit  p prompt  d diff  b back  q stop  ? help"
_HELP = """\
  enter  go on with the next step, and stop after it
  a      go on to the end; `pause: true` in the workflow file still stops
  r      run this step again, with a note of yours in its prompt
  e      edit this step's text: later steps, and the verdict, go by yours
  p      show the next prompt, exactly as it will be sent
  d      show what the last implementation changed
  b      go back to an earlier step; the working tree stays as it is
  q      stop here (exit code 4); nothing is lost
"""
_LONGEST = 4095  # bytes of a line; what is typed beyond them a terminal drops without a word


def steer(helm: Helm) -> Move:
    """Ask until the run is to go on, or to stop. Raises KeyboardInterrupt at Ctrl-C."""
    while True:
        _forget_what_was_typed()
        tell(f"\n{_where(helm)}\n{_MENU}\n")
        try:
            key = _asked("> ")
            if key is None:
                return Move.STOP
            if move := _KEYS.get(key.strip().casefold(), _help)(helm):
                return move
        except AethrError as error:
            hint = f" ({error.hint})" if error.hint else ""
            tell(f"{helm.run.world.mask.brief(f'{error.summary}{hint}')}\n")


def _where(helm: Helm) -> str:
    """``plan is done · next: implement · mock``."""
    done = f"{helm.last.heading} is done" if helm.last else "nothing is done"
    following = f"next: {helm.next.id}" if helm.next else "next: the end"
    mock = [] if helm.run.world.settings.live else ["mock"]
    return one_line(" · ".join([done, following, *mock]))


def _again(helm: Helm) -> Move | None:
    last = _last(helm)
    note = _note(helm, last)
    if note is None:
        return None
    helm.back(last, note)
    return Move.NEXT


def _back(helm: Helm) -> None:
    if not helm.done:
        raise UsageError("nothing is done yet")
    names = dict(enumerate(helm.done, 1))
    shown = "  ".join(f"{place} {one_line(name)}" for place, name in names.items())
    said = (_asked(f"back to  {shown}  (enter: nowhere)\n> ") or "").strip()
    chosen = names.get(int(said), said) if said.isdecimal() and said not in helm.done else said
    if not chosen:
        return
    note = _note(helm, chosen)
    if note is not None:
        helm.back(chosen, note)


def _note(helm: Helm, step_id: str) -> str | None:
    """Ask for a note; None where the question was broken off. A command reads none."""
    workflow = helm.run.workflow
    if step_id in workflow.index and workflow.step(step_id).run:
        return ""
    said = _asked(f"a note for {one_line(step_id)} (enter: none)\n> ")
    return None if said is None else said.strip()


def _edit(helm: Helm) -> None:
    last = _last(helm)
    content = helm.run.results[-1].content
    helm.edit(editor.edit(helm.run.world.settings, content, last))


def _prompt(helm: Helm) -> None:
    text = helm.prompt().text
    tell(f"## {one_line(helm.next.id) if helm.next else ''}\n{text}")


def _diff(helm: Helm) -> None:
    tell(helm.diff() or "no change\n")


def _help(_: Helm) -> None:
    tell(_HELP)


def _last(helm: Helm) -> str:
    if helm.last is None:
        raise UsageError("nothing is done yet")
    return helm.last.step_id


_KEYS: Mapping[str, Callable[[Helm], Move | None]] = {
    "": lambda _: Move.NEXT,
    **dict.fromkeys(("a", "all"), lambda _: Move.END),
    **dict.fromkeys(("r", "again"), _again),
    **dict.fromkeys(("e", "edit"), _edit),
    **dict.fromkeys(("p", "prompt"), _prompt),
    **dict.fromkeys(("d", "diff"), _diff),
    **dict.fromkeys(("b", "back"), _back),
    **dict.fromkeys(("q", "stop"), lambda _: Move.STOP),
}


def _asked(question: str) -> str | None:
    """Give the line that is typed; None at its end (Ctrl-D), where nothing was entered."""
    tell(question)
    try:
        line = sys.stdin.buffer.readline()
    except OSError:  # the terminal is gone
        return None
    if not line.endswith(b"\n"):
        tell("\n")
        return None
    if len(line) >= _LONGEST:
        raise UsageError("that line is too long for a terminal, which has cut it")
    try:
        return line.decode().removesuffix("\n")
    except UnicodeDecodeError:
        raise UsageError("that line is not UTF-8") from None


def _forget_what_was_typed() -> None:
    """Drop what was typed before the question: an early Enter is no answer to it."""
    with suppress(ImportError):
        import termios

        with suppress(termios.error, OSError):
            termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
