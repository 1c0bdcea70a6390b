"""Model names -> where a model is called and with which key. Pure functions over one table."""

from __future__ import annotations

import re
from dataclasses import field, replace
from typing import TYPE_CHECKING

from aethr.errors import UsageError
from aethr.frozen import frozen
from aethr.workflow import ModelRef

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aethr.workflow import Step, Workflow


@frozen
class Provider:
    """Who runs models. ``keys`` and ``endpoints`` are variables, the first one wins.

    ``prefix`` is LiteLLM's name, ``host`` the provider's own, and a bare model
    name that begins with one of ``families`` is the provider's.
    """

    prefix: str
    host: str
    keys: tuple[str, ...]
    endpoints: tuple[str, ...]
    families: tuple[str, ...] = ()


PROVIDERS: Mapping[str, Provider] = {
    "openai": Provider(
        "openai",
        "api.openai.com",
        ("OPENAI_API_KEY",),
        ("OPENAI_BASE_URL", "OPENAI_API_BASE"),
        ("gpt-", "chatgpt-", "o1", "o3", "o4", "ft:"),
    ),
    "anthropic": Provider(
        "anthropic",
        "api.anthropic.com",
        ("ANTHROPIC_API_KEY",),
        ("ANTHROPIC_API_BASE", "ANTHROPIC_BASE_URL"),
        ("claude-",),
    ),
    # No family: LiteLLM takes a bare gemini-… to Vertex AI, another service with other keys.
    "gemini": Provider(
        "gemini",
        "generativelanguage.googleapis.com",
        ("GOOGLE_API_KEY", "GEMINI_API_KEY"),
        ("GEMINI_API_BASE",),
    ),
    "openrouter": Provider(
        "openrouter", "openrouter.ai", ("OPENROUTER_API_KEY",), ("OPENROUTER_API_BASE",)
    ),
    "xai": Provider("xai", "api.x.ai", ("XAI_API_KEY",), ("XAI_API_BASE",)),
    "groq": Provider("groq", "api.groq.com", ("GROQ_API_KEY",), ("GROQ_API_BASE",)),
    "mistral": Provider("mistral", "api.mistral.ai", ("MISTRAL_API_KEY",), ("MISTRAL_API_BASE",)),
    "deepseek": Provider(
        "deepseek", "api.deepseek.com", ("DEEPSEEK_API_KEY",), ("DEEPSEEK_API_BASE",)
    ),
    # LiteLLM's `ollama` wraps the prompt in "### User:"; `ollama_chat` sends it as it is.
    "ollama": Provider("ollama_chat", "localhost", (), ("OLLAMA_API_BASE",)),
}
ALIASES: Mapping[str, str] = {"google": "gemini"}

KEY_NAMES = frozenset(name for provider in PROVIDERS.values() for name in provider.keys)
ENDPOINT_NAMES = frozenset(name for provider in PROVIDERS.values() for name in provider.endpoints)
DOTENV_NAMES = KEY_NAMES | ENDPOINT_NAMES

# A name that says what it holds: a value that outsiders can choose, such as the
# title of a pull request in CI, must never make their URL one "of the environment".
_ENDPOINT_ENDS = ("_API_BASE", "_BASE_URL")

# Deliberately narrow: parsers disagree about `\`, `@` and blanks in a URL, and
# what is not understood here is simply nobody's own endpoint.
_URL = r"(?i)(https?)://(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::\d{1,5})?(?:/[^\s\\@]*)?"


@frozen
class Route:
    """Where ``name``, as people wrote it, is called.

    ``model`` is LiteLLM's string. ``provider`` is a name of the table, else
    what was written before the model, or empty where only LiteLLM can tell.
    ``needs`` names the variables that would serve where a key is missing.
    """

    name: str
    model: str
    provider: str
    api_base: str | None = None
    api_key: str | None = field(default=None, repr=False)
    key_name: str = ""
    needs: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def login(self) -> str:
        """How to give the key that is missing or was refused."""
        names = self.needs or (self.key_name,)
        if self.provider in PROVIDERS and set(names) & {"", *PROVIDERS[self.provider].keys}:
            return f"aethr auth login {self.provider}"
        return f"set {' or '.join(filter(None, names)) or 'its key'} in the environment"


def split(name: str) -> tuple[str, str]:
    """Split a name into provider and model: ``google:a/b`` -> ``gemini``, ``a/b``.

    The provider of a bare name is that of its family, or empty.
    """
    match = None if name.startswith("ft:") else re.search("[:/]", name)
    if match:
        written = name[: match.start()]
        return ALIASES.get(written, written), name[match.end() :]
    families = (own for own, entry in PROVIDERS.items() if name.startswith(entry.families))
    return next(families, ""), name


def model_for(workflow: Workflow, step: Step, instead: str | None) -> ModelRef | None:
    """Give the model of a step's role; ``instead`` (AETHR_MODEL) replaces it, parameters too."""
    ref = workflow.models.get(step.role)
    return ModelRef(instead) if ref and instead else ref


