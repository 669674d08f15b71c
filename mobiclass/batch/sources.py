"""Folders, globs, files and lists to a stream of image paths: each file once, sorted within its folder.

It lists as it goes: a folder's files come before its subfolders are opened. It does not look into the files; what
cannot be listed comes as a path of its own, which then cannot be read either and so is not lost.
"""

from __future__ import annotations

import os
import select
import stat
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Set
from hashlib import blake2b
from io import BufferedReader, RawIOBase
from typing import Final, cast

from mobiclass.batch.wildcards import has_wildcards, is_folder, matching_paths
from mobiclass.errors import SetupError

IMAGE_SUFFIXES: Final = {
    ".apng", ".avif", ".avifs", ".bmp", ".dib", ".gif", ".heic", ".heics", ".heif", ".hif", ".ico", ".j2c", ".j2k",
    ".jfif", ".jp2", ".jpc", ".jpe", ".jpeg", ".jpf", ".jpg", ".jpx", ".mpo", ".pbm", ".pcx", ".pgm", ".png", ".pnm",
    ".ppm", ".psd", ".qoi", ".sgi", ".tga", ".tif", ".tiff", ".webp",
}  # fmt: skip
"""The suffixes, in lower case, by which images are known in folders. A file that is named outright needs none."""

STDIN: Final = "-"
_BLOCK_BYTES: Final = 1 << 16
_MAX_PATH_BYTES: Final = 1 << 16  # no system has longer ones; a binary file taken for a list has
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class ImageFinder:
    """Finds images, each file once, however many arguments and symbolic links lead to it.

    Of what a folder gave it remembers eight bytes a file; files that were reached by name or through a symbolic link
    are remembered one by one. Hard links are files of their own.
    """

    def __init__(
        self,
        *,
        recursive: bool = True,
        all_files: bool = False,
        null_separated: bool = False,
        closed_folders: Set[str] = frozenset(),
    ) -> None:
        """Find images in folders, and with `recursive` in their subfolders too.

        Args:
            recursive: go down into subfolders, and through symbolic links to folders.
            all_files: take every file of a folder, whatever its suffix.
            null_separated: lists have a NUL between paths, not a line end.
            closed_folders: the real paths of folders to stay out of, whatever leads to them.
        """
        self._recursive = recursive
        self._all_files = all_files
        self._separator = b"\0" if null_separated else b"\n"
        self._closed_folders = closed_folders
        self._listed_folders: dict[str, array[int]] = {}  # the hashes of the names that each gave, sorted
        self._single_files: set[bytes] = set()

    def check(self, sources: Iterable[str]) -> None:
        """Refuse lists that cannot be read or are none, before anything is done.

        Raises:
            SetupError: a list cannot be read.
        """
        for source in sources:
            # A pipe can be read only once: its turn comes.
            if source.startswith("@") and not _is_pipe_or_device(source[1:]):
                with _open_list(source) as file:
                    next(_split(file, self._separator, source[1:]), None)

    def find(self, sources: Iterable[str], stdin: BufferedReader) -> Iterator[str]:
        """Give the paths of the images in `sources`, in their order.

        Args:
            sources: folders, files, globs, ``@FILE`` for a list of paths, ``-`` for a list on `stdin`.
            stdin: read for ``-`` only.

        Raises:
            SetupError: a list cannot be read.
        """
        for source in sources:
            if source == STDIN:
                # Unbuffered: a thread that waits in a buffered reader when the process ends would make it crash.
                yield from self._from_list(cast(RawIOBase, stdin.raw), "standard input")
            elif source.startswith("@"):
                with _open_list(source) as file:
                    yield from self._from_list(file, source[1:])
            elif has_wildcards(source) and not os.path.lexists(source):
                yield from self._from_pattern(source)
            else:
                yield from self._from_name(source)

    def find_in(self, folder: str) -> Iterator[str]:
        """Give the paths of the images in `folder`, whose name has no other meaning here."""
        yield from self._from_folder(folder)

    def _from_pattern(self, pattern: str) -> Iterator[str]:
        nothing_found = True
        for path in matching_paths(pattern):
            nothing_found = False
            yield from self._from_name(path)
        if nothing_found:  # then the pattern itself is what is missing
            yield from self._from_name(pattern)

    def _from_list(self, file: RawIOBase, name: str) -> Iterator[str]:
        for entry in _split(file, self._separator, name):
            yield from self._from_name(os.fsdecode(entry))

    def _from_name(self, path: str) -> Iterator[str]:
        """Give the images of a folder or the file at `path`, which someone named outright."""
        if os.path.isdir(path):
            yield from self._from_folder(path)
        elif self._is_new_file(path):
            yield path

    def _from_folder(self, folder: str) -> Iterator[str]:
        # A stack, not recursion: folders may be nested deeper than Python's calls.
        waiting = [folder]
        while waiting:
            folder = waiting.pop()
            real_folder = os.path.realpath(folder)
            if real_folder in self._listed_folders or real_folder in self._closed_folders:
                continue
            try:
                files, links, subfolders = self._scan(folder)
            except OSError:
                if self._is_first_time(real_folder):
                    yield folder  # a row that says why, in place of the files that nobody can see
                continue
            self._listed_folders[real_folder] = array("q", sorted(hash(name) for name in files if name not in links))
            for name in files:
                path = os.path.join(folder, name)
                if self._is_new_file(path) if name in links else not self._was_given(os.path.join(real_folder, name)):
                    yield path
            if self._recursive:
                waiting.extend(os.path.join(folder, name) for name in reversed(subfolders))

    def _scan(self, folder: str) -> tuple[list[str], set[str], list[str]]:
        """List `folder`: its image files, which of them are symbolic links, and its subfolders, sorted."""
        files, links, subfolders = [], set(), []
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if is_folder(entry):
                    subfolders.append(entry.name)
                elif self._is_wanted(entry.name):
                    files.append(entry.name)
                    if entry.is_symlink():
                        links.add(entry.name)
        return sorted(files), links, sorted(subfolders)

    def _is_wanted(self, name: str) -> bool:
        return self._all_files or is_image_name(name)

    def _was_given(self, real_path: str) -> bool:
        """Whether a file that a listed folder holds was given before that folder was listed."""
        return bool(self._single_files) and _key(real_path) in self._single_files

    def _is_new_file(self, path: str) -> bool:
        """Whether the file was not given yet, by any name; from now on it counts as given."""
        try:
            real = os.path.realpath(path)
        except (OSError, ValueError):
            return True
        folder, name = os.path.split(real)
        given = self._listed_folders.get(folder, ())
        place = bisect_left(given, hash(name))
        if place < len(given) and given[place] == hash(name):
            return False
        return self._is_first_time(real)

    def _is_first_time(self, real_path: str) -> bool:
        key = _key(real_path)
        if key in self._single_files:
            return False
        self._single_files.add(key)
        return True


