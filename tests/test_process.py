"""Real processes: what goes in, what comes out, and that nothing is left running."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from aethr import process
from aethr.process import Command

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Python = Callable[..., Command]


@pytest.fixture
def python(tmp_path: Path) -> Python:
    """Give a function that makes a command of Python source, arguments and the rest."""

    def command(
        source: str, *argv: str, stdin: bytes = b"", timeout: float | None = None
    ) -> Command:
        return Command([sys.executable, "-c", source, *argv], tmp_path, {"A": "b"}, stdin, timeout)

    return command


def test_both_outputs_and_the_exit_code_are_given(python: Python) -> None:
    source = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    assert process.run(python(source)) == process.Finished(3, b"out\n", "err\n")


def test_a_process_sees_its_folder_and_its_environment_and_no_other(
    python: Python, tmp_path: Path
) -> None:
    source = "import os; print(os.getcwd()); print(os.environ.get('HOME'), os.environ['A'])"
    assert process.run(python(source)).stdout.decode() == f"{tmp_path}\nNone b\n"


def test_without_input_stdin_is_at_its_end(python: Python) -> None:
    assert process.run(python("import sys; print(repr(sys.stdin.read()))")).stdout == b"''\n"


def test_full_pipes_in_every_direction_do_not_lock(python: Python) -> None:
    source = """if True:
        import sys
        sys.stderr.write("e" * 1_000_000)
        data = sys.stdin.buffer.read()
        sys.stdout.buffer.write(data)
    """
    data = b"x" * 1_000_000
    done = process.run(python(source, stdin=data))
    assert done.stdout == data
    assert 0 < len(done.stderr) < 100_000, "only the beginning is kept"
    assert set(done.stderr) == {"e"}


def test_input_that_is_not_read_is_no_error(python: Python) -> None:
    assert process.run(python("print('done')", stdin=b"x" * 1_000_000)).stdout == b"done\n"


@pytest.mark.parametrize("stubborn", [False, True])
def test_a_reader_that_has_enough_ends_the_process_and_what_it_started(
    python: Python, tmp_path: Path, stubborn: bool
) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    source = """if True:
        import os, signal, sys
        if sys.argv[2] == "True":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.fork()
        alive = open(sys.argv[1], "w")
        while True:
            print("more" * 1000)
    """
    with process.running(python(source, str(fifo), str(stubborn))) as child:
        held = fifo.open("rb")
        assert next(child.chunks()).startswith(b"more")
    with held:
        assert held.read() == b"", "it ends when the last one that holds it has ended"
    assert child.code < 0


def test_a_process_that_takes_too_long_is_ended(python: Python) -> None:
    with pytest.raises(process.TimedOut):
        process.run(python("import time; time.sleep(600)", timeout=0.1))


def test_a_process_in_time_is_not_disturbed(python: Python) -> None:
    assert process.run(python("print('quick')", timeout=60)).stdout == b"quick\n"


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        process.run(Command(["no-such-program"], tmp_path, {}))
    assert process.interactive(["no-such-program"], {}) == 127


def test_an_interactive_program_gives_its_exit_code() -> None:
    assert process.interactive([sys.executable, "-c", "raise SystemExit(5)"], {}) == 5
