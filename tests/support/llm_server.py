"""A model provider on loopback that says what a script tells it to, and writes down what it heard.

It speaks the OpenAI chat-completions protocol (streamed and plain, with tool
calls) and the Anthropic messages protocol (streamed), told apart by the path.
In a test it is a context manager; at a command line it is a process::

    python -m tests.support.llm_server --script FILE --port-file FILE --record FILE

where the script is a JSON list of replies (the fields of ``Reply``) and the
record gets one JSON line a request.
"""

from __future__ import annotations

import argparse
import gzip
import json
import socket
import ssl
import struct
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from aethr.text import count
from tests.support.llm_script import Fault, Reply, anthropic, openai, openai_plain, refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def closed_port() -> int:
    """Find a port of this machine that refuses connections."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class Request:
    """What a client sent; header names are in lower case."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def prompt(self) -> str:
        """The text of its one message, which must be the user's."""
        (message,) = self.body["messages"]
        assert message["role"] == "user"
        content = message["content"]
        if isinstance(content, str):
            return content
        (part,) = content
        return str(part["text"])


class LLMServer:
    """The server: ``requests`` is what it heard, ``url`` its OpenAI base, ``root`` Anthropic's.

    A request beyond the script is answered with 418 and fails the ``with`` block.
    With a ``certificate`` (a PEM file that holds its key too) it speaks HTTPS.
    """

    def __init__(
        self, *replies: Reply, record: Path | None = None, certificate: Path | None = None
    ) -> None:
        self.requests: list[Request] = []
        self.arrivals: list[float] = []  # when each came, in seconds of time.monotonic
        self.unexpected = 0
        self.closing = threading.Event()
        self._script = iter(replies)
        self._record = record
        self._arrived = threading.Condition()
        self._http = _Http(("127.0.0.1", 0), _Handler)
        self._http.llm = self
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        self.root = f"{'https' if certificate else 'http'}://127.0.0.1:{self.port}"
        self.url = f"{self.root}/v1"

    @property
    def port(self) -> int:
        return self._http.server_address[1]

    @property
    def prompts(self) -> list[str]:
        return [request.prompt for request in self.requests]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
        if kind is None:
            assert not self.unexpected, (
                f"{count(self.unexpected, 'request')} more than the script has"
            )

    def wait_for(self, count: int) -> None:
        """Wait until so many requests have come; a minute is far more than any needs."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.requests) >= count, timeout=60)

    def take(self, request: Request) -> Reply:
        """Write a request down and choose its reply."""
        with self._arrived:
            self.requests.append(request)
            self.arrivals.append(time.monotonic())
            self._arrived.notify_all()
            if self._record:
                with self._record.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(request)) + "\n")
            reply = next(self._script, None)
            if reply is None:
                self.unexpected += 1
        return reply or refusal(418, "the test's script has no reply for this request")


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    llm: LLMServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent: a client that goes away is what many tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # what was sent before a connection is cut has arrived
    server: _Http

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Write no access log."""

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        body = json.loads(self.rfile.read(length) or b"{}")
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.server.llm.take(Request(self.path, headers, body))
        self.close_connection = True
        if reply.fault is Fault.HANG:
            self.server.llm.closing.wait()
        elif reply.fault is not Fault.CLOSE:
            self._send(reply, body)

    def do_GET(self) -> None:
        self.send_error(404)

    def do_CONNECT(self) -> None:
        """Refuse to be a proxy."""
        self.send_error(407)

    def _send(self, reply: Reply, body: Mapping[str, Any]) -> None:
        if reply.body or reply.status != 200:
            self._whole(reply.status, reply.body, {**reply.headers})
        elif self.path.endswith("/messages"):
            self._streamed(reply, anthropic(reply, body))
        elif body.get("stream"):
            self._streamed(reply, openai(reply, body))
        else:
            self._whole(200, json.dumps(openai_plain(reply, body)), {})

    def _whole(self, status: int, text: str, headers: Mapping[str, str]) -> None:
        data = text.encode()
        if headers.get("content-encoding") == "gzip":
            data = gzip.compress(data)
        self.send_response_only(status)
        usual = {"content-type": "application/json", "date": self.date_time_string()}
        for name, value in {**usual, **headers}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _streamed(self, reply: Reply, events: Iterator[str]) -> None:
        """Send events in HTTP chunks, so that a missing end is a broken one."""
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for event in events:
            self._chunk(event)
        match reply.fault:
            case Fault.STALL:
                self.server.llm.closing.wait()
            case Fault.PINGS:
                while not self.server.llm.closing.wait(0.02):
                    self._chunk(": ping\n\n")
            case Fault.CUT:
                # Linger 0 makes close() a reset, as a dying server or proxy does.
                linger = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self.connection.close()
            case _:
                self.wfile.write(b"0\r\n\r\n")

    def _chunk(self, text: str) -> None:
        data = text.encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()


def main() -> None:
    """Serve a script from a file until the process is ended; see the module's text."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.llm_server")
    parser.add_argument("--script", type=Path, required=True)
    parser.add_argument("--port-file", type=Path, required=True)
    parser.add_argument("--record", type=Path)
    options = parser.parse_args()
    script = [Reply.parse(entry) for entry in json.loads(options.script.read_text("utf-8"))]
    with LLMServer(*script, record=options.record) as server, suppress(KeyboardInterrupt):
        # Renamed into place, so that a reader never sees half a number.
        half = options.port_file.with_suffix(".part")
        half.write_text(str(server.port))
        half.replace(options.port_file)
        server.closing.wait()


if __name__ == "__main__":
    main()
