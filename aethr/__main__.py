"""The command line. ``version`` is answered before anything is imported that takes time."""

import gc
import os
import sys


def main() -> None:
    """Run ``aethr`` with the arguments of the process."""
    try:
        _main()
    finally:
        # The interpreter looks through all that is left, to free it: 13 of 119 ms of `--help`,
        # for memory that goes back with the process. Files of ours are closed by who opened them.
        gc.freeze()


def _main() -> None:
    _hold_streams()
    if sys.argv[1:] in (["version"], ["--version"], ["-V"]):
        from aethr import __version__

        # Not by aethr.streams: its imports would double the time that this takes.
        try:  # noqa: SIM105 - contextlib is not imported for nothing here either
            os.write(1, f"aethr {__version__}\n".encode())
        except OSError:
            pass  # the reader is gone, or the disk is full: nothing to lose
        return
    # Imports make next to no garbage; looking for it costs 15 of 180 ms. A run turns it on.
    gc.disable()
    import signal

    # Nothing is begun yet: Ctrl-C needs no traceback. A task takes its signals itself.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from aethr.program import run

    run(sys.argv)


def _hold_streams() -> None:
    """Open what was closed (``>&-``): the next file would get its number, and our output."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


if __name__ == "__main__":
    main()
