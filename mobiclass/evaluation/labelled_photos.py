"""Photos whose labels stand in a table, ``photo,label`` a line. What the labels are to a model is not known here.

A photo is named by its path from the evaluated directory, or by an absolute one. The table has a header with these
columns or others of that meaning, or none and two columns.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import ClassVar, Final, TypeAlias

from mobiclass._system import read_text_file
from mobiclass.batch import Exclusion, ImageFinder
from mobiclass.errors import SetupError
from mobiclass.evaluation.dataset import ClassFolders, list_class_folders

_MAX_BYTES: Final = 512 << 20
_PHOTO_WORDS: Final = ("photo", "path", "image", "file", "filename", "file_name", "filepath", "file_path", "image_path",
                       "image_name", "img", "img_path", "image_id", "id")  # fmt: skip
_LABEL_WORDS: Final = ("label", "class", "class_name", "label_name", "category", "truth", "target", "name", "species")
_DELIMITERS: Final = (",", ";", "\t")


@dataclass(frozen=True, slots=True)
class LabelledPhotos:
    """The photos of a table.

    Attributes:
        unit: what its names are, for messages.
        root: the directory, as it was given.
        names: the labels in it, sorted.
        missing: the photos in it that are not there, as they are written.
        loose_images: the number of images in the directory that are not in it.
        passed_over: those in it that are excluded.
    """

    unit: ClassVar[str] = "labels"

    root: str
    names: tuple[str, ...]
    missing: tuple[str, ...]
    loose_images: int
    passed_over: tuple[str, ...]
    _finder_options: tuple[bool, Exclusion] = field(repr=False)
    _labels: dict[str, str] = field(repr=False)  # by absolute path
    _elsewhere: tuple[str, ...] = field(repr=False)  # what a search of the directory does not find

    def paths(self, names: Iterable[str]) -> Iterator[str]:
        """Give the photos of the labels `names`, those in the directory first, each folder sorted."""
        wanted = set(names)
        for path in chain(_found(self.root, *self._finder_options), self._elsewhere):
            if self._labels.get(os.path.abspath(path)) in wanted:
                yield path

    def name_of(self, path: str) -> str:
        """Give the label of the photo at `path`, one of `paths`."""
        return self._labels[os.path.abspath(path)]


Photos: TypeAlias = "ClassFolders | LabelledPhotos"
"""Photos whose class is known by a name: that of their folder, or that in a table."""


def list_photos(
    root: str, truth: Path | None, *, all_files: bool = False, exclusion: Exclusion | None = None
) -> Photos:
    """List the photos of a folder's class folders, or where a table `truth` is given those of the table.

    Raises:
        SetupError: the folder or the table cannot be read, or has no photos.
    """
    if truth is None:
        return list_class_folders(root, all_files=all_files, exclusion=exclusion)
    return read_labelled_photos(root, truth, all_files=all_files, exclusion=exclusion)


def read_labelled_photos(
    root: str, file: Path, *, all_files: bool = False, exclusion: Exclusion | None = None
) -> LabelledPhotos:
    """Read the table `file`, and look which of its photos are there.

    Args:
        root: the directory that its paths start from.
        file: the table.
        all_files: whether files of any suffix in `root` that the table does not have are images.
        exclusion: the photos that are passed over although the table has them.

    Raises:
        SetupError: the table cannot be read, gives a photo two labels, or has none of the photos.
    """
    if not os.path.isdir(root):
        raise SetupError(f"{root}: not a folder; give the one that the photos of {file} are in")
    exclusion = exclusion or Exclusion()
    labels: dict[str, str] = {}
    written: dict[str, str] = {}
    for photo, label in _rows(file):
        photo = _native(root, photo)
        key = os.path.abspath(os.path.join(root, photo))
        if labels.get(key, label) != label:
            raise SetupError(f"{file}: two labels for the photo {photo}: {labels[key]!r} and {label!r}")
        labels[key] = label
        written.setdefault(key, photo)
    unseen = dict.fromkeys(labels)
    loose_images = 0
    for path in _found(root, all_files, exclusion):
        key = os.path.abspath(path)
        loose_images += key not in labels
        unseen.pop(key, None)
    top = os.path.join(os.path.abspath(root), "")
    passed_over, elsewhere, missing = [], [], []
    for key in unseen:
        if key.startswith(top) and exclusion.has_part_of(key[len(top) :]):
            passed_over.append(written[key])
        elif os.path.isfile(key):
            elsewhere.append(os.path.join(root, written[key]))
        else:
            missing.append(written[key])
    if len(unseen) == len(labels) and not elsewhere:
        raise SetupError(
            f"{file}: none of its {len(labels)} photos is there, {next(iter(written.values()))!r} for one; their paths "
            f"start in {root}"
        )
    return LabelledPhotos(
        root=root,
        names=tuple(sorted(set(labels.values()))),
        missing=tuple(missing),
        loose_images=loose_images,
        passed_over=tuple(passed_over),
        _finder_options=(all_files, exclusion),
        _labels=labels,
        _elsewhere=tuple(elsewhere),
    )


def _found(root: str, all_files: bool, exclusion: Exclusion) -> Iterator[str]:
    yield from ImageFinder(all_files=all_files, exclusion=exclusion).find_in(root)


def _native(root: str, photo: str) -> str:
    r"""Take the ``\`` of Windows for ``/`` where no file has it in its name."""
    if "\\" not in photo or os.sep == "\\" or os.path.lexists(os.path.join(root, photo)):
        return photo
    return photo.replace("\\", "/")


def _rows(file: Path) -> Iterator[tuple[str, str]]:
    """Give the photo and the label of each line."""
    try:
        text = read_text_file(file, _MAX_BYTES)
    except ValueError as error:
        raise SetupError(f"{file}: the table of photos {error}") from error
    first_line = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(_DELIMITERS, key=first_line.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=True)
    rows = ((reader.line_num, cells) for row in reader if any(cells := [cell.strip() for cell in row]))
    try:
        first = next(rows, None)
        if first is None:
            raise SetupError(f"{file}: there is nothing in it; write photo,label a line")
        number, header = first
        columns = _columns(header)
        if columns is None and len(header) != 2:
            raise SetupError(f"{file}:{number}: expected a photo and a label, or a header with these: photo,label")
        photo, label = columns or (0, 1)
        for number, cells in rows if columns else chain([first], rows):
            if len(cells) != len(header):
                raise SetupError(f"{file}:{number}: {len(cells)} cells, where the first line has {len(header)}")
            if not cells[photo] or not cells[label]:
                raise SetupError(f"{file}:{number}: there is no {'label' if cells[photo] else 'photo'} in this line")
            yield cells[photo], cells[label]
    except csv.Error as error:
        raise SetupError(f"{file}:{reader.line_num}: {error}") from error


def _columns(header: list[str]) -> tuple[int, int] | None:
    """Find the columns of photos and labels in a header; ``None`` where the line is none."""
    words = [cell.lower().replace(" ", "_") for cell in header]
    photo = next((words.index(word) for word in _PHOTO_WORDS if word in words), None)
    if photo is None:
        return None
    label = next((words.index(word) for word in _LABEL_WORDS if word in words), None)
    if label is None and len(words) == 2:
        label = 1 - photo
    return None if label is None else (photo, label)
