"""Folders, globs, files and lists to a stream of image paths: each file once, sorted within its folder.

Listing is lazy: a folder's files come before its subfolders are opened. Files are not opened. A folder that cannot be
listed is yielded as a path itself: it fails as an image, so that it gets a row and is not lost. In folders and by
wildcards, what systems keep there and what is excluded is passed over; what is named explicitly never is.
"""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Set
from hashlib import blake2b
from io import BufferedReader, RawIOBase
from typing import Final, cast

from mobiclass.batch.exclusion import Exclusion
from mobiclass.batch.path_lists import is_pipe_or_device, open_list, split_list
from mobiclass.batch.raw_pairs import RAW_SUFFIXES, without_paired_raws
from mobiclass.batch.wildcards import fixed_folder, has_wildcards, is_folder, matching_paths

IMAGE_SUFFIXES: Final = {
    ".apng", ".avif", ".avifs", ".bmp", ".dib", ".gif", ".heic", ".heics", ".heif", ".hif", ".ico", ".j2c", ".j2k",
    ".jfif", ".jp2", ".jpc", ".jpe", ".jpeg", ".jpf", ".jpg", ".jpx", ".mpo", ".pbm", ".pcx", ".pgm", ".png", ".pnm",
    ".ppm", ".psd", ".qoi", ".sgi", ".tga", ".tif", ".tiff", ".webp",
    *RAW_SUFFIXES,
}  # fmt: skip
"""The suffixes, in lower case, of images in folders. A file that is named explicitly may have any."""

STDIN: Final = "-"


class ImageFinder:
    """Finds images, each file once, however many arguments and symbolic links lead to it.

    It remembers eight bytes for each file of a folder, and 16 for each that was reached by name or through a symbolic
    link. Hard links are files of their own.

    Attributes:
        paired_raws: the raw files that folders had beside a JPEG of the same photo, and that were not given.
    """

    def __init__(
        self,
        *,
        recursive: bool = True,
        all_files: bool = False,
        null_separated: bool = False,
        closed_folders: Set[str] = frozenset(),
        exclusion: Exclusion | None = None,
    ) -> None:
        """Configure what is an image in a folder, and how lists are read.

        Args:
            recursive: descend into subfolders, and through symbolic links to folders.
            all_files: take every file of a folder, whatever its suffix.
            null_separated: lists have a NUL between paths, not a line end.
            closed_folders: the real paths of folders to skip, whatever leads to them.
            exclusion: the files and folders to pass over unless they were named explicitly.
        """
        self._recursive = recursive
        self._all_files = all_files
        self._separator = b"\0" if null_separated else b"\n"
        self._closed_folders = closed_folders
        self._exclusion = exclusion or Exclusion()
        self._listed_folders: dict[str, array[int]] = {}  # the hashes of the names that each gave, sorted
        self._single_files: set[bytes] = set()
        self.paired_raws = 0

    def check(self, sources: Iterable[str]) -> None:
        """Check that lists are lists and can be read, before anything is done.

        Raises:
            SetupError: a list cannot be read.
        """
        for source in sources:
            # A pipe can be read only once: its turn comes.
            if source.startswith("@") and not is_pipe_or_device(source[1:]):
                with open_list(source[1:]) as file:
                    next(split_list(file, self._separator, source[1:]), None)

    def find(self, sources: Iterable[str], stdin: BufferedReader) -> Iterator[str]:
        """Yield the paths of the images in `sources`, in their order.

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
                with open_list(source[1:]) as file:
                    yield from self._from_list(file, source[1:])
            elif has_wildcards(source) and not os.path.lexists(source):
                yield from self._from_pattern(source)
            else:
                yield from self._from_name(source)

    def find_in(self, folder: str, root: str | None = None) -> Iterator[str]:
        """Yield the paths of the images in `folder`, which is not taken for a pattern or a list.

        Exclusions are matched against the path below `root`, by default `folder`.
        """
        yield from self._from_folder(folder, folder if root is None else root)

    def _from_pattern(self, pattern: str) -> Iterator[str]:
        nothing_found = True
        root = fixed_folder(pattern)
        for path in matching_paths(pattern):
            nothing_found = False
            is_folder = os.path.isdir(path)
            if self._exclusion.has_part_of(_below(root, path), is_folder=is_folder):
                continue
            if is_folder:
                yield from self._from_folder(path, root)
            elif self._is_new_file(path):
                yield path
        if nothing_found:  # then the pattern itself is what is missing
            yield from self._from_name(pattern)

    def _from_list(self, file: RawIOBase, name: str) -> Iterator[str]:
        for entry in split_list(file, self._separator, name):
            yield from self._from_name(os.fsdecode(entry))

    def _from_name(self, path: str) -> Iterator[str]:
        """Yield the images of a folder, or the file, at `path`, which was named explicitly."""
        if os.path.isdir(path):
            yield from self._from_folder(path, path)
        elif self._is_new_file(path):
            yield path

    def _from_folder(self, folder: str, root: str) -> Iterator[str]:
        # A stack, not recursion: folders may be nested deeper than Python's calls.
        waiting = [folder]
        while waiting:
            folder = waiting.pop()
            real_folder = os.path.realpath(folder)
            if real_folder in self._listed_folders or real_folder in self._closed_folders:
                continue
            try:
                files, links, subfolders = self._scan(folder, _below(root, folder))
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

    def _scan(self, folder: str, below: str) -> tuple[list[str], set[str], list[str]]:
        """List `folder`, `below` its source: its image files, which are symbolic links, and its subfolders, sorted."""
        files, links, subfolders = [], set(), []
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if is_folder(entry):
                    if not self._exclusion.has_folder(os.path.join(below, entry.name)):
                        subfolders.append(entry.name)
                elif self._is_wanted(entry.name) and not self._exclusion.has_file(os.path.join(below, entry.name)):
                    files.append(entry.name)
                    if entry.is_symlink():
                        links.add(entry.name)
        unpaired = without_paired_raws(files)
        self.paired_raws += len(files) - len(unpaired)
        return sorted(unpaired), links, sorted(subfolders)

    def _is_wanted(self, name: str) -> bool:
        return self._all_files or is_image_name(name)

    def _was_given(self, real_path: str) -> bool:
        """Whether a file in a listed folder was yielded before that folder was listed."""
        return bool(self._single_files) and _key(real_path) in self._single_files

    def _is_new_file(self, path: str) -> bool:
        """Whether the file was not yielded yet, under any name; from now on it counts as yielded."""
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


def _below(root: str, path: str) -> str:
    """Give `path`, which begins with `root`, from there on; empty for `root` itself."""
    return path[len(root) :].lstrip(os.sep + (os.altsep or "")) if path != root else ""


def is_image_name(name: str) -> bool:
    """Whether a file with that name counts as an image in a folder."""
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES


def _key(real_path: str) -> bytes:
    """Hash a path to 16 bytes: a list of a million names must fit a small machine."""
    return blake2b(os.fsencode(real_path), digest_size=16).digest()
