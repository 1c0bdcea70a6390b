"""What is wrong, where, and what to do: one clear error, exit 2, nothing half-written."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.live import live
from tests.support.llm_script import said
from tests.support.llm_server import LLMServer
from tests.test_run import LOOP, PASS, REVIEW, on_terminal

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.cli import Said, Shell


def refused(run: Said) -> str:
    assert run.code == 2, run.err
    assert "Traceback" not in run.err
    assert run.out == ""
    return run.err


def test_no_workflow_names_the_presets_and_init(repo: Shell) -> None:
    for argv in (("run", "go"), ("show",), ("check",), ("step", "x", "go")):
        err = refused(repo.aethr(*argv))
        assert "aethr init" in err
        assert "plan-implement-review" in err


def test_a_folder_or_a_dangling_link_as_workflow(repo: Shell) -> None:
    file = repo.folder / ".aethr.yaml"
    file.mkdir()
    assert ".aethr.yaml" in refused(repo.aethr("check"))
    file.rmdir()
    file.symlink_to("nowhere")
    assert ".aethr.yaml" in refused(repo.aethr("check"))
    assert file.is_symlink()
    assert "is there already" in refused(repo.aethr("init", "custom"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"workflow: \xff\n", "UTF-8"),
        (b"workflow: a\n---\nworkflow: b\n", "document"),
        (b"workflow: !!python/object/apply:os.system [id]\n", "python"),
        (b"", "empty"),
        (b"- a\n", ".aethr.yaml:1:1"),
    ],
)
def test_a_file_that_is_no_workflow(repo: Shell, content: bytes, message: str) -> None:
    repo.write({".aethr.yaml": content})
    assert message in refused(repo.aethr("check"))


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("init", "custm"), "no preset `custm`; did you mean `custom`?"),
        (("run", "--preset", "nope", "x"), "the presets are add-tests, custom"),
        (("step", "reviw", "x"), "did you mean `review`?"),
        (("step",), "one of plan, implement, review"),
        (("run", "x", "--from", "nope"), "its steps are plan, implement, review"),
        (("run", "x", "--from", "review", "--until", "plan"), "comes after --until"),
        (("run", ""), "the task is blank"),
        (("run", "-f", "nope.yaml", "x"), "nope.yaml"),
        (("run", "-f", "custom", "x"), "hint: the preset of that name: --preset custom"),
        (("run", "-f", "a", "--preset", "b", "x"), "exclude each other"),
        (("run", "a", "--", "b"), "two tasks"),
        (("run", "x", "--checkpoint", "."), "can't"),
        (("run", "x", "--checkpoint", "no/such/folder/c"), "can't open"),
        (("run", "x", "--resume-checkpoint", "[\udcff]"), "not a checkpoint: --resume-checkpoint"),
        (("run", "x", "--resume-checkpoint", "c.jsonl"), "--resume-checkpoint @c.jsonl"),
        (("run", "x", "--checkpoint", "README.md"), "hint: it is the file that --checkpoint wrote"),
        (("run", "x", "--report"), "`--report` needs a value"),
        (("run", "x", "--report", "--quiet"), "`--report` needs a value"),
        (("run", "x", "-f"), "`--workflow` needs a value"),
        (("run", "add", "a", "flag"), "a task of several words stands in quotes"),
        (("run",), 'as in `aethr run "fix the typo"`'),
        (("step", "plan"), 'as in `aethr step plan --text "fix the typo"`'),
        (("show", "custom"), "hint: aethr show --help"),
        (("login", "openai"), "unknown command `login`; did you mean `auth login`?"),
        (("auth",), "hint: one of auth login, auth status"),
        (("auth", "logn"), "`auth` has no such command; did you mean `auth login`?"),
        (("bogus",), "unknown command `bogus`"),
        (("run", "x", "run"), "one command a call: `run` stands twice"),
        (("show", "check"), "one command a call"),
    ],
)
def test_wrong_words(repo: Shell, argv: tuple[str, ...], message: str) -> None:
    repo.write({".aethr.yaml": LOOP})
    before = sorted(repo.folder.rglob("*"))
    assert message in refused(repo.aethr(*argv))
    assert sorted(repo.folder.rglob("*")) == before
    assert not repo.checkpoints


def test_the_other_door_names_its_own_words(repo: Shell) -> None:
    tasks = "import aethr, invoke\nns = invoke.Collection(aethr.collection())\n"
    repo.write({".aethr.yaml": LOOP, "tasks.py": tasks})
    asked = (
        'hint: give the task on the command line, as in `inv aethr.step plan --text "fix the typo"`'
    )
    assert asked in refused(repo.inv("aethr.steps.plan"))
    valueless = repo.inv("aethr.run", "x", "--report")
    assert (valueless.code, valueless.out) == (1, "")  # invoke's own exit code
    assert "Flag `--report` needed value" in valueless.err


def test_a_key_in_the_wrong_place_is_not_said_again(shell: Shell) -> None:
    for argv in (("auth", "sk-0123456789"), ("auth", "login", "openai", "sk-0123456789")):
        assert "sk-0123456789" not in refused(shell.aethr(*argv))


def test_bare_init_lists_and_fails_without_a_terminal(repo: Shell) -> None:
    err = refused(repo.aethr("init"))
    assert "plan-implement-review" in err
    assert "no preset was named" in err


def test_init_overwrites_only_when_forced_and_keeps_the_old_text(repo: Shell) -> None:
    repo.write({".aethr.yaml": "mine\n"})
    assert "is there already" in refused(repo.aethr("init", "custom"))
    assert (repo.folder / ".aethr.yaml").read_text() == "mine\n"
    forced = repo.aethr("init", "custom", "--force")
    assert forced.code == 0
    kept = repo.folder / ".aethr.yaml.old-1"
    assert kept.read_text() == "mine\n"
    assert str(kept) in forced.err
    assert repo.aethr("check").code == 0


def test_an_unknown_provider_live(repo: Shell) -> None:
    repo.write({".aethr.yaml": REVIEW.replace("openai:gpt-4o-mini", "opnai:gpt-4o-mini")})
    assert "opnai" in refused(repo.aethr("run", "go", AETHR_LIVE="1"))
    checked = repo.aethr("check")
    assert checked.code == 0
    assert "warning: opnai:gpt-4o-mini" in checked.err


def test_stdin_as_context_on_a_terminal(repo: Shell) -> None:
    repo.write({".aethr.yaml": REVIEW.replace('"git_diff:all"', "stdin")})
    env = {**repo.env, "TERM": "dumb"}
    with pytest.raises(AssertionError, match="stdin is a terminal"):
        on_terminal([sys.executable, "-m", "aethr", "run", "go"], repo, env)
    assert repo.aethr("run", "go", stdin="piped").code == 0


def test_a_limit_larger_than_any_memory(repo: Shell) -> None:
    sources = '[stdin, "file:README.md", "glob:**", "git_diff:all"]'
    text = REVIEW.replace('["git_diff:all"]', f"{sources}, context_limit: 999999999999999")
    repo.write({".aethr.yaml": text})
    run = repo.aethr("run", "go", stdin="piped")
    assert run.code == 0, run.err
    assert "piped" in repo.aethr("run", "go", "--show-prompt", stdin="piped").out


@pytest.mark.parametrize("revision", ["nope", "a...b", "HEAD~9"])
def test_a_revision_that_git_does_not_know(repo: Shell, revision: str) -> None:
    repo.write({".aethr.yaml": REVIEW.replace("git_diff:all", f"git_diff:{revision}")})
    assert f"git_diff:{revision}" in refused(repo.aethr("run", "go"))


def test_a_revision_that_is_an_option_writes_no_file(repo: Shell, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    repo.write({".aethr.yaml": REVIEW.replace("git_diff:all", f"git_diff:--output={victim}")})
    assert "git_diff" in refused(repo.aethr("run", "go"))
    assert not victim.exists()


BIG = "".join(f"line {number} of a long file\n" for number in range(2_000))


def big_review(repo: Shell, more: str = "") -> None:
    files = {f"src/f{number}.txt": BIG for number in range(6)}  # 300,000 characters of diff
    repo.write({**files, ".aethr.yaml": REVIEW.replace('git_diff:all"]', f'git_diff:all"]{more}')})


def test_a_pass_over_a_cut_diff_is_inconclusive_and_said_before_the_call(repo: Shell) -> None:
    big_review(repo)
    with LLMServer(said(PASS)) as server:
        run = repo.aethr("run", "go", **live(server))
        prompt = server.prompts[0]
    assert run.code == 3, run.err
    assert "review: git_diff:all is cut: " in run.err
    assert "(allow_truncated: true accepts it)" in run.err
    assert run.err.index("is cut") < run.err.index("inconclusive ·")
    assert "passed what it did not see whole: git_diff:all" in run.err
    whole = [n for n in range(6) if f"b/src/f{n}.txt" in prompt]
    assert whole
    for number in range(6):
        shown = prompt.count(f"+++ b/src/f{number}.txt")
        assert shown == (number in whole)
    assert prompt.count("+line 1999 of") == len(whole)
    assert all(f"src/f{n}.txt" in prompt for n in range(6))


def test_allow_truncated_lets_the_verdict_count(repo: Shell) -> None:
    big_review(repo, ", allow_truncated: true")
    with LLMServer(said(PASS)) as server:
        assert repo.aethr("run", "go", **live(server)).code == 0


def test_huge_sources_cost_no_more_memory_than_the_limit(repo: Shell) -> None:
    with (repo.folder / "huge.txt").open("wb") as file:
        file.truncate(1 << 30)
    text = REVIEW.replace('"git_diff:all"', '"file:huge.txt", "glob:*.txt"')
    repo.write({".aethr.yaml": text, ".gitignore": "huge.txt\n"})
    small = {"RLIMIT": str(300 << 20)}
    run = repo.run(
        sys.executable,
        "-c",
        "import os, resource, sys; n = int(os.environ['RLIMIT'])\n"
        "resource.setrlimit(resource.RLIMIT_AS, (n, n))\n"
        "sys.argv = ['aethr', 'run', 'go']\nfrom aethr.__main__ import main; main()",
        **small,
    )
    assert run.code in {0, 3}, run.err
    assert (repo.folder / "huge.txt").stat().st_size == 1 << 30
