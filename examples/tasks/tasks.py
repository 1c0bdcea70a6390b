"""Tasks of one's own beside Aethr's: `inv --list` shows them all."""

import shlex

from invoke import Collection, Context, Exit, call, task

import aethr

own = aethr.collection()


@task
def lint(c: Context) -> None:
    """Find conflict markers and stray blanks in what is not committed."""
    c.run("git diff HEAD --check")


@task(pre=[lint, call(own["step"], id="review", text="review my uncommitted changes")])
def ready(c: Context) -> None:
    """Lint and review: a step of Aethr is a task, and comes before another as any task does."""
    c.run("echo ready to commit")


@task(pre=[lint])
def commit(c: Context, message: str) -> None:
    """Review and commit: a step of Aethr is a call, and what it returns decides."""
    review = aethr.run_step(c, "review", f"The commit message is: {message}")
    if review.verdict is not aethr.Verdict.PASS:
        print(review.content)
        raise Exit("not committed", code=review.status)
    c.run(f"git commit -qam {shlex.quote(message)}")


ns = Collection(lint, ready, commit, own)
