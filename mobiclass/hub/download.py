"""Fetch a model of the catalogue into the cache: resumable, and verified before it gets its name.

The bytes go to a ``.part`` file, which one process holds at a time, and which an interruption leaves for the next
attempt. What does not have the catalogue's length and SHA-256 never becomes a model, and there is no way to ask for
that. How bytes come over the network is `mobiclass.hub.http`'s business; no model is looked into.
"""

from __future__ import annotations

import os
import shutil
import time
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias

from mobiclass.errors import DownloadError
from mobiclass.hub.cache import holds
from mobiclass.hub.http import RangeRefusedError, TransientError, open_remote
from mobiclass.hub.partial_file import PartialFile, hold_partial_file, partial_path

if TYPE_CHECKING:
    from mobiclass.hub.entry import CatalogEntry

Outcome: TypeAlias = Literal["present", "fetched", "replaced"]
"""The model was there already; it was fetched; it was fetched and replaced a file with other bytes."""

_ATTEMPTS: Final = 5  # that bring nothing
_FIRST_PAUSE_SECONDS: Final = 0.5  # then twice as long after each failure
_WORTH_BYTES: Final = 1 << 16  # an attempt that brings as much has not failed


class Observer(Protocol):
    """Is told of the progress of a download."""

    def received(self, count: int) -> None:
        """`count` bytes of the file are here."""

    def retrying(self, reason: str, pause_seconds: float) -> None:
        """It did not work; the next attempt begins after `pause_seconds`."""

    def waiting(self) -> None:
        """Another process is fetching the same file."""


def source_url(entry: CatalogEntry) -> str:
    """Say where `entry` is fetched from: its URL, or the file of that name on ``MOBICLASS_MIRROR``.

    Raises:
        DownloadError: it comes with the program, or the mirror is no URL of http, https or file.
    """
    if entry.url is None:
        raise DownloadError(f"{entry.name} is built in and never fetched")
    mirror = os.environ.get("MOBICLASS_MIRROR")
    if not mirror:
        return entry.url
    try:
        parts = urllib.parse.urlsplit(mirror)
        named = bool(parts.hostname) or parts.scheme == "file"
    except ValueError:  # an IPv6 address without its end
        named = False
    if not named or parts.scheme not in ("http", "https", "file"):
        raise DownloadError("MOBICLASS_MIRROR must be a URL: https://host/folder, http://host/folder or file:///folder")
    if "@" in parts.netloc or parts.query or parts.fragment:  # not repeated here: it may hold a password
        raise DownloadError("MOBICLASS_MIRROR must be a plain base URL, without user name, password, ? or #")
    return f"{mirror.rstrip('/')}/{urllib.parse.quote(entry.file)}"


def is_offline() -> bool:
    """Whether ``MOBICLASS_OFFLINE`` forbids the network; anything but ``0`` and an empty value does."""
    return os.environ.get("MOBICLASS_OFFLINE", "0") not in ("", "0")


def pull(entry: CatalogEntry, folder: Path, observer: Observer) -> Outcome:
    """Let `folder` hold the model of `entry`, verified; fetch it only where it is not there.

    Raises:
        DownloadError: it cannot be fetched, is not what was asked for, or the folder cannot take it.
    """
    path = folder / entry.file
    if holds(path, entry.bytes, entry.sha256):
        return "present"
    url = source_url(entry)
    if is_offline() and not url.startswith("file:"):
        raise DownloadError(
            f"MOBICLASS_OFFLINE is set: {entry.name} is not fetched; its source is {url} ({entry.bytes:,} bytes)"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with hold_partial_file(partial_path(path), observer.waiting) as part:
            if holds(path, entry.bytes, entry.sha256):  # the process that was waited for has fetched it
                part.discard()
                return "present"
            outcome: Outcome = "replaced" if path.exists() else "fetched"
            _require_room(folder, entry.bytes - part.length)
            _fill(part, url, entry, observer)
            part.rename_to(path)
            return outcome
    except OSError as error:
        raise DownloadError(
            f"{folder}: the model cannot be written ({error.strerror or error}): free space there or make it "
            "writable, or set MOBICLASS_CACHE to another folder"
        ) from error


def _fill(part: PartialFile, url: str, entry: CatalogEntry, observer: Observer) -> None:
    """Complete `part`, however many attempts that takes, until it is the file of `entry`."""
    failures, most, begun_again = 0, part.length, False
    while True:
        if part.length > entry.bytes:  # nothing that we wrote
            part.truncate()
        if part.length == entry.bytes:
            if holds(part.path, entry.bytes, entry.sha256):
                return
            if part.pieces < 2 or begun_again:
                part.discard()
                raise DownloadError(
                    f"{url}: is not {entry.name} (SHA-256 mismatch); the download was deleted. If trying again "
                    "does not help, set MOBICLASS_MIRROR to another source"
                )
            begun_again = True
            part.truncate()  # pieces of different files, perhaps: once more, in one piece
        observer.received(part.length)
        try:
            _receive(part, url, entry, observer)
        except RangeRefusedError:
            part.truncate()
        except TransientError as error:
            failures = 1 if part.length >= most + _WORTH_BYTES else failures + 1
            most = max(most, part.length)
            if failures == _ATTEMPTS:
                raise DownloadError(f"{entry.name} could not be fetched from {url}: {error}") from error
            pause = max(error.pause_seconds, _FIRST_PAUSE_SECONDS * 2 ** (failures - 1))
            observer.retrying(str(error), pause)
            time.sleep(pause)


def _receive(part: PartialFile, url: str, entry: CatalogEntry, observer: Observer) -> None:
    """Take one answer, to its end."""
    with open_remote(url, part.length) as answer:
        if answer.length not in (None, entry.bytes):
            hint = ": perhaps a login page" if answer.media_type == "text/html" else ""
            raise DownloadError(f"{url}: is not {entry.name}: {answer.length:,} bytes long, not {entry.bytes:,}{hint}")
        if answer.offset != part.length:
            part.truncate()
        part.pieces += 1
        for block in answer.blocks:
            if part.length + len(block) > entry.bytes:
                part.discard()
                raise DownloadError(
                    f"{url}: is not {entry.name}: longer than {entry.bytes:,} bytes; the download was deleted"
                )
            part.append(block)
            observer.received(part.length)
    if part.length < entry.bytes:
        raise TransientError(f"the connection ended after {part.length:,} of {entry.bytes:,} bytes")


def _require_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DownloadError(
            f"{folder}: {needed:,} bytes are needed and {free:,} are free: free space there, or set MOBICLASS_CACHE "
            "to another folder"
        )
