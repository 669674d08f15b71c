"""``DIR/<class>/<image>``: the class folders of a directory, and a stream of the photos in them.

A class folder's subfolders belong to it. Matching the classes to a model's is not done here.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import ClassVar

from mobiclass.batch import Exclusion, ImageFinder, is_folder, is_image_name
from mobiclass.errors import SetupError


@dataclass(frozen=True, slots=True)
class ClassFolders:
    """The class folders in one directory.

    Attributes:
        unit: what its names are, for messages.
        root: the directory, as it was given.
        names: the folders' names, sorted, without hidden ones.
        loose_images: the number of images in the directory itself, which have no class.
        all_files: whether every file in them counts as an image, whatever its suffix.
        passed_over: the folders in it that are no classes: what systems keep there, and what was excluded.
        exclusion: what is passed over within the class folders too.
    """

    unit: ClassVar[str] = "folders"

    root: str
    names: tuple[str, ...]
    loose_images: int
    all_files: bool
    passed_over: tuple[str, ...] = ()
    exclusion: Exclusion = Exclusion()

    def paths(self, names: Iterable[str]) -> Iterator[str]:
        """Yield the images in the folders `names`, one folder after the other, each sorted.

        Symbolic links into another class's folder, or to a folder above, are not followed: photos would get a wrong
        class. A photo that links put into two classes is in both.
        """
        real = {name: os.path.realpath(self.folder(name)) for name in self.names}
        root = PurePath(os.path.realpath(self.root))
        above = {os.fspath(folder) for folder in (root, *root.parents)}
        for name in names:
            closed = above | (set(real.values()) - {real[name]})
            finder = ImageFinder(all_files=self.all_files, closed_folders=closed, exclusion=self.exclusion)
            yield from finder.find_in(self.folder(name), self.root)

    def folder(self, name: str) -> str:
        return os.path.join(self.root, name)

    def name_of(self, path: str) -> str:
        """Return the name of the class folder of the image at `path`, one of `paths`."""
        begin = len(os.path.join(self.root, ""))
        end = path.find(os.sep, begin)
        return path[begin:] if end < 0 else path[begin:end]


def list_class_folders(root: str, *, all_files: bool = False, exclusion: Exclusion | None = None) -> ClassFolders:
    """List the class folders in `root`; with `all_files`, files of any suffix are images.

    What `exclusion` has is passed over: folders are no classes then, and files no images.

    Raises:
        SetupError: it is not a folder, cannot be read, or has no folders in it.
    """
    exclusion = exclusion or Exclusion()
    names: list[str] = []
    passed_over: list[str] = []
    loose_images = 0
    try:
        with os.scandir(root) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if is_folder(entry):
                    (passed_over if exclusion.has_folder(entry.name) else names).append(entry.name)
                elif not exclusion.has_file(entry.name):
                    loose_images += all_files or is_image_name(entry.name)
    except NotADirectoryError as error:
        raise SetupError(f"{root}: not a folder; give one with a folder for each class: DIR/<class>/<image>") from error
    except (OSError, ValueError) as error:
        raise SetupError(f"{root}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
    if not names:
        found = f"it has {loose_images} images but no folders" if loose_images else "it is empty"
        raise SetupError(f"{root}: {found}; photos are expected in a folder for each class: DIR/<class>/<image>")
    return ClassFolders(root, tuple(sorted(names)), loose_images, all_files, tuple(sorted(passed_over)), exclusion)
