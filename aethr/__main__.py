"""The command line. ``version`` is answered before anything is imported that takes time."""

from __future__ import annotations

import sys


def main() -> None:
    """Run ``aethr`` with the arguments of the process."""
    if sys.argv[1:] in (["version"], ["--version"], ["-V"]):
        from aethr import __version__

        print(f"aethr {__version__}")
        return
    from aethr.program import run

    run(sys.argv)


if __name__ == "__main__":
    main()
