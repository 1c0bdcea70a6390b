"""`aethr apply`: a run's patch goes on whole or not at all, and never where it must not."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest

from aethr import applying
from aethr.checkpoint import read
from aethr.errors import AethrError
from aethr.results import Artifact, StepResult
from aethr.saved import Header
from tests.support.places import Powerless
from tests.test_trees import trees_of, users_own

if TYPE_CHECKING:
    from tests.support.cli import Said, Shell

RUN = "run.jsonl"


def checkpoint(
    shell: Shell, patch: str | None, *, base: str = "", tree: str = "", commit: str = ""
) -> None:
    """Write the checkpoint of a run that left a patch behind, as anyone could."""
    header = Header("demo", "", "go", live=True, commit=commit, tree=base)
    artifact = Artifact("", tree, (), patch, patch)
    result = asdict(StepResult("implement", "Done.", artifact=artifact))
    lines = [{"kind": "run", "format": 1, **asdict(header)}, {"kind": "result", **result}]
    shell.write({RUN: "".join(json.dumps(line) + "\n" for line in lines)})


def new_file(name: str, mode: str = "100644", content: str = "x") -> str:
    return (
        f"diff --git a/{name} b/{name}\nnew file mode {mode}\n--- /dev/null\n+++ b/{name}\n"
        f"@@ -0,0 +1 @@\n+{content}\n\\ No newline at end of file\n"
    )


EDIT = """\
diff --git a/src/app.py b/src/app.py
--- a/src/app.py
+++ b/src/app.py
@@ -1 +1 @@
-print('hi')
+print('HI')
"""


def standing(shell: Shell) -> dict[str, bytes | str]:
    """Give all that stands in the working tree: a file's bytes, where a link leads."""
    return {
        str(path.relative_to(shell.folder)): str(path.readlink())
        if path.is_symlink()
        else path.read_bytes()
        for path in shell.folder.rglob("*")
        if ".git" not in path.parts and (path.is_symlink() or path.is_file())
    }


def put_on(shell: Shell) -> None:
    """Apply in this process."""
    found = applying.work(read(shell.folder / RUN))
    applying.put(found, trees_of(shell), shell.folder.parent / "trees.tmp", check=False)


def refused(shell: Shell, *argv: str, code: int) -> Said:
    """Apply, see that it is refused in plain words, and that nothing has changed."""
    before, own = standing(shell), users_own(shell)
    said = shell.aethr("apply", RUN, *argv)
    assert said.code == code, said.err
    assert said.out == ""
    assert "Traceback" not in said.err
    assert (standing(shell), users_own(shell)) == (before, own)
    return said


# -- what goes on -------------------------------------------------------------------


def test_a_patch_goes_on_and_says_what_changed(repo: Shell) -> None:
    repo.write({"README.md": "staged\n"})
    repo.git("add", "-A")
    repo.git("stash", "-q")
    repo.git("stash", "apply", "-q", "--index")
    own = (repo.folder / ".git/index").read_bytes(), repo.git("stash", "list")
    checkpoint(repo, EDIT + new_file("new.py"))
    tried = repo.aethr("apply", RUN, "--check")
    assert (tried.code, tried.out) == (0, "new.py +1 -0\nsrc/app.py +1 -1\n"), tried.err
    assert tried.err == "can be put on: 2 files, from the run's start to step `implement`\n"
    assert not (repo.folder / "new.py").exists()
    done = repo.aethr("apply", RUN)
    assert (done.code, done.out) == (0, tried.out), done.err
    assert done.err == "put on: 2 files, from the run's start to step `implement`\n"
    assert (repo.folder / "src/app.py").read_text() == "print('HI')\n"
    assert ((repo.folder / ".git/index").read_bytes(), repo.git("stash", "list")) == own
    again = repo.aethr("apply", RUN)
    assert (again.code, again.out) == (0, ""), again.err
    assert again.err == "nothing to do: what step `implement` left behind is here already\n"


def test_every_way_to_name_the_checkpoint(repo: Shell) -> None:
    checkpoint(repo, EDIT)
    repo.write({"tasks.py": "import aethr\nfrom invoke import Collection\n"
                "ns = Collection(aethr.collection())\n"})  # fmt: skip
    text = (repo.folder / RUN).read_text()
    asked = [
        repo.aethr("apply", "../run.jsonl", "--check", cwd="src"),
        repo.aethr("apply", "-", "--check", stdin=text),
        repo.aethr("apply", "--check", AETHR_CHECKPOINT=RUN),
        repo.inv("aethr.apply", RUN, "--check"),
    ]
    assert [(said.code, said.out) for said in asked] == [(0, "src/app.py +1 -1\n")] * 4


