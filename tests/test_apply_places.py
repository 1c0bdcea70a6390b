"""`aethr apply` where repositories are odd, disks are full and processes are killed."""

from __future__ import annotations

import os
import re
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.support.cli import Shell
from tests.support.places import Powerless, on_full_disk
from tests.test_apply import EDIT, RUN, checkpoint, new_file, refused, standing
from tests.test_trees import trees_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MODE = "diff --git a/src/app.py b/src/app.py\nold mode 100644\nnew mode 100755\n"


def inner(repo: Shell, name: str) -> Shell:
    """Make a repository of its own inside, with one commit."""
    made = Shell(repo.folder / name, repo.folder.parent / "home")
    made.folder.mkdir()
    made.git("init", "-q")
    made.write({"a": "print('hi')\n"})
    made.git("add", "-A")
    made.git("commit", "-qm", "inner")
    return made


def submodule(repo: Shell, name: str) -> Shell:
    """Have a repository inside be a submodule whose state git is told to ignore."""
    made = inner(repo, name)
    repo.write({".gitmodules": f'[submodule "{name}"]\n\tpath={name}\n\turl=./x\n\tignore=all\n'})
    repo.git("add", ".gitmodules", name)
    repo.git("commit", "-qm", "submodule")
    return made


# -- repositories -------------------------------------------------------------------


def test_in_a_project_below_the_top_of_a_linked_worktree(repo: Shell) -> None:
    repo.git("worktree", "add", "-q", "../linked")
    linked = Shell(repo.folder.with_name("linked"), repo.folder.parent / "home")
    checkpoint(linked, EDIT + new_file("pkg/new"))
    linked.write({"pkg/.aethr.yaml": "not read\n"})
    for option in (["--check"], []):
        said = linked.aethr("apply", f"../{RUN}", *option, cwd="pkg")
        assert (said.code, said.out) == (0, "pkg/new +1 -0\nsrc/app.py +1 -1\n"), said.err
    assert "nothing to do" in linked.aethr("apply", f"../{RUN}", cwd="pkg").err
    assert (repo.folder / "src/app.py").read_text() == "print('hi')\n"


def test_in_a_repository_without_a_commit(shell: Shell) -> None:
    shell.git("init", "-q")
    shell.write({"src/app.py": "print('hi')\n"})
    checkpoint(shell, EDIT, commit="1" * 40)
    done = shell.aethr("apply", RUN)
    assert (done.code, done.out) == (0, "src/app.py +1 -1\n"), done.err
    assert "warning: the run began at commit 111111111111, HEAD is none\n" in done.err


def test_any_name_that_a_file_can_have(repo: Shell) -> None:
    names = ["back\\slash", 'q"uote', " lead", "trail ", "-dash", "new\nline", "a:b", "x => y"]
    names += ["{a => b}/c", "tab\t", "[glob]*?", "b/a", os.fsdecode(b"latin\xe9"), ":(top)x"]
    trees = trees_of(repo)
    base = trees.record().id
    for name in names:
        repo.write({name: "1\n"})
    tree = trees.record().id
    patch = trees.patch(base, tree)
    repo.git("clean", "-qdf")
    checkpoint(repo, patch, base=base, tree=tree)
    done = repo.aethr("apply", RUN)
    assert done.code == 0, done.err
    assert len(done.out.splitlines()) == len(names)
    (repo.folder / RUN).unlink()
    assert trees_of(repo).record().id == tree


@pytest.mark.fault("fail closed", "a stranger's checkpoint", "a file of a repository inside")
@pytest.mark.parametrize("make", [inner, submodule])
@pytest.mark.parametrize("patch", [new_file("own/new"), EDIT.replace("src/app.py", "own/a")])
def test_nothing_is_written_into_a_repository_inside(
    repo: Shell, make: Callable[[Shell, str], Shell], patch: str
) -> None:
    own = make(repo, "own")
    checkpoint(repo, patch)
    said = repo.aethr("apply", RUN)
    assert said.code in (1, 2), said.out
    assert sorted(path.name for path in own.folder.iterdir()) == [".git", "a"]
    assert (own.folder / "a").read_text() == "print('hi')\n"


def test_a_submodule_that_git_is_told_to_ignore_is_not_left_out_in_silence(repo: Shell) -> None:
    own = submodule(repo, "own")
    trees = trees_of(repo)
    base = trees.record().id
    began = own.git("rev-parse", "HEAD").strip()
    own.git("commit", "-qm", "moved", "--allow-empty")
    tree = trees.record().id
    assert [change.path for change in trees.changes(base, tree)] == ["own"]
    checkpoint(repo, trees.patch(base, tree), base=base, tree=tree)
    own.git("checkout", "-q", began)
    assert "the patch moves the submodule own" in refused(repo, code=2).err


@pytest.mark.parametrize("which", ["file", "folder"])
def test_a_link_that_took_a_files_place_is_not_written_through(
    repo: Shell, tmp_path: Path, which: str
) -> None:
    outside = tmp_path / "outside"
    shutil.copytree(repo.folder / "src", outside)
    shutil.rmtree(repo.folder / "src")
    if which == "folder":
        (repo.folder / "src").symlink_to(outside)
    else:
        (repo.folder / "src").mkdir()
        (repo.folder / "src/app.py").symlink_to(outside / "app.py")
    checkpoint(repo, EDIT)
    refused(repo, code=1)
    assert (outside / "app.py").read_text() == "print('hi')\n"


# -- is it on already? --------------------------------------------------------------


