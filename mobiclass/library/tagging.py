"""Labels of rows as keywords of their photos: in XMP sidecars, or in the photos themselves."""

from __future__ import annotations

import errno
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal, TypeAlias

from mobiclass.errors import SetupError
from mobiclass.library.answers import is_same_file, photo_path
from mobiclass.library.embedded_keywords import EmbeddedEdit, without_our_keywords
from mobiclass.library.embedding import EmbeddingError
from mobiclass.library.replacing import discard_leftover, read_regular, replace_file
from mobiclass.library.row_keywords import Hierarchy, row_answers, row_keywords
from mobiclass.library.sidecars import Sidecars, SidecarStyle
from mobiclass.library.xmp import Keywords, edit_keywords, our_keywords
from mobiclass.library.xmp_packet import MAX_PACKET_BYTES, XmpError
from mobiclass.results import Row

_MAX_PHOTO_BYTES: Final = 512 << 20
_FULL: Final = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}

Outcome: TypeAlias = Literal["tagged", "unchanged", "removed"]
"""What became of a photo: its keywords were changed, were right already, or have none of ours any more."""


class TagError(Exception):
    """One photo cannot be tagged; nothing of it was changed."""


@dataclass(slots=True)
class TagSummary:
    """What became of the rows.

    Attributes:
        outcomes: how many photos were tagged, were right already, or lost our keywords.
        errors: how many rows have an error in place of an answer, and were passed over.
        problems: how many photos could not be tagged.
    """

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    errors: int = 0
    problems: int = 0


@dataclass(frozen=True, slots=True)
class Tagger:
    """Writes keywords.

    Attributes:
        style: the names of new sidecars.
        embed: whether keywords go into the photos themselves.
        dry_run: whether nothing is written.
    """

    style: SidecarStyle = "auto"
    embed: bool = False
    dry_run: bool = False

    def tag(self, path: str, row: Row, keywords: Keywords) -> Outcome:
        """Make `keywords` those that are ours of the photo at `path`, which `row` is of.

        Raises:
            TagError: the photo is not the one that was classified, or its metadata cannot be edited.
            SetupError: the disk is full.
        """
        return self._edit(path, row, keywords)

    def remove(self, path: str, row: Row) -> Outcome:
        """Remove our keywords from the sidecars of the photo at `path`, or from the photo.

        Raises:
            TagError: see `tag`.
        """
        return self._edit(path, row, None)

    def _edit(self, path: str, row: Row, keywords: Keywords | None) -> Outcome:
        try:
            edit = self._edit_photo if self.embed else self._edit_sidecars
            changed = edit(path, row, keywords)
        except (EmbeddingError, XmpError) as error:
            raise TagError(f"{path}: {error}") from error
        except FileNotFoundError as error:
            raise TagError(f"{path}: there is no such photo; --root says where relative paths start") from error
        except OSError as error:
            if error.errno in _FULL:
                raise SetupError(
                    f"{path}: the disk is full; make room and run this again: it goes on where it stopped"
                ) from error
            raise TagError(f"{path}: {error.strerror or error}") from error
        except ValueError as error:  # a NUL
            raise TagError(f"{path}: not a path ({error})") from error
        if not changed:
            return "unchanged"
        return "tagged" if keywords and any(keywords.lists().values()) else "removed"

    def _edit_sidecars(self, path: str, row: Row, keywords: Keywords | None) -> bool:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise TagError(f"{path}: not a file")
        sidecars = Sidecars(path)
        if keywords is None:
            # A list: each is edited.
            return any([self._edit_sidecar(sidecar, sidecars, None) for sidecar in sidecars.both()])
        if _is_as_classified(path, row, status) is False:
            raise _changed(path)
        return self._edit_sidecar(sidecars.choose(self.style), sidecars, keywords)

    def _edit_sidecar(self, sidecar: str, sidecars: Sidecars, keywords: Keywords | None) -> bool:
        is_shared = sidecars.is_shared(sidecar)
        sidecar = _target(sidecar)
        try:
            content, before = read_regular(sidecar, max_bytes=MAX_PACKET_BYTES)
        except FileNotFoundError:
            content, before = b"", None
        except OSError as error:
            raise TagError(f"{sidecar}: the sidecar cannot be read ({error.strerror})") from error
        try:
            if content and is_shared:
                owner = our_keywords(content).photo
                if owner and sidecars.has_other(owner):
                    if keywords is None:
                        return False
                    raise TagError(
                        f"{sidecar}: the sidecar has the labels of {owner}, which has the same name but for its "
                        "suffix; use --sidecar-style photo.jpg.xmp"
                    )
            if keywords and is_shared:
                keywords = replace(keywords, photo=sidecars.name)
            edited = edit_keywords(content or None, keywords)
        except XmpError as error:
            raise TagError(f"{sidecar}: the sidecar is left as it is: {error}") from error
        if edited is None and before is None or edited is content:
            self._discard_leftover(sidecar)
            return False
        if not self.dry_run:
            if edited is None:
                os.unlink(sidecar)
                discard_leftover(sidecar)
            else:
                replace_file(sidecar, edited, before)
        return True

    def _discard_leftover(self, path: str) -> None:
        if not self.dry_run:
            discard_leftover(path)

    def _edit_photo(self, path: str, row: Row, keywords: Keywords | None) -> bool:
        if row.get("bytes") is None or row.get("mtime_ns") is None:
            raise TagError(f"{path}: its row has no bytes and mtime_ns, as batch writes them; write sidecars instead")
        path = _target(path)
        content, before = read_regular(path, max_bytes=_MAX_PHOTO_BYTES)
        edit = EmbeddedEdit(content, keywords)
        if edit.edited is content:
            self._discard_leftover(path)
            return False
        if before.st_mtime_ns != row["mtime_ns"] or row["bytes"] not in (len(content), len(edit.original)):
            raise _changed(path)
        if without_our_keywords(edit.edited) != edit.original:
            raise TagError(f"{path}: embedding would not leave the rest of the file as it is; write a sidecar instead")
        if not before.st_mode & 0o222:
            raise TagError(f"{path}: the photo is write-protected")
        if not self.dry_run:
            replace_file(path, edit.edited, before, keep_time=True)
        return True


