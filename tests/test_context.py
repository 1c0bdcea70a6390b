"""What a step can see: every source of the table, in real folders and repositories."""

from __future__ import annotations

import os
import re
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from aethr.comparison import Comparison, compare
from aethr.config.contexts import parse
from aethr.context import Patch, Surroundings, collect
from aethr.diffs import compared
from aethr.errors import UsageError
from aethr.results import Block, Doubt
from tests.support.repo import GitRepo

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

PATCH = "diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-1\n+2\n"


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    """Give a repository with one commit."""
    repo = GitRepo(tmp_path / "repo")
    repo.commit({"a.txt": "one\n", "docs/b.md": "# b\n", ".gitignore": "ignored*\n"})
    return repo


@pytest.fixture
def plain(tmp_path: Path) -> GitRepo:
    """Give a folder that is in no repository."""
    return GitRepo(tmp_path / "plain", init=False)


def around(repo: GitRepo, **more: object) -> Surroundings:
    found = repo.found() if (repo.path / ".git").exists() else None
    return Surroundings(repo.path, found, **more)  # type: ignore[arg-type]


def see(repo: GitRepo, source: str, limit: int = 100_000, **more: object) -> Block:
    (block,) = collect([parse(source)], around(repo, **more), limit)
    assert block.name == source
    assert len(block.text) <= limit
    return block


