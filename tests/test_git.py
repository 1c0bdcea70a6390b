"""Asking real repositories, also those whose owner has configured git to be in the way."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from aethr import git
from aethr.comparison import compare, has_staged
from aethr.errors import UsageError
from tests.support.repo import GitRepo

if TYPE_CHECKING:
    from pathlib import Path


# Files whose diff differs with an algorithm, an amount of context, and the like.
LETTERS = ("\n".join("beacadddfdU") + "\n", "\n".join("badaddUcac") + "\n")
LONG = [f"{line}\n" if line % 3 else "\n" for line in range(40)]
TELLING = {
    "letters": LETTERS,
    "blocks": ("{\n  a\n}\n{\n  c\n}\n", "{\n  a\n}\n{\n  b\n}\n{\n  c\n}\n"),
    "long": ("".join(LONG), "".join(["new\n" if n in {10, 20} else LONG[n] for n in range(40)])),
}


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    """Give a repository with one commit."""
    repo = GitRepo(tmp_path / "repo")
    repo.commit({"a.txt": "one\ntwo\nthree\n", "sub/b.txt": "b\n", "moved.txt": "same\n" * 9})
    repo.commit({"still.txt": "still\n"})
    return repo


@pytest.fixture
def busy(repo: GitRepo) -> GitRepo:
    """Give a repository with uncommitted work of every kind."""
    repo.write({"staged.txt": "s\n"})
    repo.git("add", "staged.txt")
    repo.git("mv", "moved.txt", "was moved.txt")
    repo.write({"a.txt": "one\n\n2\nthree\n", "new ünï.txt": "n\n", "bin": b"\0"})
    (repo.path / "sub/b.txt").unlink()
    return repo


def diff(repo: GitRepo, what: str = "", **environ: str) -> str:
    found = git.find(repo.path, {**repo.environ, **environ})
    assert found
    with compare(found, what) as comparison, comparison.patch() as chunks:
        return b"".join(chunks).decode("utf-8", "surrogateescape")


def changed(repo: GitRepo, what: str = "") -> list[str]:
    with compare(repo.found(), what) as comparison:
        return comparison.names(renames=True)


class TestFinding:
    def test_from_the_top_and_from_below(self, repo: GitRepo) -> None:
        for start in (repo.path, repo.path / "sub"):
            found = git.find(start, repo.environ)
            assert found
            assert found.top == repo.path

    def test_before_the_first_commit(self, tmp_path: Path) -> None:
        found = GitRepo(tmp_path / "fresh").found()
        assert found.top == tmp_path / "fresh"
        assert git.head(found) == ""

    def test_a_linked_worktree_is_its_own_top(self, repo: GitRepo) -> None:
        repo.git("worktree", "add", "-q", "../linked")
        found = git.find(repo.path.parent / "linked", repo.environ)
        assert found
        assert found.top == repo.path.parent / "linked"

    def test_no_repository(self, tmp_path: Path) -> None:
        plain = GitRepo(tmp_path / "plain", init=False)
        assert git.find(plain.path, plain.environ) is None
        (plain.path / ".git").write_text("gitdir: /nowhere\n")
        assert git.find(plain.path, plain.environ) is None

    def test_a_repository_without_a_working_tree_does_not_count(self, repo: GitRepo) -> None:
        assert git.find(repo.path / ".git", repo.environ) is None

    def test_without_git(self, repo: GitRepo, tmp_path: Path) -> None:
        assert git.find(repo.path, {**repo.environ, "PATH": str(tmp_path)}) is None

    def test_a_repository_that_git_refuses_is_an_error_not_a_missing_one(
        self, repo: GitRepo
    ) -> None:
        (repo.path / ".git/config").write_text("[core")
        with pytest.raises(UsageError, match="bad config line"):
            git.find(repo.path, repo.environ)

    def test_git_sees_no_key_and_nothing_that_points_it_elsewhere(self, repo: GitRepo) -> None:
        environ = {
            "OPENAI_API_KEY": "sk-1",
            "GH_TOKEN": "t",
            "MY_LOGIN": "hidden",
            "GIT_DIR": "/nowhere",
            "GIT_INDEX_FILE": "/nowhere",
            "GIT_EXTERNAL_DIFF": "false",
            "GIT_DIFF_OPTS": "-u0",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "LC_ALL": "de_DE.UTF-8",
            "EDITOR": "vi",
        }
        found = git.find(repo.path, {**repo.environ, **environ}, secret={"MY_LOGIN"})
        assert found
        kept = {name: found.env[name] for name in environ if name in found.env}
        assert kept == {"GIT_CONFIG_GLOBAL": "/dev/null", "LC_ALL": "C", "EDITOR": "vi"}


def test_head_is_the_commit(repo: GitRepo) -> None:
    assert git.head(repo.found()) == repo.git("rev-parse", "HEAD").strip()


def test_tracked_and_ignored(repo: GitRepo, tmp_path: Path) -> None:
    repo.commit({".gitignore": "ignored.*\n", "sub/[x].txt": ""})
    asked = ("a.txt", "sub/[x].txt", "sub/x.txt", "ignored.txt")
    tracked = [git.is_tracked(repo.path, name, repo.environ) for name in asked]
    assert tracked == [True, True, False, False]
    ignored = [git.is_ignored(repo.path, name, repo.environ) for name in asked]
    assert ignored == [False, False, False, True]
    plain = GitRepo(tmp_path / "plain", init=False)
    assert not git.is_tracked(plain.path, "a", plain.environ)
    assert git.is_ignored(plain.path, "a", plain.environ)


def test_files_are_listed_from_a_folder_on(busy: GitRepo) -> None:
    busy.write({"sub/é\n.txt": "", "sub/ignored": "", ".gitignore": "ignored\n"})
    assert sorted(git.files(busy.found(), busy.path / "sub")) == ["b.txt", "é\n.txt"]
    assert "sub/é\n.txt" in git.untracked(busy.found())


class TestComparing:
    @pytest.mark.parametrize(
        ("what", "arguments"),
        [
            ("", []),
            ("staged", ["--cached"]),
            ("HEAD", ["HEAD"]),
            ("HEAD~1...HEAD", ["HEAD~1...HEAD"]),
            ("HEAD~1..HEAD", ["HEAD~1..HEAD"]),
        ],
    )
    def test_the_diff_is_that_of_plain_git(
        self, repo: GitRepo, what: str, arguments: list[str]
    ) -> None:
        repo.commit({"a.txt": "1\n", "latin": b"caf\xe9\n"})
        repo.write({"a.txt": "2\n", "latin": b"th\xe9\n", "new.txt": "n\n"})
        repo.git("add", "a.txt")
        assert diff(repo, what) == repo.git("diff", *arguments)

    def test_all_is_everything_that_is_not_committed(self, busy: GitRepo) -> None:
        shown = diff(busy, "all")
        busy.git("add", "--all")
        assert shown == busy.git("-c", "core.quotePath=false", "diff", "--cached")
        assert shown.count("diff --git") == 6

    def test_all_works_before_the_first_commit(self, tmp_path: Path) -> None:
        repo = GitRepo(tmp_path / "fresh")
        assert diff(repo, "all") == ""
        repo.write({"a": "1\n", "b": "2\n"})
        repo.git("add", "a")
        assert changed(repo, "all") == ["a", "b"]
        assert changed(repo, "staged") == ["a"]

    def test_all_works_in_a_linked_worktree(self, repo: GitRepo) -> None:
        repo.git("worktree", "add", "-q", "../linked")
        linked = repo.path.parent / "linked"
        (linked / "new").write_text("n\n")
        found = git.find(linked, repo.environ)
        assert found
        with compare(found, "all") as comparison:
            assert comparison.names() == ["new"]

    def test_all_names_the_repositories_inside_and_leaves_them_alone(self, repo: GitRepo) -> None:
        for name in ("empty", "full"):
            repo.git("init", "-q", name)
        repo.write({"full/file": "f\n", "new": "n\n"})
        with compare(repo.found(), "all") as comparison:
            assert comparison.names() == ["new"]
            assert comparison.apart == ("empty/", "full/")

    @pytest.mark.fault(
        "fail closed",
        "a file that git leaves out",
        "new, with a name that is another system's .git",
    )
    def test_all_hides_no_file_whatever_its_name(self, repo: GitRepo) -> None:
        """`update-index` says "Ignoring path" and exits with 0, core.protectNTFS or not."""
        names = ["git~1/x.py", ".git /y.py", ".g\u200cit/z.py"]
        repo.write(dict.fromkeys(names, "new\n"))
        assert changed(repo, "all") == sorted(names)
        repo.write({".GIT/z.py": "new\n"})
        with pytest.raises(UsageError, match=r"git takes no file named \.GIT/z\.py "):
            changed(repo, "all")

    def test_all_reads_a_new_file_without_content_where_others_were_touched(
        self, repo: GitRepo
    ) -> None:
        repo.commit({".gitattributes": "* text=auto\n", "touched.txt": "1\n"})
        repo.write({"empty.txt": ""})
        os.utime(repo.path / "touched.txt", (1, 1))
        assert changed(repo, "all") == ["empty.txt"]
        assert "+++" not in diff(repo, "all")

    def test_all_sees_an_edit_as_young_as_the_index(self, repo: GitRepo) -> None:
        repo.git("config", "core.trustctime", "false")
        file, index = repo.path / "a.txt", repo.path / ".git/index"
        os.utime(file, (1e9, 1e9))
        repo.git("add", "a.txt")
        file.write_text("eno\ntwo\nthree\n")
        for path in (file, index):
            os.utime(path, (1e9, 1e9))
        assert changed(repo, "all") == ["a.txt"]

    @pytest.mark.parametrize("what", ["", "staged", "all", "HEAD"])
    def test_nothing_in_the_repository_changes(self, busy: GitRepo, what: str) -> None:
        busy.git("stash", "push", "-q", "--", "a.txt")
        busy.write({"a.txt": "again\n"})
        (busy.path / "moved twice.txt").write_text("same\n" * 9)
        (busy.path / ".git/hooks").mkdir()
        hook = busy.path / ".git/hooks/post-index-change"
        hook.write_text("#!/bin/sh\ntouch hook-ran\n")
        hook.chmod(0o755)
        os.utime(busy.path / "still.txt", (1e9, 1e9))
        before = busy.state()
        diff(busy, what)
        changed(busy, what)
        assert busy.state() == before
        assert not (busy.path / "hook-ran").exists()

    @pytest.mark.parametrize("what", ["", "all"])
    def test_an_index_in_two_files_stays_so(self, repo: GitRepo, what: str) -> None:
        repo.git("update-index", "--split-index")
        # With so many entries of its own git begins a new shared file.
        repo.write({"a.txt": "changed\n"} | {f"new{n}": "" for n in range(50)})
        before = repo.state()
        assert len(changed(repo, what)) == (51 if what else 1)
        assert repo.state() == before

    def test_the_scratch_folder_is_used_and_left_empty(self, busy: GitRepo, tmp_path: Path) -> None:
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        with compare(busy.found(), "all", scratch):
            assert [*scratch.iterdir()]
        assert not [*scratch.iterdir()]

    @pytest.mark.parametrize("what", ["", "all"])
    def test_what_a_user_has_configured_changes_nothing(self, busy: GitRepo, what: str) -> None:
        busy.git("commit", "-qm", "staged work")
        busy.commit({name: before for name, (before, _) in TELLING.items()})
        busy.write({name: after for name, (_, after) in TELLING.items()})
        os.utime(busy.path / "staged.txt", (1e9, 1e9))
        plain, names = diff(busy, what), changed(busy, what)
        busy.write({"../driver": "#!/bin/sh\necho owned >> ran\n", ".git/info/attributes": ""})
        (busy.path / "../driver").chmod(0o755)
        driver = str(busy.path.parent / "driver")
        busy.git("config", "diff.mine.textconv", driver)
        busy.write({".git/info/attributes": "*.txt diff=mine\n"})
        busy.config(
            color_ui="always", color_diff="always", core_pager=driver, core_fsmonitor=driver,
            core_quotePath="true", core_abbrev="40", diff_external=driver, diff_noprefix="true",
            diff_mnemonicPrefix="true", diff_algorithm="patience", diff_context="9",
            diff_interHunkContext="9", diff_renames="false", diff_orderFile="/nowhere",
            diff_suppressBlankEmpty="true", diff_indentHeuristic="false", diff_submodule="log",
            diff_relative="true", diff_autoRefreshIndex="false", pager_diff="true",
            alias_diff=f"!{driver}",
        )  # fmt: skip
        environ = {
            "GIT_EXTERNAL_DIFF": driver,
            "GIT_PAGER": driver,
            "GIT_DIFF_OPTS": "-u0",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "diff.noprefix",
            "GIT_CONFIG_VALUE_0": "true",
        }
        assert diff(busy, what, **environ) == plain
        assert changed(busy, what) == names
        assert not (busy.path / "ran").exists()

    def test_some_paths_only(self, busy: GitRepo) -> None:
        with compare(busy.found(), "all") as comparison:
            assert comparison.names([":/", ":(top,exclude,literal)a.txt"], renames=True) == [
                "bin", "new ünï.txt", "staged.txt", "sub/b.txt", "was moved.txt",
            ]  # fmt: skip
            assert comparison.names([":(top,literal)bin"]) == ["bin"]


def test_staged_work_is_noticed(repo: GitRepo) -> None:
    repo.write({"a.txt": "changed\n"})
    assert not has_staged(repo.found())
    repo.git("add", "a.txt")
    assert has_staged(repo.found())


@pytest.mark.parametrize("what", ["nope", "HEAD...nope", "HEAD:a.txt"])
def test_an_unknown_revision_is_named(repo: GitRepo, what: str) -> None:
    with pytest.raises(UsageError, match=f"git_diff:{what}: .*"):
        changed(repo, what)


def test_a_revision_never_becomes_an_option(repo: GitRepo, tmp_path: Path) -> None:
    written = tmp_path / "written"
    with pytest.raises(UsageError, match="does not begin with `-`"):
        diff(repo, f"--output={written}")
    assert not written.exists()
