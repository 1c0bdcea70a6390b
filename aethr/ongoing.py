"""A run with the file that keeps it: driven, ended, and never lost on the way."""

from __future__ import annotations

import signal
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from aethr import plan, resume, scratch, signals
from aethr.errors import AethrError, Interrupted, Paused, StepFailed, UsageError
from aethr.events import RunFinished, RunStarted, RunStopped, Warned
from aethr.helm import Helm, Move
from aethr.limits import OPTIONS, LimitReached, effective
from aethr.steered import Pause

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aethr.checkpoint import Checkpoint
    from aethr.errors import NotPassed
    from aethr.events import Event
    from aethr.options import Request
    from aethr.results import StepResult
    from aethr.runtime import Run
    from aethr.session import Session
    from aethr.workflow import Step

    Steer = Callable[[Helm], Move]


@dataclass
class OpenRun:
    """What a session holds while its tasks work on a run."""

    session: Session
    request: Request
    run: Run
    file: Checkpoint
    keep: bool  # a temporary file; a new one not before there is something to go on with
    driving: bool = False
    _began: float = field(default_factory=time.monotonic)
    _passed: bool = True
    _ended: bool = False  # and told so

    def __post_init__(self) -> None:
        self._before = len(self.run.results)

    def joined(self, request: Request, emit: Callable[[Event], None]) -> OpenRun:
        """Let the next task of the same call work on this run, with a view of its own."""
        before = self.request
        kept = {name: getattr(request, name) or getattr(before, name) for name in OPTIONS}
        self.request = replace(
            request,
            workflow=before.workflow,
            preset=before.preset,
            checkpoint=before.checkpoint,
            variables=before.variables,
            **kept,
        )
        self.run.world = replace(self.run.world, emit=emit)
        if self.session.settings.live:
            self.run.limits = effective(self.run.workflow.limits, self.request)
        self._before = len(self.run.results)
        return self

    def drive(self, call: Callable[[Step], object], steer: Steer | None = None) -> None:
        """Run the workflow to its end, or until the step that was named.

        ``steer`` asks a person at each stop; without one a stop raises Paused.
        """
        with self._kept():
            self._tell_start()
            self._go_past(steer)
            self.driving = True
            try:
                self.run.drive(call, self.request.until, lambda: self._stop(steer))
            finally:
                self.driving = False
            self._tell_end(passed=self.run.position.passed, asked_for_all=True)

    def one(self) -> StepResult:
        """Run the one step that was asked for, once, wherever the run stands."""
        step = self.run.workflow.step(self.request.id)
        before = plan.jump(self.run.workflow, self.run.position, step.id)
        with self._kept():
            self._tell_start()
            result = self.perform(step)
            turn = plan.turned(self.run.workflow, before, result)
            passed = step.id not in self.run.position.open and turn is not plan.Turn.EXHAUSTED
            if step.pause:
                self._pause(over=True)  # a run goes on from here: one step is a stop by itself
            self._tell_end(passed=passed, asked_for_all=False)
        return result

    def perform(self, step: Step) -> StepResult:
        return self.run.perform(step, self.file)

    def verdict(self) -> NotPassed | None:
        """Say why the run did not pass, where it is done and did not."""
        if self._passed:
            return None
        run = self.run
        return resume.not_passed(run.workflow, run.position, run.results, self._command)

    def unreported(self, error: AethrError) -> None:
        """Keep the run after all: what came of it did not get to where it was to be seen."""
        self.keep = True
        error.footer = self._go_on()

    def leave(self) -> None:
        """Close the file; a temporary one that nobody can need any more is removed."""
        self.session.current = None
        scratch.cleared(scratch.of(self.file.path))
        self.file.close(keep=self.keep)

    def _go_past(self, steer: Steer | None) -> None:
        """End the stop that is resumed; one that a kill came before is made up for."""
        run = self.run
        if run.steered.pause is Pause.WAITING:
            self._pause(over=True)
        elif not self.request.from_ and resume.pauses(run):
            self._stop(steer)

    def _stop(self, steer: Steer | None) -> None:
        """Stop for a person, where that was asked for: in the call, or by the step just done."""
        run = self.run
        if not (self.request.interactive or run.workflow.step(run.results[-1].step_id).pause):
            return
        self.request = replace(self.request, from_="")  # done
        self._pause(over=False)
        began = time.monotonic()
        move = steer(Helm(run, self.file)) if steer else Move.STOP
        run.waited(time.monotonic() - began)
        if move is Move.STOP:
            step = plan.next_step(run.workflow, run.position)
            where = f"the next step is `{step.id}`" if step else "every step is done"
            raise Paused(f"waits for a person; {where}")
        if move is Move.END:
            self.request = replace(self.request, interactive=False)
        if run.steered.pause is Pause.WAITING:
            self._pause(over=True)

    def _pause(self, *, over: bool) -> None:
        run = self.run
        try:
            self.file.pause(run.results[-1].step_id, over=over)
        except UsageError as error:
            raise StepFailed(error.summary, error.hint) from None
        run.steered = run.steered.paused(over=over)

    def _go_on(self) -> str:
        run, begun = self.run, len(self.run.results) > self._before
        if run.steered.pause is Pause.WAITING:
            return resume.go_on(run.workflow, run.results, self._command())
        over = plan.next_step(run.workflow, run.position) is None
        if begun and (self.request.id or (over and run.position.passed)):
            # Only its end was interrupted: there is nothing to go on with.
            return f"{resume.tally(run.workflow, run.results)} in {self.file.path}"
        if begun and over:
            error = resume.not_passed(run.workflow, run.position, run.results, self._command)
            return "\n".join(filter(None, (error.hint, error.footer)))
        # What `--from` asked for is still to come until something was done.
        from_step = "" if begun else self.request.from_
        return resume.go_on(run.workflow, run.results, self._command(from_step))

    def _command(self, from_step: str = "") -> str:
        return resume.command(
            self.session.door, self.request, self.session.settings, self.file.path, from_step
        )

    def _tell_start(self) -> None:
        run, settings = self.run, self.session.settings
        self._ended = False
        # Where nothing was paid for, the path of a temporary file is noise.
        path = self.file.path if settings.live else None
        run.world.emit(
            RunStarted(
                run.workflow,
                self.request.id,
                tuple(run.results),
                settings.live_because,
                path,
                run.limits,
                run.position,
            )
        )

    def _tell_end(self, *, passed: bool, asked_for_all: bool) -> None:
        run, live = self.run, self.session.settings.live
        complete = plan.next_step(run.workflow, run.position) is None
        self._passed = passed
        self.request = replace(self.request, from_="", until="")  # done
        rest = self._go_on() if asked_for_all and passed and not complete else ""
        seconds = time.monotonic() - self._began
        self._ended = True
        run.world.emit(
            RunFinished(
                run.workflow,
                tuple(run.results),
                run.position,
                passed,
                live,
                seconds,
                self.file.spent,
                rest,
            )
        )
        # Not before everything is shown: until then it is the only place of what was paid for.
        self.keep = not passed or not (complete or not (live or asked_for_all))

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Tell of every way out but success, before its error is seen."""
        try:
            yield
        except BaseException:
            if not self._ended:
                run, seconds = self.run, time.monotonic() - self._began
                live = self.session.settings.live
                run.world.emit(RunStopped(tuple(run.results), live, seconds, self.file.spent))
            raise

    @contextmanager
    def _kept(self) -> Iterator[None]:
        """Turn every way out but success into an error that says how to go on."""
        with signals.parting(lambda: f"\n{self._go_on()}\n"):
            try:
                self.keep = True
                with self._telling():
                    yield
            except LimitReached as error:
                self.request = replace(self.request, **error.raised)
                error.footer = self._go_on()
                raise
            except AethrError as error:
                error.footer = self._go_on()
                raise
            except KeyboardInterrupt as error:
                stopped = Interrupted(getattr(error, "signum", signal.SIGINT))
                stopped.footer = self._go_on()
                raise stopped from None
            except BaseException:
                # A user's own task before or after a step failed, say.
                self.run.world.emit(Warned(self._go_on()))
                raise
            finally:
                self.file.rest()
