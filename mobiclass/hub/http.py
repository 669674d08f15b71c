"""Read a file from a URL (http, https or file), from any offset, and tell transient errors from final ones.

It bounds what a server can do (time to answer, redirects, never from https to http) and translates the errors of
sockets, TLS and HTTP. It writes nothing, and does not judge what it reads.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import socket
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import IO, Any, Final

from mobiclass import __version__
from mobiclass.errors import DownloadError

SILENCE_SECONDS: Final = 30.0  # without a byte
ANSWER_SECONDS: Final = 60.0  # until the answer begins, redirects included
PACE_SECONDS: Final = 30.0  # over which the pace is measured …
PACE_BYTES_PER_SECOND: Final = 1000  # … that a server must keep

_BLOCK_BYTES: Final = 1 << 16
_MAX_RETRY_AFTER_SECONDS: Final = 30.0
_TRANSIENT_STATUSES: Final = (408, 425, 429, 500, 502, 503, 504)
_CONTENT_RANGE: Final = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class TransientError(Exception):
    """An error that may not occur at the next attempt.

    Attributes:
        pause_seconds: how long the server asks to wait, at least.
    """

    def __init__(self, reason: str, pause_seconds: float = 0) -> None:
        super().__init__(reason)
        self.pause_seconds = pause_seconds


class RangeRefusedError(Exception):
    """The server sends the file only from its beginning."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A file that is being read.

    Attributes:
        offset: where in the file the first byte of `blocks` belongs: as was asked, or 0.
        length: the length of the whole file in bytes, where the server says it.
        media_type: what the server takes the file for, e.g. ``text/html``.
        blocks: its bytes; raises `TransientError` where they stop coming.
    """

    offset: int
    length: int | None
    media_type: str
    blocks: Iterator[bytes]


@contextmanager
def open_remote(url: str, offset: int) -> Iterator[Answer]:
    """Begin to read the file at `url`, from `offset` on if that can be had.

    Raises:
        DownloadError: it cannot be had, now or later.
        TransientError: it cannot be had now.
        RangeRefusedError: it cannot be had from `offset` on.
    """
    if urllib.parse.urlsplit(url).scheme == "file":
        with _open_file(url) as file:
            length = file.seek(0, os.SEEK_END)
            file.seek(offset)
            yield Answer(offset, length, "", _blocks(lambda: file.read(_BLOCK_BYTES), url))
        return
    with contextlib.closing(_open_http(url, offset)) as response:
        yield _answer(response, url, offset)


def _open_file(url: str) -> IO[bytes]:
    parts = urllib.parse.urlsplit(url)
    if parts.netloc not in ("", "localhost"):
        raise DownloadError(f"{url}: a file: URL names a file of this machine: file:///folder")
    path = Path(urllib.request.url2pathname(parts.path))
    try:
        if not path.is_file():  # a pipe or a device would be waited for
            raise DownloadError(f"{path}: there is no such file")
        return path.open("rb")
    except OSError as error:
        raise DownloadError(f"{path}: cannot be read ({error.strerror or error})") from error


def _open_http(url: str, offset: int) -> http.client.HTTPResponse:
    headers = {"User-Agent": f"mobiclass/{__version__}", "Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    watch = _Watch()
    try:
        with watch:
            request = urllib.request.Request(url, headers=headers)
            response: http.client.HTTPResponse = _opener(watch).open(request, timeout=SILENCE_SECONDS)
        if watch.timed_out:  # to http.client, headers that are cut off are headers that end
            response.close()
            raise TimeoutError
        return response
    except urllib.error.HTTPError as error:
        with error:
            raise _refusal(error, url, offset) from error
    except urllib.error.URLError as error:
        raise _failure(error.reason, url) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        if watch.timed_out:
            raise TransientError(f"{_host(url)} does not answer within {ANSWER_SECONDS:.0f} s") from error
        raise _failure(error, url) from error


def _answer(response: http.client.HTTPResponse, url: str, offset: int) -> Answer:
    encoding = response.headers.get("Content-Encoding", "identity")
    if encoding.lower() != "identity":
        raise DownloadError(f"{url}: comes {encoding[:40]}-encoded, which was not requested")
    if response.status == 206:
        match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
        if match is None or int(match[1]) != offset:
            raise RangeRefusedError
        length = int(match[2]) if match[2] != "*" else None
    else:
        offset, length = 0, response.length  # None where it comes in chunks, or until the connection ends
    return Answer(
        offset, length, response.headers.get_content_type(), _blocks(lambda: response.read1(_BLOCK_BYTES), url)
    )


def _blocks(read: Callable[[], bytes], url: str) -> Iterator[bytes]:
    began, received = time.monotonic(), 0
    while True:
        try:
            block = read()
        except (OSError, http.client.HTTPException) as error:
            raise _failure(error, url) from error
        if not block:
            return
        yield block
        received += len(block)
        seconds = time.monotonic() - began
        if seconds >= PACE_SECONDS:
            if received < seconds * PACE_BYTES_PER_SECOND:
                raise TransientError(f"{_host(url)} sends only {received / seconds:.0f} bytes per second")
            began, received = time.monotonic(), 0


class _Watch:
    """Cuts the connections of one request where no answer has begun in time: servers can drip headers for hours."""

    def __init__(self) -> None:
        self.timed_out = False
        self._connections: list[http.client.HTTPConnection] = []
        self._timer = threading.Timer(ANSWER_SECONDS, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def watched(self, connection_class: type[http.client.HTTPConnection]) -> Callable[..., http.client.HTTPConnection]:
        """Give a maker of connections that are cut when the time is up."""

        def connect(*arguments: Any, **options: Any) -> http.client.HTTPConnection:
            connection = connection_class(*arguments, **options)
            self._connections.append(connection)
            return connection

        return connect

    def _cut(self) -> None:
        self.timed_out = True
        for connection in self._connections:
            with contextlib.suppress(OSError):
                if connection.sock is not None:
                    connection.sock.shutdown(socket.SHUT_RDWR)


class _WatchedHttp(urllib.request.HTTPHandler):
    def __init__(self, watch: _Watch) -> None:
        super().__init__()
        self._watch = watch

    def http_open(self, request: urllib.request.Request) -> Any:
        return self.do_open(self._watch.watched(http.client.HTTPConnection), request)


class _WatchedHttps(urllib.request.HTTPSHandler):
    def __init__(self, watch: _Watch) -> None:
        super().__init__()
        self._watch = watch

    def https_open(self, request: urllib.request.Request) -> Any:
        make = self._watch.watched(http.client.HTTPSConnection)
        return self.do_open(make, request, context=ssl.create_default_context())


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows ten redirects at most, and none to where the way is no longer encrypted, or to another protocol."""

    def redirect_request(
        self, request: urllib.request.Request, answer: IO[bytes], code: int, reason: str, headers: Message, target: str
    ) -> urllib.request.Request:
        scheme = urllib.parse.urlsplit(target).scheme
        if scheme not in ("http", "https") or (request.type == "https" and scheme != "https"):
            raise DownloadError(f"{request.full_url}: redirects to {target[:200]}, which is less secure; not followed")
        # The query is quoted as urllib quotes it: a server may send a space.
        return urllib.request.Request(target.replace(" ", "%20"), headers=dict(request.headers))

    http_error_308 = urllib.request.HTTPRedirectHandler.http_error_302  # which Python 3.10 does not know


