"""The environment and the project's ``.env``, read once into a frozen value.

Nothing else in Aethr reads or writes ``os.environ``.
"""

from __future__ import annotations

import os
from dataclasses import field, replace
from typing import TYPE_CHECKING

from aethr import routing
from aethr.errors import UsageError
from aethr.frozen import frozen
from aethr.text import count

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

_SWITCHES = frozenset({"AETHR_LIVE", "AETHR_MODEL"})
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})
LARGEST = 100_000  # bytes of a .env; as short lines they cost python-dotenv 0.8 s
_SECRET_ENDS = ("_API_KEY", "_TOKEN", "_SECRET")


@frozen
class Settings:
    """What the surroundings say.

    ``environ`` is the real environment, ``dotenv`` the names of the project's
    ``.env`` that count (providers' keys and endpoints, AETHR_LIVE, AETHR_MODEL).
    ``live_because`` names what turned live on; empty in mock mode. ``secrets``
    maps each value that must not be seen to the name of its variable.
    """

    root: Path
    environ: Mapping[str, str]
    dotenv: Mapping[str, str] = field(default_factory=dict)
    live_because: str = ""
    model: str | None = None
    warnings: tuple[str, ...] = ()
    secrets: Mapping[str, str] = field(default_factory=dict)

    @property
    def live(self) -> bool:
        return bool(self.live_because)

    def with_keys(self, names: Collection[str]) -> Settings:
        """Count some variables of the environment as keys: a workflow file says that they are."""
        named = {name: self.environ[name] for name in names if name in self.environ}
        return replace(self, secrets={**_secrets([named], named), **self.secrets})


def environment() -> dict[str, str]:
    """Take a snapshot of the real environment."""
    return dict(os.environ)


def quiet_litellm() -> None:
    """Keep LiteLLM, when it is imported, from the network and from files (it reads os.environ)."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it fetches its price list
    # Else it fetches a list of headers at the first call of Anthropic (1.106.2).
    os.environ["LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS"] = "True"
    # Else it loads the nearest `.env`, all of it, into this process (1.106.2, __init__.py).
    os.environ["LITELLM_MODE"] = "PRODUCTION"


def load(root: Path, environ: Mapping[str, str]) -> Settings:
    """Read ``root/.env`` and decide mock or live. Raises UsageError for a value that is neither."""
    dotenv, warnings = read_dotenv(root / ".env")
    counted = {name: dotenv[name] for name in dotenv.keys() & (routing.DOTENV_NAMES | _SWITCHES)}
    switched = [name for name in sorted(_SWITCHES & counted.keys()) if name not in environ]
    if any(counted[name] for name in switched) and _is_tracked(root, environ):
        for name in switched:
            del counted[name]
        # A cloned repository must not be able to spend the reader's money.
        warnings.append(f".env is tracked by git: its {' and '.join(switched)} does not count")
    because, model = _mode(environ, counted)
    return Settings(
        root,
        environ,
        counted,
        because,
        model,
        tuple(warnings),
        _secrets([environ, dotenv], routing.KEY_NAMES),
    )


def _is_tracked(root: Path, environ: Mapping[str, str]) -> bool:
    from aethr import git

    return git.is_tracked(root, ".env", environ)


def read_dotenv(path: Path) -> tuple[dict[str, str], list[str]]:
    """Give the names and values of a ``.env`` file (none where there is none), and warnings."""
    try:
        path.lstat()
        from aethr import files  # most projects have no `.env`, and need not wait for it

        data = files.content(path, LARGEST)
    except FileNotFoundError:
        return {}, []
    except OSError as error:
        return {}, [f".env is not read: {error.strerror}"]
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        return {}, [f".env is not read: {error}"]
    return parsed(text)


def parsed(text: str) -> tuple[dict[str, str], list[str]]:
    """Read lines of ``NAME=VALUE``; a warning tells of those that are none.

    Not ``dotenv_values``, which logs each of them to stderr.
    """
    from io import StringIO

    from dotenv.parser import parse_stream

    values: dict[str, str | None] = {}
    wrong = []
    for binding in parse_stream(StringIO(text)):
        # No environment can hold a NUL.
        if binding.error or "\0" in f"{binding.key}{binding.value}":
            wrong.append(str(binding.original.line))
        elif binding.key is not None:
            values[binding.key] = binding.value
    what = "these lines are" if wrong[1:] else "this line is"
    more = f", … ({count(len(wrong) - 5, 'line')} more)" if wrong[5:] else ""
    warnings = [f".env: {what} no NAME=VALUE: {', '.join(wrong[:5])}{more}"] if wrong else []
    return {name: value for name, value in values.items() if value is not None}, warnings


def _mode(environ: Mapping[str, str], dotenv: Mapping[str, str]) -> tuple[str, str | None]:
    """Return why the run is live (empty: it is mock) and the model that replaces every other."""
    switch, where = _lookup("AETHR_LIVE", environ, dotenv)
    model, model_where = _lookup("AETHR_MODEL", environ, dotenv)
    word = switch.strip().casefold()
    if word and word not in _TRUE | _FALSE:
        raise UsageError(
            f"AETHR_LIVE={switch} ({where}) is neither true nor false",
            "1, true, yes or on calls real models; 0, false, no or off is mock",
        )
    if word in _FALSE:
        return "", model or None
    if word:
        return f"AETHR_LIVE={switch} in {where}", model or None
    return (f"AETHR_MODEL={model} in {model_where}", model) if model else ("", None)


def _lookup(name: str, environ: Mapping[str, str], dotenv: Mapping[str, str]) -> tuple[str, str]:
    """Return a variable and where it stands; the real environment wins, even with an empty one."""
    if name in environ:
        return environ[name], "the environment"
    return dotenv.get(name, ""), ".env"


def _secrets(places: Iterable[Mapping[str, str]], known: Collection[str]) -> dict[str, str]:
    """Map secret values to names. Short values of unknown names are too likely plain words.

    Of a value of several lines (a private key, say) each line is a secret of its own:
    a diff and an indented text don't hold it in one piece.
    """
    found: dict[str, str] = {}
    for place in places:
        for name, value in place.items():
            if name in known or name.endswith(_SECRET_ENDS):
                least = 8 if name in known else 16
                lines = [line for line in map(str.strip, value.splitlines()) if len(line) >= 16]
                for part in (value.strip(), *lines):
                    if len(part) >= least:
                        found.setdefault(part, name)
    return found