class TestDiffs:
    def test_every_kind_of_change_is_shown(self, repo: GitRepo) -> None:
        repo.commit(
            {
                "edited": "1\n",
                "gone": "g\n",
                "old name": "same\n" * 9,
                "bin": b"\0",
                "latin": b"\xe9",
            }
        )
        repo.write(
            {"edited": "2\n", "bin": b"\0\0", "latin": b"\xe8", 'odd "n\name"': "o\n", "-u": ""}
        )
        (repo.path / "gone").unlink()
        repo.git("mv", "old name", "new name")
        block = see(repo, "git_diff:all")
        for shown in (
            "-1\n+2\n",
            "deleted file mode 100644",
            "rename from old name\nrename to new name\n",
            "Binary files a/bin and b/bin differ",
            "-\ufffd\n\\ No newline at end of file\n+\ufffd\n",
            '+++ "b/odd \\"n\\name\\""\t\n@@ -0,0 +1 @@\n+o\n',
            "diff --git a/-u b/-u\nnew file",
            "[not UTF-8, replaced: latin (2 bytes)]",
        ):
            assert shown in block.text
        assert (block.doubt, block.warnings) == (None, ())

    @pytest.mark.parametrize("source", ["git_diff", "git_diff:HEAD"])
    def test_the_text_is_exactly_that_of_git(self, repo: GitRepo, source: str) -> None:
        repo.write({"a.txt": "two", "docs/b.md": "# b\n\n# c\n"})
        assert see(repo, source).text == repo.git("diff")

    @pytest.mark.parametrize(
        "source", ["git_diff", "git_diff:staged", "git_diff:all", "git_diff:HEAD...HEAD"]
    )
    def test_an_empty_diff_says_so(self, repo: GitRepo, source: str) -> None:
        assert see(repo, source) == Block(source, "[git diff is empty]", 0, 0)

    @pytest.mark.parametrize(
        ("stage", "new", "work"),
        [
            (True, False, "staged changes"),
            (False, True, "untracked files"),
            (True, True, "staged changes and untracked files"),
        ],
    )
    def test_an_empty_diff_beside_other_work_is_doubtful(
        self, repo: GitRepo, stage: bool, new: bool, work: str
    ) -> None:
        if stage:
            repo.write({"a.txt": "staged\n"})
            repo.git("add", "a.txt")
        repo.write({"ignored.txt": "", **({"new.txt": ""} if new else {})})
        block = see(repo, "git_diff")
        said = f"but there are {work}; git_diff:all shows them"
        assert block.text == f"[git diff is empty]\n[{said}]"
        assert block.warnings == (f"git_diff is empty, {said}",)
        assert block.doubt is Doubt.MISSING

    def test_a_folder_without_git_has_no_diff(self, plain: GitRepo) -> None:
        said = "git_diff:all: there is no git repository, or no git on the PATH"
        block = Block("git_diff:all", f"[{said}]", 0, 0, (said,), Doubt.MISSING)
        assert see(plain, "git_diff:all") == block

    def test_an_unknown_revision_is_a_usage_error(self, repo: GitRepo) -> None:
        with pytest.raises(UsageError, match=r"git_diff:v9: bad revision 'v9'"):
            see(repo, "git_diff:v9")

    def test_the_diff_covers_the_repository_when_the_project_is_a_part_of_it(
        self, repo: GitRepo
    ) -> None:
        repo.write({"a.txt": "two\n"})
        inner = Surroundings(repo.path / "docs", repo.found())
        (block,) = collect([parse("git_diff")], inner, 1000)
        assert "+two" in block.text

    def test_a_large_diff_is_whole_files_and_the_rest_by_name(self, repo: GitRepo) -> None:
        repo.write({f"{name}.txt": f"{name}\n" * 20_000 for name in "bcd"})
        block = see(repo, "git_diff:all", 130_000)
        assert block.text.count("diff --git") == 2
        assert block.text.endswith(
            "[truncated: git_diff:all, 120,234 of 180,351 characters]\n[left out: d.txt]"
        )
        assert (block.kept, block.total, block.doubt) == (120_234, 180_351, Doubt.CUT)
        assert block.warnings == (
            "git_diff:all is cut: 2 of 3 files, 120,234 of 180,351 characters; left out: d.txt",
        )

    def test_a_generated_file_gives_way_however_long_it_is(self, repo: GitRepo) -> None:
        repo.write({"a.lock": "1\n" * 300_000, "z.py": "z\n"})
        block = see(repo, "git_diff:all", 2000)
        assert "+z\n" in block.text
        assert "[left out: a.lock]" in block.text

    @pytest.mark.parametrize(
        "attribute", ["linguist-generated", "linguist-generated=true", "-diff"]
    )
    @pytest.mark.parametrize("source", ["git_diff:all", "glob:*.txt", "latest_diff"])
    def test_what_git_calls_generated_gives_way(
        self, repo: GitRepo, attribute: str, source: str
    ) -> None:
        repo.commit({".gitattributes": f"a.txt {attribute}\n"})
        repo.write({"a.txt": "1\n" * 900, "z.txt": "z\n" * 300})
        patch = ""
        if source == "latest_diff":
            with compare(repo.found(), "all") as seen, seen.patch() as chunks:
                patch = b"".join(chunks).decode()
        block = see(repo, source, 1300, latest_diff=patch)
        text = block.text.replace("+", "")
        assert "z\nz\n" in text
        assert "1\n1\n" not in text

    @pytest.mark.parametrize("attribute", ["-linguist-generated", "diff", "text"])
    def test_what_git_does_not_call_generated_does_not(self, repo: GitRepo, attribute: str) -> None:
        repo.commit({".gitattributes": f"a.txt {attribute}\n"})
        repo.write({"a.txt": "1\n" * 300, "z.txt": "z\n" * 600})
        assert "+1\n" in see(repo, "git_diff:all", 1300).text

    def test_a_link_that_was_a_file_is_one_file(self, repo: GitRepo) -> None:
        (repo.path / "a.txt").unlink()
        (repo.path / "a.txt").symlink_to("docs")
        repo.write({"b": "x\n" * 5000})
        assert "1 of 2 files" in see(repo, "git_diff:all", 1000).warnings[0]

    def test_work_that_is_undone_while_it_is_read_leaves_the_diff_cut(self, repo: GitRepo) -> None:
        class Undone(Comparison):
            def names(self, paths: Sequence[str] = (), *, renames: bool = False) -> list[str]:
                return [] if renames else super().names(paths)

        repo.write({f"{n}.txt": "x\n" * 200 for n in range(300)})
        with compare(repo.found(), "all") as seen:
            material = compared(Undone(seen.name, seen.repo, seen.sides), 1000)
        assert material.more
        assert material.pieces[-1].name == "the rest"


