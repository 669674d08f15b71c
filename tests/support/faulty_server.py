"""An HTTP server on loopback that serves files well, or misbehaves as it is told: a fault for each request to come."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

Fault = Callable[["Handler", bytes], None]


class FaultyServer(ThreadingHTTPServer):
    """Serves `files`; each request takes the next of `faults`, and once they are used up all is well."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, files: dict[str, bytes], certificate: Path | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = files
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str | None]] = []  # path, Range
        self.go_on = threading.Event()
        self.certificate = certificate
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    @property
    def url(self) -> str:
        """The base URL."""
        return f"{'https' if self.certificate else 'http'}://localhost:{self.server_address[1]}"

    @property
    def ranges(self) -> list[str | None]:
        """The ranges that were asked for."""
        return [asked for _, asked in self.requests]

    def handle_error(self, *_: object) -> None:
        """Keep quiet: clients go away in these tests."""


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    server: FaultyServer

    def do_GET(self) -> None:
        name = unquote(self.path.lstrip("/"))
        self.server.requests.append((self.path, self.headers.get("Range")))
        fault = self.server.faults.pop(0) if self.server.faults else well
        content = self.server.files.get(name)
        if content is None:
            self.send_error(404)
        else:
            fault(self, content)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""

    def head(self, status: int, **headers: object) -> None:
        """Send a status and headers, whose names have underscores for dashes."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def offset(self) -> int:
        """Give where the asked range begins."""
        asked = self.headers.get("Range")
        return int(asked.removeprefix("bytes=").partition("-")[0]) if asked else 0

    def head_of(self, content: bytes) -> bytes:
        """Answer well so far; give what should follow."""
        if offset := self.offset():
            span = f"bytes {offset}-{len(content) - 1}/{len(content)}"
            self.head(206, Content_Length=len(content) - offset, Content_Range=span)
        else:
            self.head(200, Content_Length=len(content))
        return content[offset:]


def well(handler: Handler, content: bytes) -> None:
    handler.wfile.write(handler.head_of(content))


def whole(handler: Handler, content: bytes) -> None:
    """Know no ranges."""
    handler.head(200, Content_Length=len(content))
    handler.wfile.write(content)


def flipped_bit(handler: Handler, content: bytes) -> None:
    body = bytearray(handler.head_of(content))
    body[len(body) // 2] ^= 0x10
    handler.wfile.write(body)


def cut_short(handler: Handler, content: bytes) -> None:
    body = handler.head_of(content)
    handler.wfile.write(body[: len(body) // 2])


def cut_short_without_length(handler: Handler, content: bytes) -> None:
    handler.head(200)
    handler.wfile.write(content[: len(content) // 2])


def stalls(handler: Handler, content: bytes) -> None:
    """Send half, and the rest when the test lets it go on."""
    body = handler.head_of(content)
    handler.wfile.write(body[: len(body) // 2])
    handler.wfile.flush()
    if handler.server.go_on.wait(60):
        handler.wfile.write(body[len(body) // 2 :])


def drips(handler: Handler, content: bytes) -> None:
    for byte in handler.head_of(content):
        handler.wfile.write(bytes([byte]))
        handler.wfile.flush()
        if handler.server.go_on.wait(0.02):
            return


def drips_headers(handler: Handler, content: bytes) -> None:
    handler.wfile.write(b"HTTP/1.0 200 OK\r\nX-Long: ")
    while not handler.server.go_on.wait(0.02):
        handler.wfile.write(b"x")
        handler.wfile.flush()


def resets(handler: Handler, content: bytes) -> None:
    """Say nothing."""


def too_long(handler: Handler, content: bytes) -> None:
    handler.head(200, Content_Length=len(content) + 1)
    handler.wfile.write(content + b"x")


def too_short(handler: Handler, content: bytes) -> None:
    handler.head(200, Content_Length=len(content) - 1)
    handler.wfile.write(content[:-1])


def endless(handler: Handler, content: bytes) -> None:
    """Send the file, and then more until the client has had enough."""
    handler.head(200)
    handler.wfile.write(content)
    while not handler.server.go_on.is_set():
        handler.wfile.write(bytes(1 << 16))


def login_page(handler: Handler, content: bytes) -> None:
    handler.head(200, Content_Type="text/html; charset=utf-8", Content_Length=20)
    handler.wfile.write(b"<html>log in</html>\n")


def compressed(handler: Handler, content: bytes) -> None:
    handler.head(200, Content_Encoding="gzip", Content_Length=len(content))
    handler.wfile.write(content)


def other_range(handler: Handler, content: bytes) -> None:
    """Answer a range that was not asked for."""
    handler.head(206, Content_Length=len(content), Content_Range=f"bytes 0-{len(content) - 1}/{len(content)}")
    handler.wfile.write(content)


def no_such_range(handler: Handler, content: bytes) -> None:
    handler.head(416, Content_Range=f"bytes */{len(content)}")


def status(code: int, **headers: object) -> Fault:
    return lambda handler, _: handler.head(code, Content_Length=0, **headers)


def redirects(target: str, code: int = 302) -> Fault:
    return status(code, Location=target)


@contextmanager
def serving(files: dict[str, bytes], certificate: Path | None = None) -> Iterator[FaultyServer]:
    """Serve `files` while the block runs; with a `certificate` (and its key, in one PEM file) by https."""
    server = FaultyServer(files, certificate)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.go_on.set()
        server.shutdown()
        server.server_close()
        thread.join()
