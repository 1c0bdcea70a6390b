"""Aethr's command line, and at its end the peak of its own memory, without that of its children.

``python -m benchmarks.inside FILE ARGUMENT...`` writes KiB to FILE (Linux).
"""

from __future__ import annotations

import atexit
import re
import sys
from pathlib import Path

from aethr.__main__ import main


def _tell(file: Path) -> None:
    status = Path("/proc/self/status").read_text("utf-8")
    peak = re.search(r"VmHWM:\s+(\d+)", status)
    assert peak
    file.write_text(peak[1], encoding="utf-8")


if __name__ == "__main__":
    atexit.register(_tell, Path(sys.argv.pop(1)))
    main()