def is_image_name(name: str) -> bool:
    """Whether a file of that name is taken for an image where it was not named outright."""
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES


def _key(real_path: str) -> bytes:
    """Make 16 bytes that stand for a path: a list of a million names must not fill a small machine."""
    return blake2b(os.fsencode(real_path), digest_size=16).digest()


def _is_pipe_or_device(path: str) -> bool:
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _open_list(source: str) -> RawIOBase:
    try:
        return open(source[1:], "rb", buffering=0)
    except (OSError, ValueError) as error:
        raise _unreadable(source[1:], error) from error


def _split(file: RawIOBase, separator: bytes, name: str) -> Iterator[bytes]:
    """Split the bytes of `file` into paths as they arrive; line ends may be those of Windows."""
    rest = b""
    start = True
    while block := _read(file, name):
        if start and separator == b"\n":
            block = block.removeprefix(_BYTE_ORDER_MARK)
        start = False
        if separator == b"\n" and b"\0" in block:
            raise SetupError(
                f"{name}: not a list of paths, one a line (it has NUL bytes); -0 if they separate the paths"
            )
        *entries, rest = (rest + block).split(separator)
        paths = [path for entry in entries if (path := _clean(entry, separator))]
        if len(rest) > _MAX_PATH_BYTES or (len(block) == _BLOCK_BYTES and not paths and not rest):
            raise SetupError(f"{name}: not a list of paths ({_BLOCK_BYTES} bytes, and no path ends in them)")
        yield from paths
    if rest := _clean(rest, separator):
        yield rest


def _read(file: RawIOBase, name: str) -> bytes:
    """Read what there is, and wait only where there is nothing; empty at the end."""
    try:
        while (block := file.read(_BLOCK_BYTES)) is None:  # somebody has made our standard input non-blocking
            select.select([file], [], [])
    except OSError as error:
        raise _unreadable(name, error) from error
    return block


def _unreadable(name: str, error: OSError | ValueError) -> SetupError:
    return SetupError(f"{name}: the list of images cannot be read ({getattr(error, 'strerror', None) or error})")


def _clean(entry: bytes, separator: bytes) -> bytes:
    return entry.removesuffix(b"\r") if separator == b"\n" else entry
