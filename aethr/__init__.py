"""Aethr: explicit, reproducible AI coding workflows.

The layers, top to bottom. A module imports only from lines below its own
(``tests/test_layers.py`` holds this):

surface   program     the console script: an invoke Program, exit codes
          namespace   the whole collection, for both doors
          commands    the hand-written tasks
          auth        keys in the project's .env
          loader      Workflow -> invoke Collection, one task a step
          task        invoke tasks whose options are records
          front       a run, a step, a preview as people meet them
          render      events -> people's view on stderr
          overview    the map of a workflow, as lines
          report      results -> stdout
          streams     writing to stdout and stderr
engine    opening     from a request to a run; what is wrong is found first
          session     what the tasks of one call share
          ongoing     a run with its file: driven, ended, never lost
          kept        the checkpoint that a request is about
          resume      whether a checkpoint may go on, and with which words
          runtime     while there is a next step: prompt, backend, result
          composing   a step's prompt, from where the run stands
          world       the outside as a run sees it
          treelog     what a run's steps did to the working tree
effects   backends    who answers a step: a model, an agent, a script
          editor      asks for the task
          config      YAML -> Workflow, every error at file:line:column
          presets     the workflows that ship with Aethr
          checkpoint  the append-only file of a run
          context     sources -> blocks of text within a limit
          diffs       what git compares, as material for a block
          settings    the environment and .env, read once
          files       opening what is inside the project, and nothing else
          trees       the working tree recorded as git trees
          comparison  two states of a repository
          scratch     a run's folder for temporary files
          lockfile    a file that one process writes at a time
          git         what git knows of files
          signals     what ends a run from outside
          process     the only place that starts a process
logic     plan        positions and loops, a fold of results
          prompt      step, task, context and history -> the text that is sent
          verdict     an answer -> pass, revise or inconclusive
          routing     model name -> endpoint and key
          limits      what a run may take at most
          saved       a checkpoint's bytes -> what they say
          spent       what its calls took
          secrets     keys masked in texts and streams
          share       one limit for all sources of a step
          fit         one source within its share
          patch       a diff -> the parts of its files
          material    what a source has to show
          names       what a file's name says
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
    from aethr.namespace import collection as collection

__all__ = ["__version__", "collection"]


def __getattr__(name: str) -> object:
    """Give ``aethr.collection`` without importing invoke for ``aethr version``."""
    if name == "collection":
        from aethr.namespace import collection

        return collection
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
