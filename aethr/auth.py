"""Providers' keys in the project's ``.env``."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from getpass import getpass
from pathlib import Path
from typing import TYPE_CHECKING

from aethr import files, git
from aethr.errors import UsageError, did_you_mean
from aethr.routing import ALIASES, PROVIDERS
from aethr.settings import LARGEST, parsed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aethr.settings import Settings


def login(root: Path, environ: Mapping[str, str], provider: str, key: str) -> list[str]:
    """Store a provider's key in ``root/.env``, mode 0600; return what to tell people."""
    name = _variable(provider)
    said = ["a key on the command line can be seen by others on this machine"] if key else []
    path = root / ".env"
    _text(path)  # before anybody types a key for nothing
    value = _checked(key or _asked(name))
    _store(path, name, value)
    said.append(f"{name} is stored in {path}")
    if environ.get(name) not in (None, value):
        said.append(f"warning: the environment has another {name}, which is used instead")
    if git.is_tracked(root, ".env", environ):
        said.append("warning: git tracks .env; take it out with `git rm --cached .env`")
    elif not git.is_ignored(root, ".env", environ):
        said.append("warning: git does not ignore .env; add it to .gitignore")
    return said


def status(settings: Settings) -> Iterator[str]:
    """Tell for each provider whether a key is set and where it stands, never the key."""
    for provider, entry in PROVIDERS.items():
        if entry.keys:
            yield f"{provider:<12} {_place(entry.keys, settings)}"


def _place(names: tuple[str, ...], settings: Settings) -> str:
    for name in names:
        if settings.environ.get(name):
            return f"set      {name}, from the environment"
        if name not in settings.environ and settings.dotenv.get(name):
            return f"set      {name}, from {settings.root / '.env'}"
    return f"missing  {' or '.join(names)}"


def _variable(provider: str) -> str:
    known = {name: entry for name, entry in PROVIDERS.items() if entry.keys}
    entry = known.get(ALIASES.get(provider, provider))
    if entry is None:
        names = [*known, *ALIASES]
        # What is long is the key, typed where the provider stands.
        named = f" `{provider}`" if len(provider) < 16 else ""
        said = f"unknown provider{named}{did_you_mean(provider, names)}"
        hint = f"one of {', '.join(names)}"
        raise UsageError(said if provider else "no provider was named", hint)
    return entry.keys[0]


def _asked(name: str) -> str:
    """Ask without echo on a terminal, else read the first line of what is piped in."""
    if sys.stdin is None:
        raise UsageError("there is no stdin to read the key from")
    if not sys.stdin.isatty():
        return sys.stdin.buffer.readline().decode("utf-8", "replace")
    try:
        return getpass(f"{name}: ")
    except EOFError:
        return ""


def _checked(key: str) -> str:
    key = key.strip()
    if not key:
        raise UsageError("aborted: the key is empty")
    if not re.fullmatch(r"[!-~]+", key) or re.search(r"['\"\\]", key):
        raise UsageError("the key has spaces, quotes or other odd characters: it is no key")
    return key


def _text(path: Path) -> str:
    """Give what stands in a ``.env`` as long as it would be read."""
    try:
        return files.content(path, LARGEST).decode()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise UsageError(f"can't read {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"can't read {path}: {error}") from None


def _with(text: str, name: str, value: str) -> str:
    """Put a key into the text of a ``.env``: in its line's place or at the end, whichever counts.

    What looks like its line may be a part of another's value of several lines.
    """
    wanted = {**parsed(text)[0], name: value}
    line = re.compile(rf"^[ \t]*(?:export\s+)?{name}\s*=[^\r\n]*", re.MULTILINE)
    end = "" if not text or text.endswith("\n") else "\n"
    for new in (line.sub(f"{name}={value}", text), f"{text}{end}{name}={value}\n"):
        if parsed(new)[0] == wanted:
            return new
    raise UsageError(
        f"{name} can't be put into the .env file", "mend the quotes in it, or add the line by hand"
    )


def _store(path: Path, name: str, value: str) -> None:
    """Replace or add one line; the file is written whole beside it and then moved there."""
    old = _text(path)
    path = path.resolve()  # a link inside the project stays one
    new = _with(old, name, value)
    try:
        file, beside = tempfile.mkstemp(dir=path.parent, prefix=".env.")  # mode 0600
        try:
            with os.fdopen(file, "wb") as writer:
                writer.write(new.encode())
                writer.flush()
                os.fsync(writer.fileno())
            Path(beside).replace(path)
        finally:
            Path(beside).unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"can't write {path}: {error.strerror}") from None
