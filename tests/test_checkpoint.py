"""What was written survives; what was torn is cut off; nobody writes twice."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aethr import checkpoint
from aethr.checkpoint import Header, Start
from aethr.errors import UsageError
from aethr.results import Artifact, Change, StepResult, Usage, Verdict

if TYPE_CHECKING:
    from pathlib import Path

HEADER = Header("demo", "abc", "workflow: demo", "a task\n\u2028 with ünï \ud800", True, "f00")
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
    assert saved == checkpoint.Saved(HEADER, RESULTS, "piped", STARTS)


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


@given(st.integers(0, 2000), st.binary(max_size=3))
def test_damage_gives_a_checkpoint_or_one_clear_error(
    tmp_path_factory: pytest.TempPathFactory, place: int, damage: bytes
) -> None:
    path = written(tmp_path_factory.mktemp("c") / "c.jsonl")
    data = path.read_bytes()
    place %= len(data)
    try:
        saved = checkpoint.parse(data[:place] + damage + data[place + len(damage) :], "c.jsonl")
    except UsageError as error:
        assert "checkpoint" in str(error)  # noqa: PT017 - either outcome is right
    else:
        assert len(saved.results) <= len(RESULTS)