def unknown_providers(workflow: Workflow) -> list[str]:
    """Warn of the models whose key nobody can check; agents know providers of their own."""
    roles = dict.fromkeys(step.role for step in workflow.steps if step.backend == "model")
    refs = [workflow.models[role] for role in roles if role in workflow.models]
    names = dict.fromkeys(choice.name for ref in refs for choice in with_fallbacks(ref))
    return list(filter(None, map(unchecked, names)))


def unchecked(name: str) -> str:
    """Warn of a model whose provider is not in the table; empty where there is nothing to say."""
    provider, _ = split(name)
    if provider in PROVIDERS:
        return ""
    what = f"the provider `{provider}`" if provider else "its provider"
    return f"{name}: {what} is not in Aethr's table, so its key is not checked"


def with_fallbacks(ref: ModelRef) -> list[ModelRef]:
    """List a model and its fallbacks, which take over its parameters but not endpoint and key."""
    shared = replace(ref, fallbacks=(), api_base=None, api_key_env=None)
    return [ref, *(replace(shared, name=name) for name in ref.fallbacks)]


def resolve(ref: ModelRef, environ: Mapping[str, str], dotenv: Mapping[str, str]) -> Route:
    """Decide endpoint and key. ``environ`` is the real environment, ``dotenv`` the project's file.

    Raises UsageError for a name without a model, and for an endpoint that
    would be sent what only the environment's owner may give away.
    """
    provider, rest = split(ref.name)
    if not rest or (not provider and rest != ref.name):
        raise UsageError(f"`{ref.name}` is no model name", "write provider:model")
    if provider not in PROVIDERS:
        return _outside(ref, provider, rest, environ)
    entry = PROVIDERS[provider]
    base = ref.api_base or _first(entry.endpoints, environ, dotenv)[1] or None
    own = base is None or _is_at(base, entry.host)
    names = (ref.api_key_env,) if ref.api_key_env else entry.keys
    if own or _is_trusted(base or "", environ):
        warnings: tuple[str, ...] = ()
        key_name, key = _first(names, environ, dotenv)
    else:
        warnings = _withheld(ref.name, provider, names, base, environ)
        empty = {name: "" for name in names if environ.get(name) == ""}
        key_name, key = _first(names, empty, dotenv)
    return Route(
        name=ref.name,
        model=rest if rest == ref.name else f"{entry.prefix}/{rest}",
        provider=provider,
        api_base=base,
        api_key=key or None,
        key_name=key_name,
        needs=names if own and not key else (),
        warnings=warnings,
    )


def _withheld(
    model: str, provider: str, names: tuple[str, ...], base: str | None, environ: Mapping[str, str]
) -> tuple[str, ...]:
    """Say which keys of the environment a stranger's endpoint does not get."""
    if provider == "openai" and environ.get("OPENAI_CUSTOM_HEADERS"):
        # The OpenAI SDK adds them to every request (openai 2.54, _client.py).
        raise UsageError(
            f"{model}: OPENAI_CUSTOM_HEADERS of the environment would be sent to {base},"
            " which the environment does not name",
            "unset it for this run, or export OPENAI_BASE_URL with that URL",
        )
    return tuple(
        f"{model}: {name} of the environment is not sent to {base},"
        " which the environment does not name"
        for name in names
        if environ.get(name)
    )


def _outside(ref: ModelRef, provider: str, rest: str, environ: Mapping[str, str]) -> Route:
    """Leave key and endpoint to LiteLLM, which reads the real environment only."""
    # Some of its providers take a URL for a model and send the environment's key there.
    base = rest if "://" in rest else ref.api_base
    if base and not _is_trusted(base, environ):
        raise UsageError(
            f"{ref.name}: LiteLLM could send credentials of the environment to {base},"
            " which the environment does not name",
            "write openai:MODEL if the server speaks OpenAI's protocol,"
            " or export the URL as the provider's …_API_BASE",
        )
    names = (ref.api_key_env,) if ref.api_key_env else ()
    key_name, key = _first(names, environ, {})
    return Route(
        name=ref.name,
        model=f"{provider}/{rest}" if provider else rest,
        provider=provider,
        api_base=ref.api_base,
        api_key=key or None,
        key_name=key_name,
        needs=() if key or base else names,
        warnings=(unchecked(ref.name),),
    )


def _first(
    names: tuple[str, ...], environ: Mapping[str, str], dotenv: Mapping[str, str]
) -> tuple[str, str]:
    """Find the first variable that is set, and its value; the environment hides, even empty."""
    visible = {name: value for name, value in dotenv.items() if name not in environ}
    places = ((name, place.get(name, "")) for place in (environ, visible) for name in names)
    return next(((name, value) for name, value in places if value), ("", ""))


def _is_at(url: str, host: str) -> bool:
    match = re.fullmatch(_URL, url)
    return match is not None and (match[1].lower(), match[2].lower()) == ("https", host)


def _is_trusted(url: str, environ: Mapping[str, str]) -> bool:
    """Whether a URL is on this machine, or one that the real environment sets."""
    named = (value for name, value in environ.items() if name.endswith(_ENDPOINT_ENDS))
    return _is_loopback(url) or url.rstrip("/") in {value.rstrip("/") for value in named}


def _is_loopback(url: str) -> bool:
    from ipaddress import ip_address

    match = re.fullmatch(_URL, url)
    host = match[2].strip("[]").lower() if match else ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