def test_the_users_own_edits_stay_and_those_in_the_way_refuse_all(repo: Shell) -> None:
    lines = [f"{n}\n" for n in range(30)]
    repo.write({"long.txt": "".join(lines), "gone.txt": "1\n"})
    repo.git("add", "-A")
    repo.git("commit", "-qm", "long")
    trees = trees_of(repo)
    base = trees.record().id
    repo.write({"long.txt": "".join([*lines[:25], "theirs\n", *lines[26:]])})
    tree = trees.record().id
    checkpoint(repo, trees.patch(base, tree), base=base, tree=tree)
    repo.write({"long.txt": "".join(["mine\n", "mine\n", *lines])})
    assert repo.aethr("apply", RUN).out == "long.txt +1 -1\n"
    assert (repo.folder / "long.txt").read_text().startswith("mine\nmine\n0\n")
    assert "theirs" in (repo.folder / "long.txt").read_text()
    again = repo.aethr("apply", RUN)
    assert (again.code, again.out) == (0, ""), again.err
    repo.write({"long.txt": "".join([*lines[:24], "mine\n", *lines[26:]])})
    said = refused(repo, code=1)
    assert "error: the patch does not apply; nothing was changed\n" in said.err
    assert "\n  long.txt: patch does not apply" in said.err


def everything(repo: Shell) -> None:
    """Change files in every way that a patch can carry."""
    repo.git("mv", "moved.txt", "new place.txt")
    (repo.folder / "gone.txt").unlink()
    (repo.folder / "run.sh").chmod(0o755)
    (repo.folder / "link").unlink()
    (repo.folder / "link").symlink_to("src/app.py")
    (repo.folder / "was file").unlink()
    repo.write({
        "bin": bytes(reversed(range(256))), "crlf.txt": "one\r\ntwo\n\r", "no newline": "x",
        "was file/inner": "now in a folder\n", "a\n\"b\"\tc\\ ünï": "odd\n", "empty": "",
        "latin": b"caf\xe9\n", "deep/er/new": "n\n",
    })  # fmt: skip


@pytest.mark.parametrize("autocrlf", ["false", "true", "input"])
def test_every_kind_of_change_goes_on_exactly(repo: Shell, autocrlf: str) -> None:
    repo.write({
        "moved.txt": "m\n" * 9, "gone.txt": "g\n", "run.sh": "#!/bin/sh\n", "was file": "f\n",
        "bin": bytes(range(256)), "crlf.txt": "one\r\n", "latin": b"caf\xe8\n", "no newline": "y",
    })  # fmt: skip
    (repo.folder / "link").symlink_to("README.md")
    repo.git("add", "-A")
    repo.git("commit", "-qm", "many")
    repo.git("config", "core.autocrlf", autocrlf)
    repo.git("checkout", "-q", "HEAD", ".")
    for name, value in {
        "apply.whitespace": "fix",
        "apply.ignoreWhitespace": "change",
        "core.safecrlf": "true",
    }.items():
        repo.git("config", name, value)
    trees = trees_of(repo)
    base = trees.record().id
    everything(repo)
    tree, after = trees.record().id, standing(repo)
    patch = trees.patch(base, tree)
    repo.git("reset", "-q", "--hard")
    repo.git("clean", "-qdf")
    checkpoint(repo, patch, base=base, tree=tree)
    done = repo.aethr("apply", RUN)
    assert done.code == 0, done.err
    (repo.folder / RUN).unlink()
    assert trees_of(repo).record().id == tree
    if autocrlf == "false":
        assert standing(repo) == after
    assert os.access(repo.folder / "run.sh", os.X_OK)
    assert len(done.out.splitlines()) == 14
    assert 'a\\n"b"\\tc\\ ünï +1 -0\n' in done.out


def test_a_run_that_changed_nothing_has_nothing_to_put_on(repo: Shell) -> None:
    checkpoint(repo, "")
    done = repo.aethr("apply", RUN)
    assert (done.code, done.out) == (0, "")
    assert "put on: 0 files" in done.err


def test_no_program_of_the_users_is_started(repo: Shell) -> None:
    ran = repo.folder.parent / "ran"
    script = repo.folder.parent / "hook"
    script.write_text(f"#!/bin/sh\ntouch {ran}\n")
    script.chmod(0o755)
    hooks = repo.folder / ".git/hooks"
    hooks.mkdir(exist_ok=True)
    (hooks / "post-index-change").symlink_to(script)
    for name in ("core.fsmonitor", "diff.external", "core.pager"):
        repo.git("config", name, str(script))
    checkpoint(repo, EDIT)
    assert repo.aethr("apply", RUN).code == 0
    assert not ran.exists()


# -- what does not ------------------------------------------------------------------