class TestSecrets:
    SECRETS = (".env", "deep/.env", ".env.local", "deep/.env.production")
    SHARED = (".env.example", "deep/.env.local.sample", ".env.template")

    @pytest.fixture(params=["tracked", "untracked"])
    def secretive(self, request: pytest.FixtureRequest, repo: GitRepo) -> GitRepo:
        """Give a repository with secret files, tracked and changed or not tracked."""
        if request.param == "tracked":
            repo.commit(dict.fromkeys(self.SECRETS, "OLD=hunter1\n"))
        repo.write(dict.fromkeys(self.SECRETS, "NEW=hunter2\n"))
        repo.write(dict.fromkeys(self.SHARED, "SHARED=1\n"))
        return repo

    @pytest.mark.parametrize("source", ["git_diff:all", "glob:**", "glob:**/.env*"])
    def test_they_are_named_and_never_shown(self, secretive: GitRepo, source: str) -> None:
        block = see(secretive, source)
        assert "hunter" not in block.text
        for name in self.SECRETS:
            assert f"{name} (a secret file)" in block.text
        assert block.text.count("SHARED=1") == 3
        assert any("not read: .env (a secret file), " in line for line in block.warnings)

    @pytest.mark.parametrize("name", SECRETS)
    def test_they_are_no_file_source(self, secretive: GitRepo, name: str) -> None:
        (secretive.path / "link").symlink_to(name)
        assert see(secretive, "file:link").text == "[file:link: a secret file]"

    def test_a_revision_does_not_show_them(self, repo: GitRepo) -> None:
        repo.commit({".env": "hunter2\n"})
        block = see(repo, "git_diff:HEAD~1...HEAD")
        assert block.text == "[git diff is empty]\n[not read: .env (a secret file)]"

    def test_renaming_does_not_show_them(self, repo: GitRepo) -> None:
        repo.commit({".env": "hunter2\n" * 20})
        repo.git("mv", ".env", ".env.old")
        assert "hunter" not in see(repo, "git_diff:staged").text
        repo.git("mv", ".env.old", "settings.txt")
        repo.write({"settings.txt": "hunter2\n" * 19})
        block = see(repo, "git_diff:all")
        assert "new file mode" in block.text, "it has a name of its own now"
        assert "-hunter2" not in block.text

    def test_more_of_them_than_a_command_line_takes(self, repo: GitRepo) -> None:
        repo.write({f"{place:03}{'x' * 100}/.env": "hunter2\n" for place in range(300)})
        repo.write({"zz": "seen\n"})
        block = see(repo, "git_diff:all")
        assert "+seen\n" in block.text
        assert "hunter" not in block.text
        assert "(280 more)]" in block.text

    def test_a_kept_patch_does_not_show_them(self, repo: GitRepo) -> None:
        secret = PATCH.replace("a.py", ".env").replace("2", "hunter2")
        block = see(repo, "latest_diff", latest_diff=PATCH + secret)
        assert block.text == f"{PATCH}[not read: .env (a secret file)]"


class TestFiles:
    def test_a_file_is_its_text(self, repo: GitRepo) -> None:
        assert see(repo, "file:docs/b.md") == Block("file:docs/b.md", "# b\n", 4, 4)

    @pytest.mark.parametrize(
        ("source", "why"),
        [
            ("file:no.txt", "no such file"),
            ("file:docs", "a directory"),
            ("file:../plain.home", "outside the project root"),
            ("file:/etc/passwd", "outside the project root"),
            ("file:.git/config", "in .git"),
            ("file:bin", "a binary file"),
            ("glob:../*", "outside the project root"),
            ("glob:/etc/*", "outside the project root"),
            ("glob:*.nothing", "no file matches"),
            ("step:plan", "this step has no output yet"),
            ("stdin", "nothing was piped in"),
        ],
    )
    def test_what_is_not_there_names_itself(self, repo: GitRepo, source: str, why: str) -> None:
        repo.write({"bin": b"\0"})
        assert see(repo, source) == Block(source, f"[{source}: {why}]", 0, 0, (f"{source}: {why}",))

    @pytest.mark.parametrize("source", ["file:empty", "step:plan", "latest_diff"])
    def test_what_is_empty_says_so(self, repo: GitRepo, source: str) -> None:
        repo.write({"empty": ""})
        block = see(repo, source, outputs={"plan": ""}, stdin="", latest_diff="")
        assert block == Block(source, f"[{source} is empty]", 0, 0)

    def test_a_glob_is_what_git_lists_sorted(self, repo: GitRepo) -> None:
        repo.write(
            {"docs/.h.md": "h\n", "docs/a/ü.md": "ü\n", "ignored.md": "", "docs/x.png": b"\0"}
        )
        (repo.path / "docs/link.md").symlink_to("../../outside.md")
        assert see(repo, "glob:docs/**").text == (
            "==> docs/.h.md <==\nh\n==> docs/a/ü.md <==\nü\n==> docs/b.md <==\n# b\n"
            "[not read: docs/link.md (outside the project root), docs/x.png (a binary file)]"
        )
        assert see(repo, "glob:*.md").text == "[glob:*.md: no file matches]"

    def test_a_glob_is_relative_to_the_project(self, repo: GitRepo) -> None:
        (block,) = collect(
            [parse("glob:*.md")], Surroundings(repo.path / "docs", repo.found()), 1000
        )
        assert block.text == "==> b.md <==\n# b\n"

    def test_outside_git_a_glob_is_over_all_files(self, plain: GitRepo) -> None:
        plain.write({"a/b.md": "b\n", "a/.git/c.md": "c\n", ".h.md": "h\n"})
        assert see(plain, "glob:**/*.md").text == "==> .h.md <==\nh\n==> a/b.md <==\nb\n"

    def test_a_cut_glob_only_warns(self, plain: GitRepo) -> None:
        plain.write({"a": "a\n" * 50, "b": "b\n" * 1500, "c": "c\n"})
        block = see(plain, "glob:*", 1000)
        assert block.text.startswith("==> a <==\na\n")
        assert "==> c <==\nc\n[truncated: glob:*, 102 of 3,102 characters]" in block.text
        assert block.doubt is None
        assert block.warnings == (
            "glob:* is cut: 2 of 3 files, 102 of 3,102 characters; left out: b",
        )

    def test_a_small_file_behind_many_large_ones_is_found(self, plain: GitRepo) -> None:
        plain.write({f"{place:02}": "x" * 5000 + "\n" for place in range(20)})
        plain.write({"small": "s\n"})
        assert "==> small <==\ns\n" in see(plain, "glob:*", 1000).text


