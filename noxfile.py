"""Sessions for the project's own checks, and one that shows Aethr under nox."""

from __future__ import annotations

import nox

nox.options.sessions = ["tests", "lint"]
nox.options.default_venv_backend = "venv"


@nox.session(python=["3.11", "3.12", "3.13"])
def tests(session: nox.Session) -> None:
    """Run the tests on every Python that is supported."""
    session.install("-e", ".[dev]")
    session.run("pytest", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and types."""
    session.install("-e", ".[dev]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")


@nox.session
def fuzz(session: nox.Session) -> None:
    """Try 20,000 new examples of every property; FUZZ_EXAMPLES sets another number."""
    session.install("-e", ".[dev]")
    session.run("pytest", "tests/properties", "--hypothesis-profile=fuzz", *session.posargs)


@nox.session(venv_backend="none")
def bench(session: nox.Session) -> None:
    """Measure what is installed, each row beside its floor."""
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session(venv_backend="none")
def review(session: nox.Session) -> None:
    """Review the uncommitted changes with Aethr: nox keeps the control."""
    session.run(
        "aethr", "run", "--preset", "review-existing-diff", "review my changes", *session.posargs
    )
