"""A process that asks models one question each, with nothing but the backend around them.

``python -m tests.support.ask URL MODEL…`` prints each answer, or the error that people
would read. The backend is shown an empty environment; the process's own is LiteLLM's to see.
"""

from __future__ import annotations

import sys
from pathlib import Path

from aethr.backends.model import ModelBackend
from aethr.errors import AethrError
from aethr.results import Call
from aethr.settings import Settings
from aethr.workflow import ModelRef, Step
from tests.support.output import Heard


def main(url: str, *names: str) -> int:
    backend = ModelBackend(Settings(Path(), {}))
    step = Step("ask", "asker")
    for name in names:
        model = ModelRef(name, retries=0, api_base=url)
        try:
            print(backend.answer(Call(step, "hi", model, Path()), Heard()).content)  # noqa: T201
        except AethrError as error:
            print(error.message)  # noqa: T201
        except KeyboardInterrupt:
            return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
