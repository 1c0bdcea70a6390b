"""How each command is typed: its words, and two examples, for the help at both doors."""

from __future__ import annotations

from typing import NamedTuple

from aethr.options import Door


class Usage(NamedTuple):
    """``words`` follow the command's name; the examples are those of the console script."""

    words: str
    examples: tuple[str, str]


USAGES = {
    "run": Usage(
        "[TASK] [options]",
        ('aethr run "review my changes"', 'aethr run --show-prompt "review my changes"'),
    ),
    "step": Usage(
        "ID [TASK] [options]",
        (
            'aethr step plan --text "add a --json flag" --checkpoint run.jsonl',
            "aethr step review --checkpoint run.jsonl",
        ),
    ),
    "init": Usage("[PRESET] [options]", ("aethr init --list", "aethr init add-tests --force")),
    "apply": Usage(
        "[FILE] [options]", ("aethr apply run.jsonl", "aethr apply --check - < run.jsonl")
    ),
    "show": Usage("[options]", ("aethr show", "aethr show --preset add-tests --format mermaid")),
    "check": Usage("[options]", ("aethr check", "aethr check -f ci/review.yaml")),
    "schema": Usage("[WHAT]", ("aethr schema > .aethr.schema.json", "aethr schema report")),
    "completion": Usage(
        "SHELL", ('eval "$(aethr completion bash)"', "aethr completion fish > aethr.fish")
    ),
    "auth.login": Usage(
        "PROVIDER [options]", ("aethr auth login openai", "aethr auth login openai < key.txt")
    ),
    "auth.status": Usage("", ("aethr auth status", "aethr auth status | grep missing")),
    "version": Usage("", ("aethr version", "aethr version > version.txt")),
}


def examples(name: str, door: Door) -> list[str]:
    """Give a command's examples as they are typed at a door."""
    console = f"{Door.CONSOLE.value}{name.replace('.', ' ')}"
    return [text.replace(console, f"{door.value}{name}") for text in USAGES[name].examples]
