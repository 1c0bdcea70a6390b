"""The hand-written tasks. Each is thin: it reads its options and hands over.

What a task needs is imported when it runs: ``aethr --help`` waits for none of it.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from invoke import Collection

from aethr import __version__, usage
from aethr.errors import UsageError, did_you_mean
from aethr.options import (
    Apply,
    Completion,
    Door,
    Init,
    Login,
    Map,
    Nothing,
    Options,
    Request,
    Schema,
    Target,
)
from aethr.streams import out, tell
from aethr.task import AethrTask
from aethr.text import count, one_line
from aethr.workflow import SourceKind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from invoke import Context

    from aethr.task import Wiring
    from aethr.workflow import Workflow

_SCHEMAS = "aethr schema is that of .aethr.yaml, aethr schema report that of --report FILE.json"


def tasks(wiring: Wiring) -> Collection:
    """Give the collection ``aethr`` of every hand-written task."""
    # At the invoke door a second bare word is the next task's name, not the step's TASK.
    console = wiring.session.door is Door.CONSOLE
    step_words = ("id", "text") if console else ("id",)
    found = Collection(
        "aethr",
        AethrTask(
            run,
            wiring,
            name="run",
            asks=(Request, Options),
            words=("text",),
            without=("id",),
        ),
        AethrTask(
            step,
            wiring,
            name="step",
            asks=(Request, Options),
            words=step_words,
            without=("from_", "until", "interactive"),
        ),
        AethrTask(init, wiring, name="init", asks=(Init,), words=("preset",)),
        AethrTask(apply, wiring, name="apply", asks=(Apply,), words=("file",)),
        AethrTask(show, wiring, name="show", asks=(Map,)),
        AethrTask(check, wiring, name="check", asks=(Target,)),
        AethrTask(schema, wiring, name="schema", asks=(Schema,), words=("of",)),
        AethrTask(version, wiring, name="version", asks=(Nothing,)),
        Collection(
            "auth",
            AethrTask(login, wiring, name="login", asks=(Login,), words=("provider",)),
            AethrTask(status, wiring, name="status", asks=(Nothing,)),
        ),
    )
    if console:
        found.add_task(
            AethrTask(completion, wiring, name="completion", asks=(Completion,), words=("shell",))
        )
        return found
    for name in found.task_names:
        # invoke's own help has no other place for them.
        examples = (f"  {line}" for line in usage.examples(name, Door.INVOKE))
        found[name].__doc__ = "\n".join((found[name].__doc__, "", "Examples:", *examples))
    return found


def run(wiring: Wiring, c: Context, request: Request, options: Options) -> None:
    """Run the workflow."""
    from aethr import front, loader

    request = _with_task(request, c)
    if options.show_prompt or c.config.run.dry:
        front.preview(wiring.session, request, options)
    else:
        front.run(wiring.session, request, options, lambda w: loader.caller(wiring, w, c.config))


def step(wiring: Wiring, c: Context, request: Request, options: Options) -> None:
    """Run one step, by its exact id."""
    from aethr import front

    if not request.id:
        steps = wiring.session.load(request).workflow.index
        raise UsageError("no step was named", f"one of {', '.join(steps)}")
    request = _with_task(request, c)
    if options.show_prompt or c.config.run.dry:
        front.preview(wiring.session, request, options)
    else:
        front.step(wiring.session, request, options)


def apply(wiring: Wiring, _: Context, asked: Apply) -> None:
    """Put on what a run changed in another clone: one patch, whole or not at all."""
    from aethr import applying, prompt

    done = applying.apply(wiring.session, asked)
    for line in done.warnings:
        tell(f"warning: {line}\n")
    out("".join(f"{one_line(prompt.changed(change))}\n" for change in done.changes))
    tell(f"{done.said}\n")


def init(wiring: Wiring, _: Context, asked: Init) -> None:
    """Write .aethr.yaml from a preset."""
    from aethr import presets

    if asked.list:
        out(_preset_list())
        return
    name = asked.preset or _ask_for_preset()
    file = wiring.session.root / ".aethr.yaml"
    kept = presets.write(name, file, force=asked.force)
    if kept:
        tell(f"the old text is kept in {kept}\n")
    tell(f"wrote {file} from preset {name}\n")
    tell('Next: aethr show, then aethr run "what to do"\n')


def show(wiring: Wiring, _: Context, asked: Map) -> None:
    """Show the workflow's map: who answers each step, and what it sees."""
    from aethr import maps

    out(maps.asked_for(wiring.session, asked))


