"""What stands between us and a model: gateways, redirects, proxies, names, certificates.

Real LiteLLM against servers on loopback; each failure is one line that tells the truth.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from aethr.backends import proxy
from aethr.backends.failures import mask
from aethr.backends.model import ModelBackend
from aethr.errors import StepFailed
from aethr.results import Call, Usage
from aethr.routing import Route
from aethr.settings import Settings
from aethr.workflow import ModelRef
from tests.support.live import live
from tests.support.llm_script import Reply, anthropic, openai, refusal, said
from tests.support.llm_server import LLMServer, closed_port
from tests.support.output import Heard
from tests.test_model_backend import KEY, STEP, Protocol, ask, both, fail
from tests.test_model_process import python

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.support.cli import Shell

CERTIFICATE = Path(__file__).parents[1] / "support" / "loopback.pem"  # for 127.0.0.1, until 2126

FLOW = """\
workflow: one
roles: {asker: Ask.}
models: {asker: "openai:gpt-4o-mini"}
steps: [{id: ask, role: asker}]
"""
PAGE = f"""<!DOCTYPE html>
<html><head><style>{"a {color: red}" * 1500}</style><title>502 Bad&nbsp;Gateway
</title></head><body><h1>502</h1><hr>nginx</body></html>"""
UNTITLED = "<html><!-- x --><script>if (a < b) go()</script><h1>Bad &amp; sad</h1><p>day</p>"
BODIES = {
    "a page of 20 KB": (PAGE, "502 Bad Gateway"),
    "a page without a title": (UNTITLED, "Bad & sad"),
    "a page that never ends": ("<title" * 10_000, "<title" * 33 + "<…"),
    "Chinese": ('{"error": {"message": "上游负载已饱和"}}', "上游负载已饱和"),
    "nothing": ("", ""),
    "blanks": (" \n", ""),
    "a long word": ("x" * 100_000, "x" * 199 + "…"),
    "plain text": ("upstream connect error\nreset reason", "upstream connect error"),
    "an error that is a string": ('{"error": "model is loading"}', "model is loading"),
    "a list of them": ('[{"error": {"message": "Renew it."}}]', "Renew it."),
    "FastAPI's details": ('{"detail": [{"loc": ["x"], "msg": "is required"}]}', "is required"),
    "other JSON": ('{"ok": false}', '{"ok": false}'),
    "deep JSON": ("[" * 100_000, "[" * 199 + "…"),
    "a word in brackets": ('{"error": {"message": "no <model> here"}}', "no <model> here"),
    "an echo of the prompt": (
        json.dumps({"error": {"message": "Bad field"}, "input": "insufficient_quota " * 5000}),
        "Bad field",
    ),
}


@pytest.mark.fault("explicit", "an error body in no known form", "HTML, 20 KB, Chinese, empty, …")
@both
@pytest.mark.parametrize(("body", "line"), BODIES.values(), ids=BODIES)
def test_a_body_is_one_line(protocol: Protocol, body: str, line: str) -> None:
    with LLMServer(Reply(status=502, body=body, headers={"content-encoding": "gzip"})) as server:
        failure = fail(server, ModelRef(protocol.value, retries=0))
    assert failure.summary == f"502 from {protocol.provider}" + (f": {line}" if line else "")


@pytest.mark.parametrize(
    ("reply", "line", "again"),
    [
        (refusal(408, "Late"), "408 from {provider}: Late", True),
        (refusal(504, "Late"), "504 from {provider}: Late", True),
        (refusal(402, "Pay"), "the quota at {provider} is used up: Pay", False),
        (refusal(413, "Big"), "the prompt is too long for {model}: Big", False),
        # OpenAI's answer to one request over the limit of a minute: no wait can help.
        (
            refusal(429, "Request too large", "rate_limit_exceeded"),
            "the prompt is too long for {model}: Request too large",
            False,
        ),
        (
            refusal(400, "API key expired. Renew it."),
            "{provider} refused the key in {key}: API key expired. Renew it.",
            False,
        ),
        (refusal(500, "No module named 'x'"), "500 from {provider}: No module named 'x'", True),
        (refusal(407, "Log in"), "the proxy refused the call to {url}: Log in", False),
    ],
    ids=lambda value: str(value.status) if isinstance(value, Reply) else "",
)
@pytest.mark.fault("explicit", "a status that LiteLLM takes for another", "402, 407, 408, 413, …")
@both
def test_the_status_is_the_servers(
    protocol: Protocol, reply: Reply, line: str, again: bool
) -> None:  # fmt: skip
    with LLMServer(*[reply] * (1 + again)) as server:
        heard = Heard()
        failure = fail(server, ModelRef(protocol.value, retries=1), heard)
        url = server.url if protocol is Protocol.OPENAI else server.root
    words = {"provider": protocol.provider, "model": protocol.value, "key": protocol.key_name}
    assert failure.summary == line.format(**words, url=url)
    assert len(heard.slept) == again


@pytest.mark.fault("nothing leaked", "a redirect to another host", "301, 302, 303, 307 and 308")
@both
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(protocol: Protocol, status: int) -> None:
    with LLMServer() as elsewhere:
        location = f"http://localhost:{elsewhere.port}/v1/x"
        with LLMServer(Reply(status=status, headers={"location": location})) as server:
            failure = fail(server, ModelRef(protocol.value))
            url = server.url if protocol is Protocol.OPENAI else server.root
    assert elsewhere.requests == []
    assert failure.summary == (
        f"{status} from {url}: a redirect, which is not followed: {location}"
    )
    assert (
        failure.hint
        == "name the new address as the endpoint: a key goes only where it is meant to go"
    )


def events(protocol: Protocol, reply: Reply) -> list[str]:
    asked = {"model": "m", "stream_options": {"include_usage": True}}
    return list((openai if protocol is Protocol.OPENAI else anthropic)(reply, asked))


EMPTY = 'data: {"id": "x", "choices": []}\n\n'
FINE: Mapping[str, Callable[[list[str]], list[str]]] = {
    "CRLF": lambda sent: [event.replace("\n", "\r\n") for event in sent],
    "comments": lambda sent: [f": PROCESSING\n\n{event}:\n\n" for event in sent],
    "no blank behind the colon": lambda sent: [event.replace("data: ", "data:") for event in sent],
    "ids and retries": lambda sent: [f"id: 7\nretry: 3\n{event}" for event in sent],
    "a byte order mark": lambda sent: ["\ufeff", *sent],
    "lines of 1 MB": lambda sent: [": " + "x" * 1_000_000 + "\n\n", *sent],
}


@both
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("change", FINE.values(), ids=FINE)
def test_a_stream_in_another_dress_is_whole(
    protocol: Protocol, change: Callable[[list[str]], list[str]], packed: bool
) -> None:  # fmt: skip
    text = "".join(change(events(protocol, Reply("grüße 🎈", usage=(7, 3, 0)))))
    headers = {"content-type": "text/event-stream"}
    headers |= {"content-encoding": "gzip"} if packed else {}
    with LLMServer(Reply(body=text, headers=headers)) as server:
        reply = ask(server, ModelRef(protocol.value))
    assert (reply.content, reply.usage.input_tokens, reply.usage.output_tokens) == (
        "grüße 🎈",
        7,
        3,
    )


@both
def test_an_answer_of_many_megabytes_is_whole(protocol: Protocol) -> None:
    text = "0123456789" * 300_000
    with LLMServer(said(text)) as server:
        assert ask(server, ModelRef(protocol.value)).content == text


def test_chunks_without_choices_are_no_end() -> None:
    sent = [EMPTY, *(event + EMPTY for event in events(Protocol.OPENAI, Reply("fine")))]
    body = Reply(body="".join(sent), headers={"content-type": "text/event-stream"})
    with LLMServer(body) as server:
        assert ask(server, ModelRef(Protocol.OPENAI.value)).content == "fine"


@both
def test_a_connection_that_the_server_closed_is_not_used_again(protocol: Protocol) -> None:
    with LLMServer(*[said("ok")] * 3) as server:
        for _ in range(3):
            assert ask(server, ModelRef(protocol.value, retries=0)).content == "ok"


@pytest.mark.fault("fail closed", "reasoning and then no answer", "both protocols")
@both
def test_reasoning_alone_is_no_answer(protocol: Protocol) -> None:
    with LLMServer(Reply("", reasoning="let me see")) as server:
        failure = fail(server, ModelRef(protocol.value))
    assert failure.summary == "the model gave an empty answer"


LATE = '{"type": "error", "error": {"message": "no"}}'


@pytest.mark.fault("fail closed", "a lost piece in mid-stream", "a chunk that can't be read")
@both
@pytest.mark.parametrize("piece", ['{"id": "x', "oops", "[]", LATE])
def test_a_piece_that_is_lost_is_never_a_whole_answer(protocol: Protocol, piece: str) -> None:
    sent = events(protocol, said("abcdefghi"))
    place = next(number for number, event in enumerate(sent) if "def" in event)
    sent[place] = f"data: {piece}\n\n"
    with LLMServer(
        Reply(body="".join(sent), headers={"content-type": "text/event-stream"})
    ) as server:
        failure = fail(server, ModelRef(protocol.value))
    assert failure.partial == "abc"


def test_halves_of_a_character_come_together_and_one_alone_is_replaced() -> None:
    def delta(text: str) -> str:
        choice = f'{{"index": 0, "delta": {{"content": "{text}"}}}}'
        return f'data: {{"id": "x", "choices": [{choice}]}}\n\n'

    _, *rest = events(Protocol.OPENAI, said(""))
    sent = [*map(delta, (r"a\ud83d", r"\ude00b", r"\ude00", r"\ud83d")), *rest]
    heard = Heard()
    whole = Reply(body="".join(sent), headers={"content-type": "text/event-stream"})
    with LLMServer(whole, said("ok")) as server:
        reply = ask(server, ModelRef(Protocol.OPENAI.value), heard)
        assert reply.content == "".join(heard.texts) == "a😀b\ufffd\ufffd"
        ask(server, ModelRef(Protocol.OPENAI.value), prompt=reply.content)


def fail_at(base: str, protocol: Protocol, **more: str) -> StepFailed:
    """Fail at an endpoint that the environment names."""
    environ = {protocol.key_name: KEY, f"{protocol.name}_BASE_URL": base, **more}
    backend = ModelBackend(Settings(Path(), environ))
    model = ModelRef(protocol.value, retries=0)
    with pytest.raises(StepFailed) as caught:
        backend.answer(Call(STEP, "hi", model, Path()), Heard())
    return caught.value


@pytest.mark.fault("explicit", "a name that has no address", "a host under .invalid")
@both
def test_a_name_without_an_address(protocol: Protocol) -> None:
    base = "http://nowhere.invalid/v1"
    failure = fail_at(base, protocol)
    assert failure.summary.startswith(f"no address is known for {base}: ")
    assert failure.hint == "check the network, and the spelling of the endpoint"


@pytest.mark.fault("explicit", "a proxy that is not there", "HTTP_PROXY names a closed port")
@both
def test_a_failed_connection_names_the_proxy_on_the_way(protocol: Protocol) -> None:
    base = f"http://127.0.0.1:{closed_port()}"
    failure = fail_at(base, protocol, HTTP_PROXY="http://user:secret@127.0.0.1:9")
    assert failure.hint == "check the network, and that the server runs; HTTP_PROXY names a proxy"


@both
def test_an_endpoint_that_is_no_url(protocol: Protocol) -> None:
    failure = fail_at("localhost:11434/v1", protocol)
    assert failure.summary.startswith("the endpoint localhost:11434/v1 is no URL")
    assert failure.hint == "write it with http:// or https://"


@pytest.mark.fault("explicit", "a certificate that nobody signed", "a real HTTPS server")
@both
def test_a_certificate_that_nobody_signed(protocol: Protocol) -> None:
    with LLMServer(certificate=CERTIFICATE) as server:
        failure = fail_at(server.root, protocol)
    assert failure.summary.startswith(
        f"no secure connection to {server.root}: certificate verify failed: self-signed certificate"
    )
    assert failure.hint == (
        "an authority of your own goes into SSL_CERT_FILE; a server without TLS is http://…"
    )


@pytest.mark.fault("explicit", "https to a server that speaks http", "a real HTTP server")
@both
def test_https_to_a_server_that_speaks_http(protocol: Protocol) -> None:
    with LLMServer() as server:
        base = f"https://127.0.0.1:{server.port}"
        summary = fail_at(base, protocol).summary
    assert summary.startswith(f"no secure connection to {base}: ")


@pytest.mark.fault("nothing leaked", "a key that can't be sent", "a line's end, a letter with dots")
@pytest.mark.parametrize("key", [f"{KEY}\r", f"{KEY}\n", f"{KEY}-ü"])
def test_a_key_that_can_not_be_sent_is_not_shown(key: str) -> None:
    with LLMServer() as server:
        heard = Heard()
        environ = {"OPENAI_API_KEY": key, "OPENAI_BASE_URL": server.url}
        backend = ModelBackend(Settings(Path(), environ))
        call = Call(STEP, "hi", ModelRef(Protocol.OPENAI.value), Path())
        with pytest.raises(StepFailed) as caught:
            backend.answer(call, heard)
    assert caught.value.summary == (
        "the key in OPENAI_API_KEY can't be sent: it holds a character that no key has"
    )
    assert caught.value.hint == "aethr auth login openai"
    assert KEY not in "".join(heard.raws)


def test_an_authority_of_ones_own_and_a_proxy_that_refuses() -> None:
    names = [protocol.value for protocol in Protocol]
    argv = ("-m", "tests.support.ask")
    with LLMServer(*[said("fine")] * 2, certificate=CERTIFICATE) as server:
        trusted = python(*argv, server.root, *names, environ={"SSL_CERT_FILE": str(CERTIFICATE)})
        assert trusted.communicate() == ("fine\nfine\n", "")
    with LLMServer() as refusing:
        proxied = {"HTTPS_PROXY": refusing.root}
        out, err = python(*argv, "https://127.0.0.1:1", *names, environ=proxied).communicate()
    line = "error: the proxy refused the call to https://127.0.0.1:1: 407 Proxy Authentication"
    assert [found.startswith(line) for found in out.splitlines()[::2]] == [True, True]
    assert err == ""


ROUTE = Route("x", "x", "openai", api_key="sk-abcdef-123456", key_name="K")


@pytest.mark.parametrize(
    ("said_of_it", "shown"),
    [
        ("key sk-abcdef-123456!", "key [masked K]!"),
        ("key sk-ab*****3456.", "key [masked K]."),
        ("key sk-...3456", "key [masked K]"),
        ("key sk-abcd…", "key [masked K]"),
        ("key ******3456", "key [masked K]"),
        ("wait ... and see 6", "wait ... and see 6"),
        ("**bold** and mask***", "**bold** and mask***"),
        ("another, sk-zz*****9999", "another, sk-zz*****9999"),
    ],
)
def test_a_key_is_masked_also_where_only_its_ends_are_shown(said_of_it: str, shown: str) -> None:
    assert mask(said_of_it, ROUTE) == shown


@pytest.mark.parametrize(
    ("base", "environ", "name"),
    [
        (None, {"HTTPS_PROXY": "x"}, "HTTPS_PROXY"),
        (None, {"https_proxy": "x"}, "https_proxy"),
        (None, {"ALL_PROXY": "x", "HTTP_PROXY": "x"}, "ALL_PROXY"),
        (None, {"HTTPS_PROXY": ""}, ""),
        (None, {"HTTPS_PROXY": "x", "NO_PROXY": "a.com, openai.com"}, ""),
        (None, {"HTTPS_PROXY": "x", "NO_PROXY": "*"}, ""),
        (None, {"HTTPS_PROXY": "x", "no_proxy": "ai.com"}, "HTTPS_PROXY"),
        ("http://[::1]:8/v1", {"HTTPS_PROXY": "x", "HTTP_PROXY": "x"}, "HTTP_PROXY"),
        ("localhost:8", {"HTTP_PROXY": "x"}, ""),
    ],
)
def test_the_proxy_on_the_way(base: str | None, environ: dict[str, str], name: str) -> None:
    assert proxy.variable(replace(ROUTE, api_base=base), environ) == name


def test_what_a_refused_call_cost_is_not_made_up() -> None:
    # A result holds what its last call used; the refused ones are the limits' business.
    with LLMServer(refusal(503, "Busy"), Reply("ok", usage=None)) as server:
        assert ask(server, ModelRef(Protocol.OPENAI.value)).usage == Usage(None, None, None)


@pytest.mark.fault("explicit", "SSL_CERT_FILE names no certificate", "LiteLLM fails to load")
def test_a_file_of_authorities_that_is_none(shell: Shell) -> None:
    shell.write({".aethr.yaml": FLOW})
    with LLMServer() as server:
        failed = shell.aethr("run", "go", **live(server), SSL_CERT_FILE=__file__)
    assert failed.code == 1
    assert "\nerror: step `ask` failed: LiteLLM can't be loaded: " in failed.err
    assert "\nhint: check its installation (pip check), and SSL_CERT_FILE if " in failed.err
    assert "Traceback" not in failed.err
