"""What ships with Aethr: every preset and example is valid, listed and described."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aethr import config, presets
from aethr.errors import UsageError
from aethr.text import printable
from aethr.workflow import History, Source, SourceKind, Workflow

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
FILES = [*map(presets.path, presets.names()), *EXAMPLES]


def preset(name: str) -> Workflow:
    return config.load(presets.path(name)).workflow


def test_the_presets_are_those_of_the_folder() -> None:
    assert presets.names() == sorted(path.stem for path in (ROOT / "presets").iterdir())
    assert set(presets.names()) == {
        "add-tests",
        "custom",
        "debug-failing-test",
        "docs-sync",
        "plan-implement-review",
        "review-existing-diff",
    }


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_file_that_ships_is_valid_and_helps_its_editor(file: Path) -> None:
    loaded = config.load(file)
    assert not loaded.warnings
    assert loaded.workflow.description
    text = file.read_text("utf-8")
    assert "# yaml-language-server: $schema=.aethr.schema.json\n" in text
    assert "aethr schema > .aethr.schema.json" in text
    assert printable(text) == text
    # The prompt asks for the verdict; guidance that does so too could contradict it.
    assert not re.search("review status|verdict line", text, re.IGNORECASE)


@pytest.mark.parametrize("name", presets.names())
def test_a_preset_is_named_and_described_as_in_its_file(name: str) -> None:
    workflow = preset(name)
    assert workflow.name == name
    assert presets.describe(name) == workflow.description
    # One line of `aethr init --list` on a terminal of 80 columns.
    assert len(workflow.description) <= 78 - max(map(len, presets.names()))


@pytest.mark.parametrize("name", presets.names())
def test_a_reviewer_is_told_how_to_write_a_finding(name: str) -> None:
    assert "[high|medium|low]" in preset(name).roles["reviewer"]


def test_a_change_is_planned_made_and_reviewed_until_it_passes() -> None:
    plan, implement, review = preset("plan-implement-review").steps
    assert plan.backend == "model"
    assert (implement.backend, implement.unsafe_permissions) == ("opencode", True)
    assert implement.history is History.LATEST
    assert review.context == (Source(SourceKind.LATEST_DIFF),)
    assert review.repeat
    assert (review.repeat.back_to, review.repeat.max_iterations) == (implement.id, 3)
    assert review.repeat.until_review_pass


def test_a_review_sees_everything_that_is_not_committed() -> None:
    (review,) = preset("review-existing-diff").steps
    assert review.has_verdict
    assert review.context == (Source(SourceKind.GIT_DIFF, "all"),)


def test_debugging_edits_nothing() -> None:
    steps = preset("debug-failing-test").steps
    assert [step.id for step in steps] == ["test", "diagnose", "propose-fix", "review"]
    assert (steps[0].run, steps[0].allow_failure) == ("pytest -q", True)
    assert {step.backend for step in steps[1:]} == {"model"}
    assert all(step.context for step in steps[1:])


def test_the_examples_route_roles_to_different_providers() -> None:
    providers = set()
    for file in EXAMPLES:
        names = [model.name for model in config.load(file).workflow.models.values()]
        of_file = {re.split("[:/]", name)[0] for name in names}
        assert len(of_file) > 1, file
        providers |= of_file
    assert providers >= {"openai", "anthropic", "google", "groq", "ollama"}


def test_an_unknown_preset_names_the_nearest_and_all() -> None:
    with pytest.raises(UsageError) as caught:
        presets.path("plan-implement")
    assert caught.value.summary.endswith("; did you mean `plan-implement-review`?")
    assert all(name in caught.value.hint for name in presets.names())


def test_a_preset_is_copied_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / ".aethr.yaml"
    assert presets.write("custom", file, force=False) is None
    assert file.read_bytes() == presets.path("custom").read_bytes()
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_is_there_is_kept(tmp_path: Path) -> None:
    file = tmp_path / ".aethr.yaml"
    file.write_text("mine")
    with pytest.raises(UsageError, match="is there already") as caught:
        presets.write("custom", file, force=False)
    assert "--force" in caught.value.hint
    assert file.read_text() == "mine"


def test_force_keeps_every_old_text_beside_the_new(tmp_path: Path) -> None:
    file = tmp_path / ".aethr.yaml"
    kept = []
    for old in ("first", "second"):
        file.write_text(old)
        kept.append(presets.write("custom", file, force=True))
    assert [path.read_text() for path in kept if path] == ["first", "second"]
    assert config.load(file).workflow.name == "custom"


def test_a_dangling_link_is_a_file_that_is_there(tmp_path: Path) -> None:
    file = tmp_path / ".aethr.yaml"
    file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="is there already"):
        presets.write("custom", file, force=False)
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"can't write .*: No such file"):
        presets.write("custom", tmp_path / "nowhere" / ".aethr.yaml", force=False)
