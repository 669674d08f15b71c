"""Folders, globs, files and lists to a stream of image paths: each file once, sorted within its folder.

It lists as it goes: a folder's files come before its subfolders are opened. It does not look into the files; what
cannot be listed comes as a path of its own, which then cannot be read either and so is not lost.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from io import BufferedReader
from typing import Final

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


class ImageFinder:
    """Finds images, each file once, however many arguments and symbolic links lead to it.

    Whole folders are remembered, not each of their files; files are remembered where they were reached by name or
    through a symbolic link. Hard links are files of their own.
    """

    def __init__(self, *, recursive: bool = True, all_files: bool = False, null_separated: bool = False) -> None:
        """Find images in folders, and with `recursive` in their subfolders too.

        Args:
            recursive: go down into subfolders, and through symbolic links to folders.
            all_files: take every file of a folder, whatever its suffix.
            null_separated: lists have a NUL between paths, not a line end.
        """
        self._recursive = recursive
        self._all_files = all_files
        self._separator = b"\0" if null_separated else b"\n"
        self._listed_folders: set[str] = set()
        self._single_files: set[bytes] = set()

    def check(self, sources: Iterable[str]) -> None:
        """Refuse lists that cannot be opened, before anything is done.

        Raises:
            SetupError: a list cannot be read.
        """
        for source in sources:
            if source.startswith("@"):
                with _open_list(source):
                    pass

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
                yield from self._from_list(stdin, "standard input")
            elif source.startswith("@"):
                with _open_list(source) as file:
                    yield from self._from_list(file, source[1:])
            elif glob.has_magic(source) and not os.path.lexists(source):
                matches = sorted(glob.glob(source, recursive=True))
                for match in matches or [source]:  # nothing found: the pattern itself is what is missing
                    yield from self._from_name(match)
            else:
                yield from self._from_name(source)

    def _from_list(self, file: BufferedReader, name: str) -> Iterator[str]:
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
            if real_folder in self._listed_folders:
                continue
            try:
                files, links, subfolders = self._scan(folder)
            except OSError:
                yield folder  # a row that says why, in place of the files that nobody can see
                continue
            self._listed_folders.add(real_folder)
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
                if _is_folder(entry):
                    subfolders.append(entry.name)
                elif self._is_wanted(entry.name):
                    files.append(entry.name)
                    if entry.is_symlink():
                        links.add(entry.name)
        return sorted(files), links, sorted(subfolders)

    def _is_wanted(self, name: str) -> bool:
        return self._all_files or os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES

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
        if folder in self._listed_folders and self._is_wanted(name) and not name.startswith("."):
            return False
        key = _key(real)
        if key in self._single_files:
            return False
        self._single_files.add(key)
        return True


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a loop of symbolic links: let it be a file that cannot be read
        return False


def _key(real_path: str) -> bytes:
    """Make 16 bytes that stand for a path: a list of a million names must not fill a small machine."""
    return blake2b(os.fsencode(real_path), digest_size=16).digest()


def _open_list(source: str) -> BufferedReader:
    try:
        return open(source[1:], "rb")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SetupError(f"{source[1:]}: the list of images cannot be read ({reason})") from error


def _split(file: BufferedReader, separator: bytes, name: str) -> Iterator[bytes]:
    """Split the bytes of `file` into paths as they arrive; line ends may be those of Windows."""
    rest = b""
    while block := file.read1(_BLOCK_BYTES):
        *entries, rest = (rest + block).split(separator)
        yield from filter(None, (_clean(entry, separator) for entry in entries))
        if len(rest) > _MAX_PATH_BYTES:
            raise SetupError(f"{name}: not a list of paths (more than {_MAX_PATH_BYTES} bytes without a separator)")
    if rest := _clean(rest, separator):
        yield rest


def _clean(entry: bytes, separator: bytes) -> bytes:
    return entry.removesuffix(b"\r") if separator == b"\n" else entry