class TestOtherSources:
    def test_text_that_others_gave(self, repo: GitRepo) -> None:
        assert see(repo, "step:plan", outputs={"plan": "Do it."}).text == "Do it."
        assert see(repo, "stdin", stdin="piped\n").text == "piped\n"
        assert see(repo, "latest_diff", latest_diff=PATCH).text == PATCH
        assert see(repo, "run_diff", run_diff=PATCH).text == PATCH

    @pytest.mark.parametrize("source", ["latest_diff", "run_diff"])
    def test_a_diff_that_is_not_there_yet(self, repo: GitRepo, source: str) -> None:
        block = see(repo, source)
        assert block.text == f"[{source}: nothing was implemented yet]"
        assert block.warnings
        assert block.doubt is Doubt.MISSING

    def test_stdin_beyond_the_limit_is_cut(self, repo: GitRepo) -> None:
        block = see(repo, "stdin", 1000, stdin="line\n" * 201)
        assert block.text.endswith("of more than 1,000 characters]")
        assert (block.doubt, block.total) == (Doubt.CUT, None)

    def test_a_kept_patch_is_cut_by_files(self, repo: GitRepo) -> None:
        other = PATCH.replace("a.py", "b.py") + "+x\n" * 1000
        block = see(repo, "latest_diff", 500, latest_diff=other + PATCH)
        assert block.text.startswith(PATCH)
        assert block.text.endswith("[left out: b.py]")

    def test_blocks_keep_the_order_and_patches_come_last_as_one_source(self, repo: GitRepo) -> None:
        long = PATCH + "+x\n" * 1000
        names = ["step:plan", "file:a.txt", "stdin"]
        blocks = collect(
            [parse(name) for name in names],
            around(
                repo,
                outputs={"plan": "p\n" * 1000},
                stdin="s\n" * 1000,
                patches=(Patch("implement", long), Patch("implement (pass 2)", long)),
            ),
            3000,
        )
        assert [block.name for block in blocks] == [*names, "implement", "implement (pass 2)"]
        sizes = [len(block.text) for block in blocks]
        assert sum(sizes) <= 3000
        assert blocks[1].text == "one\n"
        assert min(sizes[0], sizes[2]) > 900
        assert min(sizes[3:]) > 400
        assert all(block.doubt is Doubt.CUT for block in blocks if block.name != "file:a.txt")