@dataclass(frozen=True, slots=True)
class TagRun:
    """How the photos of rows are tagged.

    Attributes:
        tagger: writes the keywords.
        hierarchy: knows the groups of labels.
        root: where relative paths start; ``None`` for the current folder.
        top: see `row_answers`.
        min_score: likewise.
        remove: whether our keywords are removed instead.
    """

    tagger: Tagger
    hierarchy: Hierarchy
    root: Path | None = None
    top: int | None = None
    min_score: float = 0.0
    remove: bool = False

    def run(
        self,
        rows: Iterable[Row],
        problem: Callable[[str], object],
        done: Callable[[str, Outcome, Keywords], object] = lambda *outcome: None,
    ) -> TagSummary:
        """Tag the photos of `rows` one after the other.

        Args:
            rows: the rows; those with an error are passed over.
            problem: called with what is wrong with a photo that cannot be tagged.
            done: called for each other photo, with its path, what became of it, and its keywords.

        Raises:
            SetupError: the rows cannot be read, or the disk is full.
        """
        summary = TagSummary()
        for row in rows:
            if row["error"] and not self.remove:
                summary.errors += 1
                continue
            keywords = Keywords()
            try:
                path = self._path(row)
                if self.remove:
                    outcome = self.tagger.remove(path, row)
                else:
                    answers = row_answers(row, top=self.top, min_score=self.min_score)
                    keywords = row_keywords(row, answers, self.hierarchy)
                    outcome = self.tagger.tag(path, row, keywords)
            except TagError as error:
                if row["error"]:  # nothing was to be expected of it
                    summary.errors += 1
                    continue
                summary.problems += 1
                problem(str(error))
            else:
                summary.outcomes[outcome] += 1
                done(path, outcome, keywords)
        return summary

    def _path(self, row: Row) -> str:
        try:
            path = str(photo_path(row, self.root))
            # Whoever names a folder means it, whatever the paths in rows from elsewhere say.
            if self.root and not _is_within(os.path.realpath(path), os.path.realpath(self.root)):
                raise TagError(f"{path}: the photo is outside {self.root} (--root)")
        except (OSError, TypeError, ValueError) as error:
            raise TagError(f"{row['path']}: not a path ({error})") from error
        return path


def _is_within(path: str, folder: str) -> bool:
    return path.startswith(folder if folder.endswith(os.sep) else folder + os.sep)


def _target(path: str) -> str:
    """Follow a symbolic link: the file is replaced, not the link."""
    return os.path.realpath(path) if os.path.islink(path) else path


def _is_as_classified(path: str, row: Row, status: os.stat_result) -> bool | None:
    """Whether the photo is the one that was classified, apart from keywords of ours in it; ``None``: not known."""
    is_same = is_same_file(row, status)
    if is_same is not False or status.st_mtime_ns != row["mtime_ns"]:
        return is_same
    try:
        original = without_our_keywords(read_regular(path, max_bytes=_MAX_PHOTO_BYTES)[0])
    except (EmbeddingError, XmpError):
        return False
    return bool(len(original) == row["bytes"])


def _changed(path: str) -> TagError:
    return TagError(f"{path}: the photo has changed since it was classified; classify it again")
