"""The environment and the project's ``.env``, read once into a frozen value.

Nothing else in Aethr reads or writes ``os.environ``.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aethr import git, routing
from aethr.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SWITCHES = frozenset({"AETHR_LIVE", "AETHR_MODEL"})
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})
_SECRET_NAME = re.compile(r"_(API_KEY|TOKEN|SECRET)$")


@dataclass(frozen=True, slots=True)
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


def environment() -> dict[str, str]:
    """Take a snapshot of the real environment."""
    return dict(os.environ)


def quiet_litellm() -> None:
    """Keep LiteLLM, when it is imported, from the network and from files (it reads os.environ)."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it fetches its price list
    # Else it loads the nearest `.env`, all of it, into this process (1.106.2, __init__.py).
    os.environ["LITELLM_MODE"] = "PRODUCTION"


def load(root: Path, environ: Mapping[str, str]) -> Settings:
    """Read ``root/.env`` and decide mock or live. Raises UsageError for a value that is neither."""
    dotenv, warnings = read_dotenv(root / ".env")
    counted = {name: dotenv[name] for name in dotenv.keys() & (routing.DOTENV_NAMES | _SWITCHES)}
    switched = [name for name in sorted(_SWITCHES & counted.keys()) if name not in environ]
    if any(counted[name] for name in switched) and git.is_tracked(root, ".env", environ):
        for name in switched:
            del counted[name]
        # A cloned repository must not be able to spend the reader's money.
        warnings.append(f".env is tracked by git: its {' and '.join(switched)} does not count")
    because, model = _mode(environ, counted)
    return Settings(
        root, environ, counted, because, model, tuple(warnings), _secrets(environ, dotenv)
    )


def read_dotenv(path: Path) -> tuple[dict[str, str], list[str]]:
    """Give the names and values of a ``.env`` file (none where there is none), and warnings."""
    if not path.is_file():
        return {}, [".env is no file and is not read"] if path.exists() else []
    if not path.resolve().is_relative_to(path.parent.resolve()):
        # Else a cloned repository could pass its reader's own keys off as the project's.
        return {}, [".env is a link out of the project and is not read"]
    from dotenv import dotenv_values

    try:
        values = dotenv_values(path, interpolate=False, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return {}, [f".env can't be read: {error}"]
    return {name: value for name, value in values.items() if value is not None}, []


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


def _secrets(*places: Mapping[str, str]) -> dict[str, str]:
    """Map secret values to names. Short values of unknown names are too likely plain words."""
    found: dict[str, str] = {}
    for place in places:
        for name, value in place.items():
            known = name in routing.KEY_NAMES
            if len(value) >= (8 if known else 16) and (known or _SECRET_NAME.search(name)):
                found.setdefault(value, name)
    return found
