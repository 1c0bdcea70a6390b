"""Starts what is measured, in a process that is small itself.

A process begins with the peak of memory of the one that started it (Linux hands ``ru_maxrss`` on
through an exec), so what is measured must not be started by what holds the tests or matplotlib.
Reads a JSON line for each command and answers with one. Run with ``python -I -S``.
"""

import json
import os
import sys
import time


def main() -> None:
    for line in sys.stdin:
        print(json.dumps(_run(**json.loads(line))), flush=True)


def _run(argv: list[str], cwd: str, env: dict[str, str], said: str) -> dict[str, float]:
    """Return exit code, seconds of CPU and wall time, KiB at the peak, and when it began."""
    began = time.monotonic()
    pid = os.fork()
    if not pid:
        _become(argv, cwd, env, said)
    _, status, usage = os.wait4(pid, 0)
    wall = time.monotonic() - began
    cpu = usage.ru_utime + usage.ru_stime
    code = os.waitstatus_to_exitcode(status)
    return {"code": code, "cpu": cpu, "wall": wall, "peak": usage.ru_maxrss, "began": began}


def _become(argv: list[str], cwd: str, env: dict[str, str], said: str) -> None:
    try:
        os.chdir(cwd)
        nothing = os.open(os.devnull, os.O_RDWR)
        words = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for number, file in enumerate((nothing, nothing, words)):
            os.dup2(file, number)
        os.execvpe(argv[0], argv, env)
    finally:
        os._exit(127)


if __name__ == "__main__":
    main()
