"""A stand-in for the OpenCode CLI, for what is slow or hard to provoke with the real one.

Plays the script (JSON) that FAKE_OPENCODE names, and writes down how it was called.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def main() -> None:
    script = json.loads(Path(os.environ["FAKE_OPENCODE"]).read_text())
    with Path(script["record"]).open("a") as record:
        stdin = sys.stdin.buffer.read().decode("utf-8", "replace")
        call = {"argv": sys.argv[1:], "stdin": stdin, "cwd": str(Path.cwd()), **os.environ}
        record.write(json.dumps(call) + "\n")
    match sys.argv[1:]:
        case ["run", "--help"]:
            sys.stderr.write(script["help"])
        case ["run", *_]:
            for verb, *arguments in script["acts"]:
                globals()[verb](*arguments)
        case ["export", session]:
            sys.stdout.write(script["exports"][session])


def out(text: str, times: int = 1) -> None:
    for _ in range(times):
        sys.stdout.write(text + "\n")
    sys.stdout.flush()


def raw(data: str) -> None:
    """Write bytes, given in hexadecimal."""
    sys.stdout.buffer.write(bytes.fromhex(data))
    sys.stdout.flush()


def err(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def forever(*lines: str) -> None:
    while True:
        out("\n".join(lines))
        time.sleep(0.01)


def flood() -> None:
    """Write 2 GiB, or have it look so."""
    os.ftruncate(1, 2 << 30)


def edit(path: str, text: str) -> None:
    Path(path).write_text(text)


def deaf(asked_file: str) -> None:
    """Note that one is asked to end, and don't."""
    signal.signal(signal.SIGTERM, lambda *_: Path(asked_file).touch())


def child(pid_file: str, how: str = "") -> None:
    """Start a process that lasts: ``session``, ``orphan``, ``deaf``, ``bare`` (of environment)."""
    options: dict[str, Any] = {"start_new_session": True} if how else {}
    if how == "bare":
        options["env"] = {}
    trap = "trap '' TERM; " if how == "deaf" else ""
    last = f"{trap}echo $$ > {pid_file}.part; mv {pid_file}.part {pid_file}; sleep 1000 & wait"
    script = f"({last}) & exit" if how == "orphan" else last
    subprocess.Popen(["/bin/sh", "-c", script], **options)
    while not Path(pid_file).exists():
        time.sleep(0.01)


def hang() -> None:
    while True:
        time.sleep(1000)


def end(code: int) -> None:
    sys.exit(code)


def killed(signum: int) -> None:
    os.kill(os.getpid(), signum)


if __name__ == "__main__":
    main()