HOSTILE = {
    "above": new_file("../out"),
    "through a folder": new_file("src/../../out"),
    "absolute": new_file("/tmp/aethr-out"),
    "git": new_file(".git/hooks/pre-commit", "100755"),
    "git in capitals": new_file(".GIT/config"),
    "git on NTFS": new_file("git~1/config"),
    "git with a dot": new_file(".git./config"),
    "git with a stream": new_file(".git::$INDEX_ALLOCATION/config"),
    "git on HFS": new_file(".g\u200cit/config"),
    "git inside": new_file("src/.git/config"),
    "git as a link": new_file(".git", "120000", "src"),
    "modules as a link": new_file(".gitmodules", "120000", "src"),
    "a link, then through it": new_file("l", "120000", "..") + new_file("l/out"),
    "a link that is there": new_file("there/out"),
    "a link that git ignores": new_file("ignored/out"),
    "a secret": new_file(".env"),
    "a secret in a folder": new_file("src/.Env.local"),
    "a secret that is there": EDIT.replace("src/app.py", ".env").replace("print('hi')", "K=1"),
    "a secret moved": "diff --git a/.env b/public\nsimilarity index 100%\n"
    "rename from .env\nrename to public\n",
    "a secret copied": "diff --git a/.env b/public\nsimilarity index 100%\n"
    "copy from .env\ncopy to public\n",
    "a tracked secret moved": "diff --git a/.env.prod b/public\nsimilarity index 100%\n"
    "rename from .env.prod\nrename to public\n",
    "a secret made and unmade": new_file(".env.x")
    + "diff --git a/.env.x b/.env.x\ndeleted file mode 100644\n--- a/.env.x\n+++ /dev/null\n"
    "@@ -1 +0,0 @@\n-x\n\\ No newline at end of file\n",
    "a file and a file in it": new_file("both") + new_file("both/inner"),
    "a folder's place": new_file("src"),
    "a submodule": new_file("sub", "160000", "Subproject commit " + "1" * 40),
    "a file that is there": new_file("README.md"),
    "a file that git ignores": new_file("ignored.txt"),
    "one that fits, one that does not": EDIT + EDIT.replace("src/app.py", "README.md"),
    "a mask": EDIT.replace("+print('HI')", "+key = '[masked OPENAI_API_KEY]'"),
    "no patch": "hello\n",
    "torn": EDIT[:-5],
    "no text": "\ud800",
    "of a binary without its content": "diff --git a/b b/b\nnew file mode 100644\n"
    "index 0000000..1111111\nBinary files /dev/null and b/b differ\n",
    "another name inside": new_file("ok").replace("+++ b/ok", "+++ b/.git/config"),
}  # fmt: skip


@pytest.mark.fault("fail closed", "a stranger's checkpoint", "a hostile or broken patch in it")
@pytest.mark.parametrize("patch", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_patch_is_refused_whole(repo: Shell, patch: str) -> None:
    repo.write({".gitignore": "ignored*\n", ".env.prod": "K=1\n"})
    repo.git("add", "-f", ".gitignore", ".env.prod")
    repo.git("commit", "-qm", "more")
    repo.write({".env": "K=1\n", "ignored.txt": "mine\n"})
    outside = repo.folder.parent / "outside"
    outside.mkdir()
    for link in ("there", "ignored"):
        (repo.folder / link).symlink_to(outside)
    checkpoint(repo, patch)
    trees_of(repo).record()  # it makes its folder
    around = sorted(path.name for path in repo.folder.parent.iterdir())
    before, own = standing(repo), users_own(repo)
    with pytest.raises(AethrError):
        put_on(repo)
    assert (standing(repo), users_own(repo)) == (before, own)
    assert sorted(path.name for path in repo.folder.parent.iterdir()) == around
    assert not list(outside.iterdir())


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        (None, "the patch of step `implement` was not kept"),
        ("x" * 50_000_000, "the patch of step `implement` is over 10 MB"),
        (HOSTILE["a secret"], "the patch would write .env, which is never written"),
        (HOSTILE["a submodule"], "the patch moves the submodule sub"),
        (HOSTILE["a mask"], "the patch holds `[masked OPENAI_API_KEY]`: a key stood there"),
    ],
    ids=["not kept", "50 MB", "secret", "submodule", "mask"],
)
def test_what_can_not_be_carried_is_refused_by_name(
    repo: Shell, patch: str | None, message: str
) -> None:
    checkpoint(repo, patch)
    assert f"error: {message}" in refused(repo, code=2).err


