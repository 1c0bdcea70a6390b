"""What was written survives; what was torn is cut off; nobody writes twice."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

import pytest

from aethr import checkpoint
from aethr.checkpoint import Header, Start
from aethr.errors import UsageError
from aethr.results import Artifact, Change, StepResult, Usage, Verdict
from aethr.spent import Spent

if TYPE_CHECKING:
    from pathlib import Path

HEADER = Header("demo", "workflow: demo", "a task\n\u2028 with ünï \ud800", True, "f00")
ARTIFACT = Artifact("b", "t", (Change("a\udce9.py", 1, None),), "diff \udce9", None)
RESULTS = (
    StepResult("plan", "do it \ud800", usage=Usage(1, None, 0.5), model="openai:x", seconds=1.5),
    StepResult("review", "no", verdict=Verdict.REVISE, artifact=ARTIFACT),
    StepResult("review", "yes", 2, Verdict.INCONCLUSIVE, ("git_diff",)),
)

STARTS = (Start("plan", 0), Start("review", 1, "7ree", "mark"), Start("review", 2))


def written(path: Path) -> Path:
    file = checkpoint.create(path)
    file.header(HEADER)
    file.stdin("piped")
    for start, result in zip(STARTS, RESULTS, strict=True):
        file.start(start)
        file.result(result)
    file.failure("ship", "HTTP 500", "half a sent")
    file.close()
    return path


def test_everything_comes_back(tmp_path: Path) -> None:
    saved = checkpoint.read(written(tmp_path / "c.jsonl"))
    spent = Spent(3, Usage(1, 0, 0.5), untold=1)
    assert saved == checkpoint.Saved(HEADER, RESULTS, "piped", STARTS, spent)


def test_every_line_says_what_it_is(tmp_path: Path) -> None:
    lines = written(tmp_path / "c.jsonl").read_text("ascii").splitlines()
    kinds = [json.loads(line)["kind"] for line in lines]
    assert kinds == ["run", "stdin", *["start", "result"] * 3, "failure"]


def test_cut_anywhere_the_whole_lines_survive_and_the_file_goes_on(tmp_path: Path) -> None:
    data = written(tmp_path / "c.jsonl").read_bytes()
    first = data.index(b"\n") + 1
    for cut in range(first, len(data), 7):
        path = tmp_path / "cut.jsonl"
        path.write_bytes(data[:cut])
        whole = data[:cut].count(b'"kind":"result"') - (
            b'"kind":"result"' in data[:cut].split(b"\n")[-1]
        )
        saved, file = checkpoint.reopen(path)
        assert len(saved.results) in (whole, whole + 1)
        file.result(RESULTS[0])
        file.close()
        assert checkpoint.read(path).results == (*saved.results, RESULTS[0])


def test_a_whole_last_line_without_its_newline_counts(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    path.write_bytes(written(tmp_path / "d.jsonl").read_bytes().rstrip(b"\n"))
    saved, file = checkpoint.reopen(path)
    file.result(RESULTS[0])
    file.close()
    assert saved.results == RESULTS
    assert checkpoint.read(path).results == (*RESULTS, RESULTS[0])


def test_reading_changes_nothing(tmp_path: Path) -> None:
    path = written(tmp_path / "c.jsonl")
    path.write_bytes(path.read_bytes()[:-5])
    before = path.read_bytes()
    checkpoint.read(path)
    assert path.read_bytes() == before


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "c.jsonl")
    _, file = checkpoint.reopen(path)
    with pytest.raises(UsageError, match="another run is writing"):
        checkpoint.reopen(path)
    file.close()
    checkpoint.reopen(path)[1].close()


def test_only_the_user_can_read_it(tmp_path: Path) -> None:
    path = written(tmp_path / "c.jsonl")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_temporary_one_is_private_and_goes_when_it_is_not_to_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    file = checkpoint.create(checkpoint.temporary("My flow!"))
    assert file.path.name.startswith("my-flow-")
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700
    file.close(keep=False)
    assert not list(file.path.parent.iterdir())


def test_a_folder_that_is_a_link_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    file = checkpoint.create(checkpoint.temporary("demo"))
    file.close(keep=False)
    folder = file.path.parent
    folder.rmdir()
    (tmp_path / "elsewhere").mkdir()
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="not a folder of yours"):
        checkpoint.create(checkpoint.temporary("demo"))


ROWS = [{"step_id": "plan", "content": "p"}, {"step_id": "plan", "content": "q", "metadata": {}}]


@pytest.mark.parametrize("text", [json.dumps(ROWS), json.dumps({"results": ROWS}, indent=2)])
def test_the_older_forms_are_read(text: str) -> None:
    saved = checkpoint.parse(text.encode(), "inline")
    assert saved.header is None
    assert [(r.step_id, r.content, r.number) for r in saved.results] == [
        ("plan", "p", 1),
        ("plan", "q", 2),
    ]
    assert saved.results[0].usage == Usage()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"hello",
        b"{}",
        b"[1]",
        b'{"kind":"result"}\n',
        b'{"kind":"run"}\n',
        b'[{"step_id": 1, "content": "x"}]',
        b'[{"step_id": "x"}]',
        b'{"results": 5}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"kind":"run","format":1,"workflow":"w","digest":"","text":"","task":1,"live":true,"commit":""}\n',
    ],
)
def test_what_is_no_checkpoint_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(UsageError, match=r"not a checkpoint: c\.jsonl"):
        checkpoint.parse(data, "c.jsonl")


def test_a_newer_format_is_named() -> None:
    with pytest.raises(UsageError, match="format 2"):
        checkpoint.parse(b'{"kind":"run","format":2}\n', "c.jsonl")


ROW = '{"kind":"result","step_id":"plan","content":"","unproven":U,"usage":{"cost":C},"artifact":A}'
PATCH = '{"before":"","tree":"","changes":[{"path":"a","added":1}],"patch":1,"run_patch":null}'


@pytest.mark.parametrize(
    "line",
    [
        '{"kind":"stdin","text":5}',
        '{"kind":"start","step_id":"plan","after":1e999,"tree":"","marker":""}',
        '{"kind":"start","step_id":"plan","after":true,"tree":"","marker":""}',
        '{"kind":"used","usage":{"cost":"free"},"whole":true}',
        ROW.replace("U", "[1]").replace("C", "0").replace("A", "null"),
        ROW.replace("U", "[]").replace("C", '"free"').replace("A", "null"),
        ROW.replace("U", "[]").replace("C", "NaN").replace("A", "null"),
        ROW.replace("U", "[]").replace("C", "1e300").replace("A", "null"),
        ROW.replace("U", "[]").replace("C", "0").replace("A", PATCH),
        '{"kind":"edit","step_id":"plan","content":"of another step"}',
        '{"kind":"edit","step_id":"review","content":5}',
        '{"kind":"edit","step_id":"review","content":"","verdict":"good"}',
        '{"kind":"rewind","step_id":"plan","kept":1}',
        '{"kind":"rewind","step_id":"plan","kept":3}',
        '{"kind":"rewind","step_id":"plan","kept":-3}',
        '{"kind":"note","step_id":"plan","kept":0,"text":null}',
        '{"kind":"pause","step_id":"plan","over":1}',
        '{"kind":"run","format":1}',
    ],
)
def test_a_field_of_another_kind_makes_it_none(tmp_path: Path, line: str) -> None:
    data = written(tmp_path / "c.jsonl").read_bytes() + f"{line}\n".encode()
    with pytest.raises(UsageError, match="not a checkpoint: c"):
        checkpoint.parse(data, "c")
