"""What tests take from npm, where it is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from typing import Never

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aethr-tests"


def absent(what: str) -> Never:
    """Skip a test for want of something, or fail it where CI is set."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)