def test_git_tells_which_files_conflict_and_why(repo: Shell) -> None:
    missing = EDIT.replace("src/app.py", "gone.py")
    checkpoint(repo, EDIT.replace("hi", "ho") + missing + new_file("README.md"))
    assert refused(repo, code=1).err == (
        "error: the patch does not apply; nothing was changed\n"
        "hint: commit or stash your own edits of these files\n"
        "  src/app.py: patch does not apply\n"
        "  gone.py: No such file or directory\n"
        "  README.md: already exists in working directory\n"
    )


def test_a_file_that_git_ignores_is_not_touched(repo: Shell) -> None:
    repo.write({".gitignore": "*.log\n", "my.log": "print('hi')\n"})
    checkpoint(repo, EDIT.replace("src/app.py", "my.log"))
    assert "  my.log: never touched: secret, ignored by git, or" in refused(repo, code=1).err


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (None, "can't read the checkpoint"),
        ("nonsense\n", "not a checkpoint"),
        ("[]", "holds no patch: no step of it has worked on files"),
    ],
)
def test_a_file_without_a_patch_is_refused(repo: Shell, written: str | None, message: str) -> None:
    if written is not None:
        repo.write({RUN: written})
    assert message in refused(repo, code=2).err


def test_a_checkpoint_that_was_edited_is_refused(repo: Shell) -> None:
    trees = trees_of(repo)
    base = trees.record().id
    checkpoint(repo, EDIT, base=base, tree="1" * 40)
    assert "does not give what step `implement` left behind" in refused(repo, code=2).err


def test_a_text_that_only_looks_like_a_mask_goes_on(repo: Shell) -> None:
    trees = trees_of(repo)
    base = trees.record().id
    repo.write({"docs.md": "a key is shown as [masked OPENAI_API_KEY]\n"})
    tree = trees.record().id
    patch = trees.patch(base, tree)
    (repo.folder / "docs.md").unlink()
    checkpoint(repo, patch, base=base, tree=tree)
    assert repo.aethr("apply", RUN).code == 0


def test_outside_git_and_without_a_name_it_is_refused(shell: Shell) -> None:
    checkpoint(shell, EDIT)
    assert "there is no git repository, or no git on the PATH" in shell.aethr("apply", RUN).err
    assert "no checkpoint was named" in shell.aethr("apply").err


@pytest.mark.fault("fail closed", "a patch that fits both ways", "one more line among equal ones")
def test_a_patch_that_fits_both_ways_is_not_put_on_twice(repo: Shell) -> None:
    repo.write({"same.txt": "x\n" * 20})
    repo.git("add", "-A")
    repo.git("commit", "-qm", "same")
    patch = (
        "diff --git a/same.txt b/same.txt\n--- a/same.txt\n+++ b/same.txt\n"
        "@@ -8,6 +8,7 @@\n x\n x\n x\n+x\n x\n x\n x\n"
    )
    checkpoint(repo, patch)
    assert "can't tell whether the patch is on already" in refused(repo, code=1).err


@pytest.mark.fault(
    "fail closed", "a patch that is half written", "a folder that may not be written"
)
def test_what_fails_half_way_is_put_back(repo: Shell) -> None:
    powerless = Powerless(repo.folder, repo.folder.parent / "home")
    repo.write({"a.txt": "a\r\n", "shut/b.txt": "b\n", "was file": "f\n"})
    repo.git("add", "-A")
    repo.git("commit", "-qm", "more")
    trees = trees_of(repo)
    base = trees.record().id
    repo.write({"a.txt": "A\n", "shut/b.txt": "B\n", "new/er.txt": "n\n"})
    (repo.folder / "was file").unlink()
    repo.write({"was file/inner": "i\n"})
    tree = trees.record().id
    patch = trees.patch(base, tree)
    repo.git("reset", "-q", "--hard")
    repo.git("clean", "-qdf")
    checkpoint(repo, patch, base=base, tree=tree)
    (repo.folder / "shut").chmod(0o555)
    said = refused(powerless, code=1)
    assert "the patch can't be written" in said.err
    assert "hint: every file is as it was" in said.err
    assert not (repo.folder / "new").exists()
    (repo.folder / "shut").chmod(0o755)
    assert repo.aethr("apply", RUN).code == 0


def test_a_binary_file_goes_on_only_over_the_one_that_it_was_made_from(repo: Shell) -> None:
    repo.write({"bin": bytes(range(256))})
    repo.git("add", "-A")
    repo.git("commit", "-qm", "bin")
    trees = trees_of(repo)
    base = trees.record().id
    repo.write({"bin": bytes(reversed(range(256)))})
    tree = trees.record().id
    patch = trees.patch(base, tree)
    repo.write({"bin": b"mine\0"})
    checkpoint(repo, patch, base=base, tree=tree)
    assert "bin" in refused(repo, code=1).err
