"""The working tree is recorded exactly, and nothing of the user's changes."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from aethr import git
from aethr.errors import UsageError
from aethr.results import Change
from aethr.trees import LARGE, Trees

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.cli import Shell


def trees_of(shell: Shell) -> Trees:
    repo = git.find(shell.folder, shell.env)
    assert repo
    return Trees(repo, shell.folder.parent / "trees.tmp")


def listed(shell: Shell, tree: str) -> list[str]:
    return shell.git("ls-tree", "-r", "-z", "--name-only", tree).split("\0")[:-1]


@pytest.fixture
def dirty(repo: Shell) -> Shell:
    """Give a repository with the user's own uncommitted work of every kind."""
    repo.write(
        {".gitignore": "ignored\n", "gone.txt": "x\n", "moved.txt": "m\n" * 9, ".env": "K=1"}
    )
    repo.git("add", "-f", "-A")
    repo.git("commit", "-qm", "more")
    repo.write({"src/app.py": "mine\n", "stash.txt": "s"})
    repo.git("stash", "-q", "--include-untracked")
    (repo.folder / "gone.txt").unlink()
    repo.git("mv", "moved.txt", "new place.txt")
    repo.write({"staged.py": "s\n", "README.md": "unstaged\n", "new dir/ünï \n.txt": "u\n"})
    repo.write({"ignored": "no", ".env": "K=2", "sub/.env.local": "no", "both.py": "staged\n"})
    repo.git("add", "staged.py", "both.py")
    repo.write({"both.py": "and more\n"})
    return repo


def users_own(shell: Shell) -> list[bytes | str]:
    index = (shell.folder / ".git/index").read_bytes()
    asked = ("status", "--porcelain"), ("stash", "list"), ("reflog",), ("for-each-ref",)
    return [index, *(shell.git(*argv) for argv in asked)]


def test_a_tree_holds_what_stands_there_but_nothing_secret_or_ignored(dirty: Shell) -> None:
    tree = trees_of(dirty).record()
    assert listed(dirty, tree.id) == [
        ".gitignore",
        "README.md",
        "both.py",
        "new dir/ünï \n.txt",
        "new place.txt",
        "src/app.py",
        "staged.py",
    ]
    assert dirty.git("show", f"{tree.id}:both.py") == "and more\n"
    assert tree.unread == ()


def test_nothing_of_the_users_changes(dirty: Shell) -> None:
    before = users_own(dirty)
    trees = trees_of(dirty)
    one = trees.record()
    dirty.write({"agent.txt": "a\n"})
    assert trees.patch(one.id, trees.record().id)
    (dirty.folder / "agent.txt").unlink()
    assert users_own(dirty) == before


def test_a_patch_holds_the_steps_changes_and_not_the_users(dirty: Shell) -> None:
    trees = trees_of(dirty)
    before = trees.record()
    dirty.write({"README.md": "unstaged\nagent\n", "bin": bytes(range(256)), "n/e/w.py": "1\n"})
    dirty.git("mv", "staged.py", "renamed.py")
    dirty.git("add", "-A")
    dirty.git("commit", "-qm", "by the agent")
    after = trees.record()
    patch = trees.patch(before.id, after.id)
    assert patch
    assert "+agent\n" in patch
    assert "+unstaged" not in patch
    assert "both.py" not in patch
    assert trees.changes(before.id, after.id) == (
        Change("README.md", 1, 0),
        Change("bin", None, None),
        Change("n/e/w.py", 1, 0),
        Change("renamed.py", 1, 0),
        Change("staged.py", 0, 1),
    )
    dirty.git("read-tree", "-u", "--reset", before.id)
    applied = subprocess.run(
        ["git", "apply", "--index"], cwd=dirty.folder, input=patch.encode(), check=False
    )
    assert applied.returncode == 0
    assert dirty.git("write-tree").strip() == after.id


def test_a_file_that_an_agent_ignores_or_hides_is_no_secret_leak(repo: Shell) -> None:
    trees = trees_of(repo)
    before = trees.record()
    repo.write({".env": "OPENAI_API_KEY=sk-secret\n"})
    repo.git("add", "-f", ".env")
    assert trees.patch(before.id, trees.record().id) == ""


def test_a_large_untracked_file_is_named_and_not_read(repo: Shell) -> None:
    with (repo.folder / "huge.bin").open("wb") as file:
        file.truncate(LARGE + 1)
    os.mkfifo(repo.folder / "pipe")
    tree = trees_of(repo).record()
    assert tree.unread == ("huge.bin",)
    assert "huge.bin" not in listed(repo, tree.id)


@pytest.mark.fault(
    "fail closed", "a file that git leaves out", "an agent's, with a name that is another system's"
)
def test_no_file_is_hidden_by_its_name(repo: Shell) -> None:
    """`update-index` says "Ignoring path" and exits with 0, core.protectNTFS or not."""
    trees = trees_of(repo)
    before = trees.record()
    repo.write({"git~1/x.py": "new\n"})
    after = trees.record()
    assert "git~1/x.py" in listed(repo, after.id)
    assert "+new\n" in (trees.patch(before.id, after.id) or "")
    repo.write({".GIT/y.py": "new\n"})
    with pytest.raises(UsageError, match=r"git takes no file named \.GIT/y\.py "):
        trees.record()