def _opener(watch: _Watch) -> urllib.request.OpenerDirector:
    opener = urllib.request.OpenerDirector()  # build_opener's would know ftp: and data: too
    for handler in (
        urllib.request.ProxyHandler(),
        _WatchedHttp(watch),
        _WatchedHttps(watch),
        _SafeRedirects(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


def _refusal(error: urllib.error.HTTPError, url: str, offset: int) -> Exception:
    """Translate a status that is no success."""
    status = f"{error.code} {str(error.reason)[:80]}".strip()
    if error.code == 416 and offset:
        return RangeRefusedError()
    if error.code in _TRANSIENT_STATUSES:
        return TransientError(f"{_host(url)} answers {status}", _retry_after(error.headers))
    if error.code in (404, 410):
        return DownloadError(f"{url}: there is no such file ({status})")
    if 300 <= error.code < 400:
        return DownloadError(f"{url}: too many redirects, or one that cannot be followed ({error.code})")
    return DownloadError(f"{url}: the server refuses ({status})")


def _retry_after(headers: Message) -> float:
    asked = headers.get("Retry-After", "")
    return min(float(asked), _MAX_RETRY_AFTER_SECONDS) if asked.isdecimal() and asked.isascii() else 0.0


def _failure(reason: object, url: str) -> Exception:
    """Translate what went wrong below HTTP, or in it."""
    host = _host(url)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return DownloadError(
            f"the certificate of {host} is not accepted ({reason.verify_message}). On a device whose clock has no "
            f"battery the date is often wrong: here it is {time.strftime('%Y-%m-%d')}. Else a proxy's may be "
            "missing: SSL_CERT_FILE names a file of those to trust"
        )
    proxy = urllib.request.getproxies().get(urllib.parse.urlsplit(url).scheme)
    through = " through the proxy of the environment" if proxy and not urllib.request.proxy_bypass(host) else ""
    if isinstance(reason, socket.gaierror):
        return TransientError(f"the host {host} cannot be resolved{through}: is there a network?")
    if isinstance(reason, TimeoutError):
        return TransientError(f"{host} sent nothing{through} for {SILENCE_SECONDS:.0f} s")
    if isinstance(reason, http.client.HTTPException | OSError) and not isinstance(reason, http.client.InvalidURL):
        text = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
        return TransientError(f"{host} cannot be reached or read{through} ({text[:200]})")
    return DownloadError(f"{url}: cannot be fetched ({str(reason)[:200]})")


def _host(url: str) -> str:
    return urllib.parse.urlsplit(url).netloc or url