def check(wiring: Wiring, _: Context, target: Target) -> None:
    """Validate the workflow file and what it refers to."""
    from aethr import context, loader, routing

    loaded = wiring.session.load(target)
    workflow = loaded.workflow
    context.refuse_secrets(workflow, wiring.session.root)
    warnings = [
        *map(str, loaded.warnings),
        *wiring.session.settings.warnings,
        *routing.unknown_providers(workflow),
        *_unread_files(workflow, wiring.session.root),
        *loader.renamed(workflow),
    ]
    for line in warnings:
        tell(f"warning: {line}\n")
    said = f", {count(len(warnings), 'warning')}" if warnings else ""
    out(f"{workflow.name}: {count(len(workflow.steps), 'step')}, no errors{said}\n")


def schema(_: Wiring, __: Context, asked: Schema) -> None:
    """Print the JSON Schema of .aethr.yaml, for editors, or of a JSON report."""
    from aethr import config
    from aethr.reports import as_json

    texts = {"": config.schema_text, "workflow": config.schema_text, "report": as_json.schema_text}
    if asked.of not in texts:
        raise UsageError(f"no schema of `{asked.of}`{did_you_mean(asked.of, texts)}", _SCHEMAS)
    out(texts[asked.of]())


def completion(_: Wiring, __: Context, asked: Completion) -> None:
    """Print the script with which a shell completes the words of aethr."""
    from aethr import completion as completing

    out(completing.script(completing.shell(asked.shell)))


def version(_: Wiring, __: Context, ___: Nothing) -> None:
    """Print the version."""
    out(f"aethr {__version__}\n")


def login(wiring: Wiring, _: Context, asked: Login) -> None:
    """Store a provider's key in the project's .env."""
    from aethr import auth

    root, environ = wiring.session.root, wiring.session.settings.environ
    for line in auth.login(root, environ, asked.provider, asked.key):
        tell(f"{line}\n")


def status(wiring: Wiring, _: Context, __: Nothing) -> None:
    """Show which providers have a key and where it stands, never the key."""
    from aethr import auth

    out("\n".join(auth.status(wiring.session.settings)) + "\n")


def _with_task(request: Request, c: Context) -> Request:
    """Take what stands behind ``--`` as the task."""
    if not c.remainder:
        return request
    if request.text is not None:
        raise UsageError("two tasks: one before and one after `--`")
    return replace(request, text=c.remainder)


def _unread_files(workflow: Workflow, root: Path) -> Iterator[str]:
    from aethr import files

    for step in workflow.steps:
        for source in step.context:
            if source.kind is SourceKind.FILE:
                found = files.read(root, source.argument, 0, 0)
                if isinstance(found, files.Unread):
                    yield f"{step.id}: {source.name}: {found.value}"


def _preset_list() -> str:
    from aethr import presets

    width = max(map(len, presets.names()))
    return "".join(f"{name:{width}}  {presets.describe(name)}\n" for name in presets.names())


def _ask_for_preset() -> str:
    """Ask on a terminal; elsewhere give the list and fail, since nothing was chosen."""
    tell(_preset_list())
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("no preset was named", "aethr init NAME")
    tell("preset: ")
    name = sys.stdin.readline().strip()
    if not name:
        raise UsageError("aborted: no preset was named")
    return name