def test_a_later_tree_knows_what_changed_since(dirty: Shell) -> None:
    trees = trees_of(dirty)
    dirty.write({"new.txt": "1\n", "small.bin": "s"})
    assert "new.txt" in listed(dirty, trees.record().id)
    dirty.write({"new.txt": "2\n"})
    with (dirty.folder / "small.bin").open("wb") as file:
        file.truncate(LARGE + 1)
    (dirty.folder / "both.py").unlink()
    later = trees.record()
    assert dirty.git("show", f"{later.id}:new.txt") == "2\n"
    assert later.unread == ("small.bin",)
    assert {"small.bin", "both.py"}.isdisjoint(listed(dirty, later.id))
    again = trees.record()
    assert again == later
    assert trees_of(dirty).record().id == later.id


def test_what_is_added_in_between_is_seen_in_spite_of_being_ignored(dirty: Shell) -> None:
    trees = trees_of(dirty)
    trees.record()
    dirty.git("add", "-f", "ignored", ".env")
    names = listed(dirty, trees.record().id)
    assert "ignored" in names
    assert ".env" not in names


def test_a_file_becomes_a_folder_and_a_folder_a_file(repo: Shell) -> None:
    trees = trees_of(repo)
    repo.write({"one": "file\n", "two/inner": "in a folder\n"})
    trees.record()
    (repo.folder / "one").unlink()
    shutil.rmtree(repo.folder / "two")
    repo.write({"one/inner": "in a folder\n", "two": "file\n"})
    names = listed(repo, trees.record().id)
    assert {"one/inner", "two"} <= set(names)
    assert {"one", "two/inner"}.isdisjoint(names)


def test_a_patch_that_is_too_large_is_not_kept(repo: Shell) -> None:
    trees = trees_of(repo)
    before = trees.record()
    repo.write({f"f{n}.bin": os.urandom(LARGE - 1) for n in range(3)})
    assert trees.patch(before.id, trees.record().id) is None


def test_a_repository_without_a_commit(shell: Shell) -> None:
    shell.git("init", "-q")
    trees = trees_of(shell)
    before = trees.record()
    shell.write({"a.txt": "a\n"})
    assert "+a\n" in (trees.patch(before.id, trees.record().id) or "")


def test_a_linked_worktree_and_a_conflict(repo: Shell, tmp_path: Path) -> None:
    repo.git("worktree", "add", "-q", str(tmp_path / "linked"), "-b", "other")
    linked = type(repo)(tmp_path / "linked", tmp_path / "home")
    linked.write({"src/app.py": "theirs\n"})
    linked.git("commit", "-qam", "theirs")
    repo.write({"src/app.py": "ours\n"})
    repo.git("commit", "-qam", "ours")
    who = ("-c", "user.name=t", "-c", "user.email=t@example.com")
    assert linked.run("git", *who, "merge", "main").code == 1
    tree = trees_of(linked).record()
    assert "<<<<<<<" in linked.git("show", f"{tree.id}:src/app.py")
    assert trees_of(repo).record().id != tree.id


def test_a_submodule_is_recorded_by_its_commit(repo: Shell, tmp_path: Path) -> None:
    inner = type(repo)(tmp_path / "inner", tmp_path / "home")
    inner.folder.mkdir()
    inner.git("init", "-q")
    inner.write({"i.txt": "1"})
    inner.git("add", "-A")
    inner.git("commit", "-qm", "one")
    repo.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner.folder), "sub")
    trees = trees_of(repo)
    before = trees.record()
    sub = type(repo)(repo.folder / "sub", tmp_path / "home")
    sub.write({"i.txt": "2"})
    sub.git("commit", "-qam", "two")
    assert "+Subproject commit" in (trees.patch(before.id, trees.record().id) or "")


def test_a_tree_of_another_machine_is_not_there(repo: Shell) -> None:
    trees = trees_of(repo)
    assert trees.has(trees.record().id)
    assert not trees.has("4b825dc642cb6eb9a060e54bf8d69288fbee4905")


@pytest.mark.fault("fail closed", "a stranger's checkpoint", "trees in it that are no trees' names")
@pytest.mark.parametrize("name", ["", "HEAD", "--batch", "-t", "a" * 39, "\0", "\ud800", "A" * 40])
def test_what_is_no_trees_name_is_no_tree(repo: Shell, name: str) -> None:
    assert not trees_of(repo).has(name)


def test_a_folder_that_a_link_took_the_place_of(repo: Shell) -> None:
    trees = trees_of(repo)
    trees.record()
    (repo.folder / "src").rename(repo.folder / "lib")
    (repo.folder / "src").symlink_to("lib")
    assert listed(repo, trees.record().id) == ["README.md", "lib/app.py", "src"]