class TestMemory:
    """A source costs the memory of the limit, not its own."""

    def frugally(self, repo: GitRepo, source: str) -> Block:
        tracemalloc.start()
        try:
            return see(repo, source, 10_000)
        finally:
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert peak < 2_000_000

    @pytest.mark.parametrize("source", ["file:huge", "glob:huge"])
    def test_a_file_of_a_gigabyte(self, repo: GitRepo, source: str) -> None:
        with (repo.path / "huge").open("wb") as huge:
            huge.write(b"text\n" * 50_000)
            huge.truncate(1 << 30)
        assert "of more than 40,000 characters]" in self.frugally(repo, source).text

    def test_a_diff_that_is_larger_than_what_is_read_of_it(self, repo: GitRepo) -> None:
        repo.write({"b.txt": "small\n", "c.txt": "huge\n" * 5_000_000, "d.txt": "small too\n"})
        block = self.frugally(repo, "git_diff:all")
        assert "+small\n" in block.text
        assert "[left out: c.txt, d.txt]" in block.text
        assert block.total is None, "git was ended before the end of its output"

    def test_a_diff_of_one_file_that_is_larger_still(self, repo: GitRepo) -> None:
        repo.write({"c.txt": "huge\n" * 5_000_000})
        block = self.frugally(repo, "git_diff:all")
        assert re.search(r"\+huge\n\[truncated: git_diff:all, 9,9.. of more than 16,", block.text)

    def test_a_diff_of_very_many_files(self, repo: GitRepo) -> None:
        repo.write({f"many/{place:04}.txt": "x\n" * 100 for place in range(1000)})
        block = self.frugally(repo, "git_diff:all")
        assert " of 1,000 files, " in block.warnings[0]
        assert block.total is None, "git was ended when there was enough to choose from"


class TestLargeFiles:
    """git would take gigabytes to compare their lines."""

    LINES = "a line\n" * 10_000_000  # 70 MB

    @pytest.fixture
    def large(self, repo: GitRepo) -> GitRepo:
        repo.commit({"b.txt": "old\n", "dump.sql": self.LINES, "logo.png": "\0"})
        repo.write({"b.txt": "new\n", "logo.png": "\0\0"})
        return repo

    @pytest.mark.parametrize("source", ["git_diff", "git_diff:all", "git_diff:staged"])
    @pytest.mark.parametrize("change", [lambda old: old + "end", str.upper, lambda _: "short"])
    def test_one_that_was_edited_is_named_and_counts_as_cut(
        self, large: GitRepo, source: str, change: Callable[[str], str]
    ) -> None:
        large.write({"dump.sql": change(self.LINES)})
        if source == "git_diff:staged":
            large.git("add", "--all")
        self.expect_named(see(large, source))

    def test_one_that_is_new_or_gone_is_named(self, large: GitRepo) -> None:
        large.write({"new.sql": self.LINES})
        self.expect_named(see(large, "git_diff:all"), "new.sql")
        large.git("add", "--all")
        large.git("commit", "-qm", "new")
        self.expect_named(see(large, "git_diff:HEAD~1...HEAD"), "new.sql")
        self.expect_named(see(large, "git_diff:HEAD..HEAD~1"), "new.sql")

    def test_one_that_is_no_text_is_shown_as_any_that_is_none(self, large: GitRepo) -> None:
        with (large.path / "dump.sql").open("r+b") as dump:
            dump.write(b"\0")
        block = see(large, "git_diff")
        assert "Binary files a/dump.sql and b/dump.sql differ" not in block.text  # it was text
        large.git("commit", "-qam", "no text")
        with (large.path / "dump.sql").open("ab") as dump:
            dump.write(b"more")
        block = see(large, "git_diff")
        assert "Binary files a/dump.sql and b/dump.sql differ" in block.text
        assert block.doubt is None

    def test_a_file_that_is_not_compared_says_nothing(self, large: GitRepo) -> None:
        large.commit({"logo.png": "\0\0\0"})
        (large.path / "logo.png").unlink()
        large.git("commit", "-qam", "gone")
        large.write({"logo.png": self.LINES})
        assert see(large, "git_diff:HEAD~1..HEAD").doubt is None

    def test_one_that_was_only_touched_is_no_change(self, large: GitRepo) -> None:
        os.utime(large.path / "dump.sql", (1, 1))
        os.utime(large.path / "a.txt", (1, 1))
        block = see(large, "git_diff")
        assert "dump.sql" not in block.text
        assert "a.txt" not in block.text
        assert block.doubt is None

    def expect_named(self, block: Block, names: str = "dump.sql") -> None:
        assert f"[larger than 64 MiB, so no lines are compared: {names}]" in block.text
        assert re.search("^[+-]new$", block.text, re.MULTILINE)
        assert "Binary files a/logo.png and b/logo.png differ" in block.text
        assert "a/dump.sql" not in block.text
        assert block.doubt is Doubt.CUT
