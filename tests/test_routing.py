"""Which model is called where, and whose key goes along."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aethr import routing
from aethr.errors import UsageError
from aethr.routing import PROVIDERS, Route, resolve, split
from aethr.workflow import ModelRef, Step, Workflow

KEY = "sk-of-the-environment"
FILE_KEY = "sk-of-the-file"
STRANGER = "https://models.example.com/v1"


def route(
    name: str = "openai:gpt-4o-mini",
    *,
    environ: dict[str, str] | None = None,
    dotenv: dict[str, str] | None = None,
    api_base: str | None = None,
    api_key_env: str | None = None,
) -> Route:
    ref = ModelRef(name, api_base=api_base, api_key_env=api_key_env)
    return resolve(ref, environ or {}, dotenv or {})


class TestNames:
    @pytest.mark.parametrize(
        ("written", "provider", "model"),
        [
            ("openai:gpt-4o-mini", "openai", "openai/gpt-4o-mini"),
            ("openai/gpt-4o-mini", "openai", "openai/gpt-4o-mini"),
            ("anthropic:claude-sonnet-4-5", "anthropic", "anthropic/claude-sonnet-4-5"),
            ("google:gemini-2.5-pro", "gemini", "gemini/gemini-2.5-pro"),
            ("gemini/gemini-2.5-pro", "gemini", "gemini/gemini-2.5-pro"),
            ("ollama:llama3:8b", "ollama", "ollama_chat/llama3:8b"),
            ("openrouter/a/b:free", "openrouter", "openrouter/a/b:free"),
            ("openrouter:a/b:free", "openrouter", "openrouter/a/b:free"),
            ("groq:openai/gpt-oss-120b", "groq", "groq/openai/gpt-oss-120b"),
            ("ft:gpt-4o-mini:org::id", "openai", "ft:gpt-4o-mini:org::id"),
            ("openai:ft:gpt-4o-mini:org::id", "openai", "openai/ft:gpt-4o-mini:org::id"),
            ("gpt-4o-mini", "openai", "gpt-4o-mini"),
            ("o3-mini", "openai", "o3-mini"),
            ("claude-sonnet-4-5", "anthropic", "claude-sonnet-4-5"),
            ("gemini-2.5-pro", "", "gemini-2.5-pro"),  # LiteLLM: Vertex AI
            ("command-r", "", "command-r"),
            ("cohere:command-r", "cohere", "cohere/command-r"),
            ("together_ai/a/b", "together_ai", "together_ai/a/b"),
        ],
    )
    def test_a_name_as_people_write_it(self, written: str, provider: str, model: str) -> None:
        found = route(written)
        assert (found.name, found.provider, found.model) == (written, provider, model)

    @pytest.mark.parametrize("name", ["", "openai:", "openai/", ":gpt-4o", "/gpt-4o", ":"])
    def test_a_name_without_a_model_is_an_error(self, name: str) -> None:
        with pytest.raises(UsageError, match=f"^`{name}` is no model name$"):
            route(name)

    @given(st.sampled_from(sorted(PROVIDERS)), st.text(min_size=1))
    def test_colon_and_slash_mean_the_same(self, provider: str, rest: str) -> None:
        assert split(f"{provider}:{rest}") == split(f"{provider}/{rest}") == (provider, rest)

    def test_only_a_provider_outside_the_table_is_warned_of(self) -> None:
        for name in ("gpt-4o", "google:x", *(f"{provider}:x" for provider in PROVIDERS)):
            assert not routing.unchecked(name)
        assert "cohere:x: the provider `cohere` is not in" in routing.unchecked("cohere:x")
        assert "command-r: its provider is not" in routing.unchecked("command-r")


class TestKeys:
    @pytest.mark.parametrize(
        ("name", "variables"),
        [
            ("openai:x", ["OPENAI_API_KEY"]),
            ("anthropic:x", ["ANTHROPIC_API_KEY"]),
            ("google:x", ["GOOGLE_API_KEY", "GEMINI_API_KEY"]),
            ("openrouter:x", ["OPENROUTER_API_KEY"]),
            ("xai:x", ["XAI_API_KEY"]),
            ("groq:x", ["GROQ_API_KEY"]),
            ("mistral:x", ["MISTRAL_API_KEY"]),
            ("deepseek:x", ["DEEPSEEK_API_KEY"]),
            ("gpt-4o", ["OPENAI_API_KEY"]),
            ("claude-opus-4-1", ["ANTHROPIC_API_KEY"]),
        ],
    )
    def test_each_provider_has_its_variables(self, name: str, variables: list[str]) -> None:
        assert route(name).needs == tuple(variables)
        for variable in variables:
            found = route(name, environ={variable: KEY})
            assert (found.api_key, found.key_name, found.needs) == (KEY, variable, ())
            assert route(name, dotenv={variable: FILE_KEY}).api_key == FILE_KEY

    def test_ollama_needs_none(self) -> None:
        assert route("ollama:llama3").needs == ()

    def test_google_wins_over_gemini(self) -> None:
        both = {"GEMINI_API_KEY": "two", "GOOGLE_API_KEY": "one"}
        assert route("google:x", environ=both).api_key == "one"

    def test_the_environment_beats_the_file(self) -> None:
        both = route(environ={"OPENAI_API_KEY": KEY}, dotenv={"OPENAI_API_KEY": FILE_KEY})
        assert both.api_key == KEY

    def test_any_of_its_keys_beats_any_of_the_file(self) -> None:
        found = route(
            "google:x", environ={"GEMINI_API_KEY": KEY}, dotenv={"GOOGLE_API_KEY": FILE_KEY}
        )
        assert found.api_key == KEY

    def test_an_empty_variable_is_unset_and_still_beats_the_file(self) -> None:
        found = route(environ={"OPENAI_API_KEY": ""}, dotenv={"OPENAI_API_KEY": FILE_KEY})
        assert (found.api_key, found.needs) == (None, ("OPENAI_API_KEY",))

    def test_a_named_variable_replaces_the_providers(self) -> None:
        environ = {"OPENAI_API_KEY": KEY, "WORK_KEY": "sk-work"}
        assert route(environ=environ, api_key_env="WORK_KEY").api_key == "sk-work"
        missing = route(environ={"OPENAI_API_KEY": KEY}, api_key_env="WORK_KEY")
        assert (missing.needs, missing.login) == (("WORK_KEY",), "set WORK_KEY in the environment")

    def test_a_missing_key_says_how_to_give_it(self) -> None:
        assert route("google:x").login == "aethr auth login gemini"

    def test_a_key_stands_in_no_repr(self) -> None:
        assert KEY not in repr(route(environ={"OPENAI_API_KEY": KEY}))


class TestEndpoints:
    @pytest.mark.parametrize(
        ("name", "variable"),
        [
            ("openai:x", "OPENAI_BASE_URL"),
            ("openai:x", "OPENAI_API_BASE"),
            ("anthropic:x", "ANTHROPIC_API_BASE"),
            ("anthropic:x", "ANTHROPIC_BASE_URL"),
            ("google:x", "GEMINI_API_BASE"),
            ("openrouter:x", "OPENROUTER_API_BASE"),
            ("xai:x", "XAI_API_BASE"),
            ("groq:x", "GROQ_API_BASE"),
            ("mistral:x", "MISTRAL_API_BASE"),
            ("deepseek:x", "DEEPSEEK_API_BASE"),
            ("ollama:x", "OLLAMA_API_BASE"),
        ],
    )
    def test_each_provider_has_its_variables(self, name: str, variable: str) -> None:
        assert route(name, environ={variable: STRANGER}).api_base == STRANGER
        assert route(name, dotenv={variable: STRANGER}).api_base == STRANGER
        assert variable in routing.DOTENV_NAMES

    def test_the_workflow_beats_the_environment_beats_the_file(self) -> None:
        environ, dotenv = {"OPENAI_BASE_URL": "https://b"}, {"OPENAI_BASE_URL": "https://c"}
        assert route(environ=environ, dotenv=dotenv, api_base="https://a").api_base == "https://a"
        assert route(environ=environ, dotenv=dotenv).api_base == "https://b"
        assert route(dotenv=dotenv).api_base == "https://c"
        assert route(environ={"OPENAI_BASE_URL": ""}, dotenv=dotenv).api_base is None

    def test_an_endpoint_of_ones_own_needs_no_key(self) -> None:
        assert route(api_base="http://gpu:8000/v1").needs == ()
        assert route(environ={"OPENAI_BASE_URL": "http://gpu:8000/v1"}).needs == ()

    def test_the_providers_own_endpoint_needs_one_however_it_is_named(self) -> None:
        assert route(api_base="https://api.openai.com/v1").needs == ("OPENAI_API_KEY",)


SAFE = [
    "https://api.openai.com",
    "https://api.openai.com/v1",
    "https://API.OpenAI.com:443/v1",
    "http://localhost:8000/v1",
    "http://127.0.0.1:8000/v1",
    "http://127.9.9.9/v1",
    "http://[::1]:8000/v1",
]
UNSAFE = [
    STRANGER,
    "http://api.openai.com/v1",  # in the clear
    "https://api.openai.com.example.com/v1",
    "https://api.openai.com@example.com/v1",
    "https://example.com/@api.openai.com",
    "https://example.com\\@api.openai.com/v1",
    "https://example.com#@api.openai.com/v1",
    "https://api.openai.com:443@example.com/",
    "https://api.example.com/v1",
    "http://localhost.example.com/v1",
    "http://localhost@example.com/v1",
    "http://127.0.0.1.example.com/v1",
    "http://127.0.0.1@example.com/v1",
    "http://127.0.0.1:80@example.com/v1",
    "http://0.0.0.0:8000/v1",
    "http://[::]:8000/v1",
    "http://2130706433/v1",
    "//localhost/v1",
    "localhost:8000",
    " https://api.openai.com/v1",
]


class TestWhoseKeyGoesWhere:
    """A key of the real environment never goes where only a project's files point."""

    @pytest.mark.parametrize("url", SAFE)
    def test_home_and_this_machine_get_the_environments_key(self, url: str) -> None:
        environ = {"OPENAI_API_KEY": KEY}
        assert route(environ=environ, api_base=url).api_key == KEY
        assert route(environ=environ, dotenv={"OPENAI_BASE_URL": url}).api_key == KEY
        assert not route(environ=environ, api_base=url).warnings

    @pytest.mark.parametrize("url", UNSAFE)
    def test_a_strangers_endpoint_does_not_and_that_is_said(self, url: str) -> None:
        environ = {"OPENAI_API_KEY": KEY}
        for found in (
            route(environ=environ, api_base=url),
            route(environ=environ, dotenv={"OPENAI_BASE_URL": url}),
        ):
            assert (found.api_base, found.api_key, found.needs) == (url, None, ())
            (warning,) = found.warnings
            assert f": OPENAI_API_KEY of the environment is not sent to {url}, which" in warning

    def test_another_providers_endpoint_is_a_strangers(self) -> None:
        found = route(environ={"OPENAI_API_KEY": KEY}, api_base="https://api.anthropic.com/v1")
        assert found.api_key is None

    def test_a_strangers_endpoint_gets_the_key_of_its_own_file(self) -> None:
        dotenv = {"OPENAI_BASE_URL": STRANGER, "OPENAI_API_KEY": FILE_KEY}
        assert route(dotenv=dotenv).api_key == FILE_KEY
        both = route(environ={"OPENAI_API_KEY": KEY}, dotenv=dotenv)
        assert both.api_key == FILE_KEY
        assert "OPENAI_API_KEY of the environment is not sent" in both.warnings[0]

    def test_an_empty_variable_takes_the_files_key_away_too(self) -> None:
        dotenv = {"OPENAI_BASE_URL": STRANGER, "OPENAI_API_KEY": FILE_KEY}
        assert route(environ={"OPENAI_API_KEY": ""}, dotenv=dotenv).api_key is None

    @pytest.mark.parametrize("variable", ["OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "CORP_API_BASE"])
    def test_a_url_that_the_environment_sets_gets_its_key(self, variable: str) -> None:
        environ = {"OPENAI_API_KEY": KEY, variable: f"{STRANGER}/"}
        assert route(environ=environ, api_base=STRANGER).api_key == KEY

    def test_a_url_that_just_stands_in_the_environment_does_not(self) -> None:
        environ = {"OPENAI_API_KEY": KEY, "PULL_REQUEST_TITLE": STRANGER}
        assert route(environ=environ, api_base=STRANGER).api_key is None

    def test_a_variable_that_the_workflow_names_is_no_way_around(self) -> None:
        found = route(
            environ={"GITHUB_TOKEN": "ghp_secret"}, api_base=STRANGER, api_key_env="GITHUB_TOKEN"
        )
        assert found.api_key is None
        assert "GITHUB_TOKEN of the environment is not sent" in found.warnings[0]
        assert "ghp_secret" not in found.warnings[0]

    def test_headers_that_the_sdk_adds_on_its_own_are_no_way_around(self) -> None:
        environ = {"OPENAI_CUSTOM_HEADERS": "Authorization: Bearer secret"}
        with pytest.raises(
            UsageError, match=r"OPENAI_CUSTOM_HEADERS .* would be sent to https://mo"
        ):
            route(environ=environ, api_base=STRANGER)
        assert route(environ=environ, api_base="http://localhost/v1").api_base
        assert route("groq:x", environ=environ, api_base=STRANGER).api_base

    def test_a_provider_that_only_litellm_knows_goes_nowhere_else(self) -> None:
        for name, base in [
            ("azure:x", STRANGER),
            ("llama3", STRANGER),
            ("huggingface:https://models.example.com/x", None),
        ]:
            with pytest.raises(
                UsageError, match="could send credentials of the environment to htt"
            ):
                route(name, api_base=base)
        named = route("azure:x", environ={"AZURE_API_BASE": STRANGER}, api_base=STRANGER)
        assert named.api_base == STRANGER

    @pytest.mark.parametrize("provider", PROVIDERS)
    @pytest.mark.parametrize("named", [None, "GITHUB_TOKEN"])
    def test_no_provider_is_an_exception(self, provider: str, named: str | None) -> None:
        environ = dict.fromkeys([*routing.KEY_NAMES, "GITHUB_TOKEN"], KEY)
        for url in UNSAFE:
            found = route(f"{provider}:x", environ=environ, api_base=url, api_key_env=named)
            assert found.api_key is None


class TestProvidersOutsideTheTable:
    def test_key_and_endpoint_are_litellms_business(self) -> None:
        found = route("cohere:command-r", environ={"COHERE_API_KEY": KEY})
        assert (found.api_key, found.api_base, found.needs) == (None, None, ())
        assert "its key is not checked" in found.warnings[0]

    def test_a_variable_that_is_named_is_checked(self) -> None:
        found = route("cohere:x", environ={"WORK_KEY": KEY}, api_key_env="WORK_KEY")
        assert found.api_key == KEY
        missing = route("cohere:x", dotenv={"WORK_KEY": KEY}, api_key_env="WORK_KEY")
        assert (missing.api_key, missing.needs) == (None, ("WORK_KEY",))
        assert route("cohere:x", api_base="http://localhost", api_key_env="WORK_KEY").needs == ()


class TestRoles:
    step = Step("review", "reviewer")

    def workflow(self, **models: ModelRef) -> Workflow:
        steps = (self.step, Step("implement", "implementer", backend="opencode"))
        return Workflow("w", steps, {"reviewer": "", "implementer": ""}, models)

    def test_a_step_has_the_model_of_its_role(self) -> None:
        ref = ModelRef("openai:gpt-4o", temperature=0.5)
        assert routing.model_for(self.workflow(reviewer=ref), self.step, None) is ref

    def test_one_model_can_replace_it_with_all_its_parameters(self) -> None:
        ref = ModelRef("openai:gpt-4o", temperature=0.5, fallbacks=("groq:x",))
        chosen = routing.model_for(self.workflow(reviewer=ref), self.step, "anthropic:x")
        assert chosen == ModelRef("anthropic:x")

    def test_a_role_without_a_model_stays_without(self) -> None:
        assert routing.model_for(self.workflow(), self.step, "anthropic:x") is None

    def test_a_fallback_takes_over_parameters_but_not_endpoint_and_key(self) -> None:
        first = ModelRef(
            "openai:a", timeout=9, fallbacks=("groq:b",), api_base="http://x", api_key_env="KEY"
        )
        assert routing.with_fallbacks(first) == [first, ModelRef("groq:b", timeout=9)]

    def test_check_warns_of_models_outside_the_table_but_not_of_an_agents(self) -> None:
        workflow = self.workflow(
            reviewer=ModelRef("openai:a", fallbacks=("cohere:b",)),
            implementer=ModelRef("opencode/zen"),
        )
        (line,) = routing.unknown_providers(workflow)
        assert line.startswith("cohere:b: the provider `cohere` is not in")
