"""A session for each concern of a review: nox chooses, and one that does not pass fails."""

import nox

nox.options.default_venv_backend = "none"  # aethr is on PATH, as git is


def review(session: nox.Session) -> None:
    """Run the step of the session's name; what follows `--` is the task."""
    task = " ".join(session.posargs) or "review my uncommitted changes"
    session.run("aethr", "step", session.name, "--text", task)


@nox.session
def correctness(session: nox.Session) -> None:
    """Wrong results, broken callers, races."""
    review(session)


@nox.session
def security(session: nox.Session) -> None:
    """What an attacker could use."""
    review(session)


@nox.session
def tests(session: nox.Session) -> None:
    """Cases that no test would notice."""
    review(session)
