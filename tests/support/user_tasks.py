"""What docs/python.md shows, as a file: mypy reads it as a user's own would be read."""

import shlex

from invoke import Collection, Context, Exit, task

import aethr


@task
def commit(c: Context, message: str) -> None:
    """Commit what is staged, if the review passes."""
    review = aethr.run_step(c, "review", f"The commit message is: {message}")
    if review.verdict is not aethr.Verdict.PASS:
        print(review.content)
        raise Exit("not committed", code=review.status)
    c.run(f"git commit -q -m {shlex.quote(message)}")


@task
def implement(c: Context, text: str) -> None:
    """Run the whole workflow, and tell what it changed."""
    run = aethr.run_workflow(c, text, checkpoint="implement.jsonl", max_cost=2.50)
    for change in run.artifact.changes if run.artifact else ():
        print(change.path, change.added, change.removed)
    if run.error:
        raise run.error  # as the command line ends: the reason, how to go on, exit code 3


ns = Collection(commit, implement, aethr.collection())
