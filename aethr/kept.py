"""The checkpoint that a request is about: found, read, reopened or made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aethr import checkpoint, lockfile, process, scratch
from aethr.checkpoint import Header
from aethr.errors import UsageError
from aethr.options import Variable
from aethr.text import count, one_line, shell_word

if TYPE_CHECKING:
    from pathlib import Path

    from aethr.checkpoint import Checkpoint, Saved
    from aethr.options import Request
    from aethr.runtime import Run
    from aethr.session import Session


def read(session: Session, request: Request) -> Saved:
    """Read it without locking or mending it."""
    with request.blaming(Variable.CHECKPOINT):
        return _read(session, request)


def _read(session: Session, request: Request) -> Saved:
    path, text = place(session, request)
    if text:
        return checkpoint.parse(text.encode(errors="surrogatepass"), "--resume-checkpoint")
    if path and (request.resume_checkpoint or _begun(path)):
        return checkpoint.read(path)
    return checkpoint.Saved(None, ())


def reopened(session: Session, request: Request) -> tuple[Saved, Checkpoint | None]:
    """Give what is kept, with its file locked; no file where a new one is to be made."""
    with request.blaming(Variable.CHECKPOINT):
        return _reopened(session, request)


def _reopened(session: Session, request: Request) -> tuple[Saved, Checkpoint | None]:
    path, text = place(session, request)
    if path is None or text or not (request.resume_checkpoint or _begun(path)):
        return _read(session, request), None
    if not checkpoint.is_older(path):
        saved, file = checkpoint.reopen(path)
        scratch.swept(path)
        return saved, file
    saved = checkpoint.read(path)
    if request.checkpoint:
        raise UsageError(
            f"{request.checkpoint} is a checkpoint of the older form, which is not written to",
            f"go on from it with --resume-checkpoint {shell_word(f'@{request.checkpoint}')}",
        )
    return saved, None


def place(session: Session, request: Request) -> tuple[Path | None, str]:
    """Tell where the checkpoint to go on from is: a path, or its JSON on the command line."""
    if request.resume_checkpoint and request.checkpoint:
        raise UsageError("--checkpoint and --resume-checkpoint exclude each other")
    if request.resume_checkpoint.startswith("@"):
        return session.start / request.resume_checkpoint[1:], ""
    if request.resume_checkpoint and not request.resume_checkpoint.lstrip().startswith(("[", "{")):
        raise UsageError(
            "--resume-checkpoint is neither @FILE nor JSON",
            f"for a file: --resume-checkpoint {shell_word(f'@{request.resume_checkpoint}')}",
        )
    if request.resume_checkpoint:
        return None, request.resume_checkpoint
    return (session.start / request.checkpoint if request.checkpoint else None), ""


def place_of_new(session: Session, request: Request, workflow: str) -> Path:
    """Tell where a new one is to be made: as asked for, else in the private folder."""
    if request.checkpoint:
        return session.start / request.checkpoint
    return checkpoint.temporary(workflow)


def created(path: Path, session: Session, request: Request, run: Run) -> Checkpoint:
    """Make a new one, with what the run begins with."""
    with request.blaming(Variable.CHECKPOINT):
        file = checkpoint.create(path)
    repo = run.world.surroundings.repo
    scratch.swept(path)  # a kill may have come before there was a checkpoint
    file.mask = run.world.mask
    header = Header(
        run.workflow.name,
        run.workflow.text,
        run.task,
        session.settings.live,
        repo.commit if repo else "",
        run.world.tree.base if run.world.tree else "",
    )
    try:
        file.header(header)
        for result in run.results:
            file.result(result)
    except UsageError:
        file.close(keep=False)
        raise
    return file


def end_survivors(saved: Saved) -> list[str]:
    """End what a step left running when a kill took Aethr: it may still edit the tree.

    Returns warnings.
    """
    starts, results = saved.starts, saved.results
    if not starts or not starts[-1].marker or starts[-1].after < len(results):
        return []
    ended = process.end_marked(starts[-1].marker)
    name = one_line(starts[-1].step_id)
    if ended is None:
        return [f"{name}: if what it started still runs, end it: this system can't find it"]
    what = count(ended, "process", "processes")
    return [f"{name}: ended {what} that it had left running"] if ended else []


def _begun(path: Path) -> bool:
    """Whether a file named with --checkpoint holds a run; one that is empty or torn does not."""
    try:
        with lockfile.reading(path) as file:
            return not checkpoint.is_blank(file.read(1 << 16))
    except UsageError:
        return False
