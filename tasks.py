"""This project's own tasks; `inv --list` shows them beside Aethr's."""

from invoke import Collection, Context, task

import aethr


@task
def lint(c: Context) -> None:
    """Check style and types."""
    c.run("ruff check . && ruff format --check . && mypy")


ns = Collection(lint, aethr.collection())