@pytest.mark.parametrize("known", [True, False], ids=["first tree here", "first tree not here"])
def test_a_mode_alone_goes_on_once(repo: Shell, known: bool) -> None:
    trees = trees_of(repo)
    base = trees.record().id
    tree = trees.patched(base, MODE.encode())[0]
    checkpoint(repo, MODE, **({"base": base, "tree": tree} if known else {}))
    repo.write({"junit.xml": "left by another job\n"})
    done = repo.aethr("apply", RUN)
    assert (done.code, done.out) == (0, "src/app.py +0 -0\n"), done.err
    assert os.access(repo.folder / "src/app.py", os.X_OK)
    assert "nothing to do" in repo.aethr("apply", RUN).err


def test_files_beside_the_patch_leave_no_doubt_whether_it_is_on(repo: Shell) -> None:
    repo.write({"same.txt": "x\n" * 20})
    repo.git("add", "-A")
    repo.git("commit", "-qm", "same")
    trees = trees_of(repo)
    base = trees.record().id
    repo.write({"same.txt": "x\n" * 21})
    tree = trees.record().id
    checkpoint(repo, trees.patch(base, tree), base=base, tree=tree)
    repo.git("checkout", "-q", ".")
    repo.write({"junit.xml": "left by another job\n"})
    for said, lines in (("put on: 1 file", 21), ("nothing to do", 21)):
        assert said in repo.aethr("apply", RUN).err
        assert (repo.folder / "same.txt").read_text() == "x\n" * lines
    repo.write({"same.txt": "x\n" * 30})
    assert "can't tell whether the patch is on already" in refused(repo, code=1).err


# -- disks, permissions, kills ------------------------------------------------------


@pytest.mark.fault("nothing lost", "a disk that is full", "aethr apply")
@pytest.mark.parametrize("at", [0, 100, 400, 4000, 12_000])
def test_on_a_full_disk_every_file_is_as_it_was(repo: Shell, at: int) -> None:
    repo.write({"mine.txt": "mine\n" * 1000})
    mine = "diff --git a/mine.txt b/mine.txt\ndeleted file mode 100644\n"
    mine += "--- a/mine.txt\n+++ /dev/null\n@@ -1,1000 +0,0 @@\n" + "-mine\n" * 1000
    checkpoint(repo, EDIT + mine + new_file("big.txt", content="x" * 20_000))
    before = standing(repo)
    said = on_full_disk(repo, at, "apply", RUN)
    assert said.code in (1, 2)
    assert said.err.startswith("error: ")
    assert "Traceback" not in said.err
    assert standing(repo) == before
    assert repo.aethr("apply", RUN).code == 0


def test_a_folder_with_ignored_files_in_the_place_of_a_file(repo: Shell) -> None:
    repo.write({".gitignore": "*.log\n", "thing/x.log": "mine\n"})
    checkpoint(repo, EDIT + new_file("thing"))
    refused(repo, code=1)


def test_a_read_only_file_is_replaced_as_git_does(repo: Shell) -> None:
    (repo.folder / "src/app.py").chmod(0o444)
    checkpoint(repo, EDIT)
    powerless = Powerless(repo.folder, repo.folder.parent / "home")
    assert powerless.aethr("apply", RUN).code == 0


def test_a_repository_that_can_not_be_written(repo: Shell) -> None:
    checkpoint(repo, EDIT)
    powerless = Powerless(repo.folder, repo.folder.parent / "home")
    folders = [repo.folder / ".git/objects", *(repo.folder / ".git/objects").iterdir()]
    for folder in folders:
        folder.chmod(0o555)
    said = refused(powerless, code=1)
    for folder in folders:
        folder.chmod(0o755)
    assert "insufficient permission" in said.err


KILL = """\
#!/bin/sh
# git starts it, through a shell or not, in the midst of writing files, and Aethr started git.
git=$PPID
[ "$(cat /proc/$git/comm)" = git ] || git=$(ps -o ppid= -p $git | tr -d ' ')
[ "$1" = both ] && kill -9 $(ps -o ppid= -p $git)
kill -9 $git
"""


def deadly(repo: Shell, whom: str) -> str:
    """Have git killed as it writes a file; give a patch that writes one before it."""
    script = repo.folder.parent / "kill"
    script.write_text(KILL)
    script.chmod(0o755)
    repo.write({".gitattributes": "z.txt filter=kill\n", "z.txt": "print('hi')\n"})
    repo.git("add", "-A")
    repo.git("commit", "-qm", "deadly")
    repo.git("config", "filter.kill.smudge", f"{script} {whom}")
    repo.write({"src/app.py": "print('hi')\n\n# mine\n"})
    edit = EDIT.replace("@@ -1 +1 @@", "@@ -1,3 +1,3 @@") + " \n # mine\n"
    return edit + EDIT.replace("src/app.py", "z.txt")


@pytest.mark.fault("nothing lost", "a patch that is half written", "kill -9 of git")
def test_when_git_is_killed_every_file_is_as_it_was(repo: Shell) -> None:
    checkpoint(repo, deadly(repo, "git"))
    said = refused(repo, code=1)
    assert "the patch can't be written" in said.err
    assert "hint: every file is as it was" in said.err


@pytest.mark.fault("nothing lost", "a patch that is half written", "kill -9 of aethr and git")
def test_when_all_is_killed_the_next_apply_says_where_the_files_are(repo: Shell) -> None:
    checkpoint(repo, deadly(repo, "both"))
    before = standing(repo)
    assert repo.aethr("apply", RUN).code == -9
    assert standing(repo) != before
    repo.git("config", "--unset", "filter.kill.smudge")
    said = refused(repo, code=1)
    assert "another change of these files goes on, or was killed half way" in said.err
    found = re.search("hint: the files as they were are in (.+): copy back", said.err)
    assert found
    shutil.copytree(found[1], repo.folder, dirs_exist_ok=True)
    assert standing(repo) == before
    shutil.rmtree(found[1])
    assert repo.aethr("apply", RUN).code == 0
