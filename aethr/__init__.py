"""Aethr: explicit, reproducible AI coding workflows.

The layers, top to bottom. A module imports only from lines below its own
(``tests/test_layers.py`` holds this):

surface   program     the console script: an invoke Program, exit codes
          namespace   the whole collection, for both doors
          api         a step or a workflow as a call from Python
          commands    the hand-written tasks
          completion  what can stand next on a command line
          auth        keys in the project's .env
          loader      Workflow -> invoke Collection, one task a step
          usage       how each command is typed
          task        invoke tasks whose options are records
          front       a run, a step, a preview as people meet them
          steering    asks a person at the terminal between two steps
          reports     a run -> files in the formats of other programs
          render      events -> people's view on stderr
          maps        a workflow's map as it was asked for
          charts      the map in the formats of other programs
          overview    the map of a workflow, as lines
          report      results -> stdout
          streams     writing to stdout and stderr
engine    opening     from a request to a run; what is wrong is found first
          session     what the tasks of one call share
          outfit      what a run is given: its task and its world
          ongoing     a run with its file: driven, ended, never lost
          kept        the checkpoint that a request is about
          applying    a run's work put on another working tree
          helm        what a person may do between two steps
          resume      whether a checkpoint may go on, and with which words
          runtime     while there is a next step: prompt, backend, result
          changes     what a step changes in the working tree
          judging     a text taken as a step's: its document, its verdict
          composing   a step's prompt, from where the run stands
          world       the outside as a run sees it
          treelog     what a run's steps did to the working tree
effects   backends    who answers a step: a model, an agent, a script
          editor      the task, or a step's text, from the user's editor
          config      YAML -> Workflow, every error at file:line:column
          presets     the workflows that ship with Aethr
          checkpoint  the append-only file of a run
          context     sources -> blocks of text within a limit
          answers     answers held against a JSON Schema
          diffs       what git compares, as material for a block
          piped       what comes in on stdin
          settings    the environment and .env, read once
          files       opening what is inside the project, and nothing else
          trees       the working tree recorded as git trees
          undo        files as they stood before they changed
          comparison  two states of a repository
          scratch     a run's folder for temporary files
          lockfile    a file that one process writes at a time
          git         what git knows of files
          signals     what ends a run from outside
          process     the only place that starts a process
logic     plan        positions and loops, a fold of results
          prompt      step, task, context and history -> the text that is sent
          verdict     an answer -> pass, revise or inconclusive
          findings    an answer -> what a reviewer found
          instances   a JSON Schema -> a value that fits it
          documents   an answer -> one JSON document
          subschemas  the parts of a JSON Schema
          arrows      loops drawn at the side of their steps
          routing     model name -> endpoint and key
          limits      what a run may take at most
          saved       a checkpoint's bytes -> what they say
          steered     what people decided between its steps
          starts      its steps' starts, and the work that was gone back over
          spent       what its calls took
          secrets     keys masked in texts and streams
          share       one limit for all sources of a step
          fit         one source within its share
          patch       a diff -> the parts of its files
          material    what a source has to show
          names       what a file's name says
          excerpt     the two ends of a text of any length
values    events, options
          results
          workflow
          errors
          text
          frozen
"""

TYPE_CHECKING = False  # typing's own would cost `aethr version` a third of its time
__version__ = "0.1.0"

if TYPE_CHECKING:
    from aethr.api import Outcome as Outcome
    from aethr.api import run_step as run_step
    from aethr.api import run_workflow as run_workflow
    from aethr.errors import AethrError as AethrError
    from aethr.errors import DryRun as DryRun
    from aethr.errors import Interrupted as Interrupted
    from aethr.errors import NotPassed as NotPassed
    from aethr.errors import Paused as Paused
    from aethr.errors import StepFailed as StepFailed
    from aethr.errors import UsageError as UsageError
    from aethr.findings import Finding as Finding
    from aethr.findings import Severity as Severity
    from aethr.limits import LimitReached as LimitReached
    from aethr.namespace import collection as collection
    from aethr.results import Artifact as Artifact
    from aethr.results import Change as Change
    from aethr.results import StepResult as StepResult
    from aethr.results import Usage as Usage
    from aethr.results import Verdict as Verdict

# Each is imported when it is asked for: ``aethr version`` waits for none of them.
_HOMES = {
    "AethrError": "errors",
    "Artifact": "results",
    "Change": "results",
    "DryRun": "errors",
    "Finding": "findings",
    "Interrupted": "errors",
    "LimitReached": "limits",
    "NotPassed": "errors",
    "Outcome": "api",
    "Paused": "errors",
    "Severity": "findings",
    "StepFailed": "errors",
    "StepResult": "results",
    "Usage": "results",
    "UsageError": "errors",
    "Verdict": "results",
    "collection": "namespace",
    "run_step": "api",
    "run_workflow": "api",
}
__all__ = [
    "AethrError",
    "Artifact",
    "Change",
    "DryRun",
    "Finding",
    "Interrupted",
    "LimitReached",
    "NotPassed",
    "Outcome",
    "Paused",
    "Severity",
    "StepFailed",
    "StepResult",
    "Usage",
    "UsageError",
    "Verdict",
    "__version__",
    "collection",
    "run_step",
    "run_workflow",
]


if not TYPE_CHECKING:  # which would take any name for one of ours

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        return getattr(import_module(f"aethr.{_HOMES[name]}"), name)
