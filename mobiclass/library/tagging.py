"""Labels of rows as keywords of their photos: in XMP sidecars, or in the photos themselves."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from mobiclass.errors import SetupError
from mobiclass.library.embedding import EmbeddingError, Place, find_packet, replace_packet
from mobiclass.library.replacing import read_regular, replace_file
from mobiclass.library.sidecars import Sidecars, SidecarStyle
from mobiclass.library.xmp import Keywords, edit_keywords, keyword_text, our_keywords
from mobiclass.library.xmp_packet import MAX_PACKET_BYTES, XmpError
from mobiclass.results import Row

_MAX_PHOTO_BYTES: Final = 512 << 20
_FULL: Final = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}

Outcome: TypeAlias = Literal["tagged", "unchanged", "removed"]
"""What became of a photo: its keywords were changed, were right already, or have none of ours any more."""


class TagError(Exception):
    """One photo cannot be tagged; nothing of it was changed."""


def row_labels(row: Row, *, top: int | None = None, min_score: float = 0.0) -> list[tuple[str, bool]]:
    """Give the labels of `row`, each with whether it is a group.

    Args:
        row: one without an error.
        top: how many of the predictions count; by default the decision, or the best prediction where there is none.
        min_score: a label with a lower score (0–1) is left out.
    """
    decision = row.get("decision")
    if decision and top is None:
        if decision["kind"] == "unknown" or decision["score"] < min_score:
            return []
        return [(decision["label"], decision["kind"] == "group")]
    best = row["predictions"][: top or 1]
    return [(each["label"], False) for each in best if each["label"] is not None and each["score"] >= min_score]


def row_keywords(row: Row, parents: Mapping[str, str], *, top: int | None = None, min_score: float = 0.0) -> Keywords:
    """Make the keywords of `row` of its labels; see `row_labels`.

    Args:
        row: one without an error.
        parents: the group around each label or group; those around a label come before it in a hierarchical keyword.
        top: see `row_labels`.
        min_score: likewise.
    """
    subject: dict[str, None] = {}
    hierarchical: dict[str, None] = {}
    for label, is_group in row_labels(row, top=top, min_score=min_score):
        keyword = keyword_text(label)
        if not keyword:
            continue
        subject[keyword] = None
        if is_group or label in parents:
            hierarchical["|".join(_level(name) for name in _lineage(label, parents))] = None
    return Keywords(tuple(subject), tuple(hierarchical))


def _lineage(label: str, parents: Mapping[str, str]) -> list[str]:
    lineage = [label]
    while (parent := parents.get(lineage[0])) is not None and parent not in lineage:
        lineage.insert(0, parent)
    return lineage


def _level(name: str) -> str:
    """Make `name` one level of a hierarchical keyword, in which a bar separates them."""
    return keyword_text(name.replace("|", "/"))


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
        except OSError as error:
            if error.errno in _FULL:
                raise SetupError(
                    f"{path}: the disk is full; make room and run this again: it goes on where it stopped"
                ) from error
            raise TagError(f"{path}: {error.strerror or error}") from error
        if not changed:
            return "unchanged"
        return "tagged" if keywords and any(keywords.lists().values()) else "removed"

    def _edit_sidecars(self, path: str, row: Row, keywords: Keywords | None) -> bool:
        status = _photo_status(path)
        sidecars = Sidecars(path)
        if keywords is None:
            # A list: each is edited.
            return any([self._edit_sidecar(sidecar, sidecars, None) for sidecar in sidecars.existing()])
        if _has_fingerprint(row) and not _is_same_photo(path, row, status):
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
            return False
        if not self.dry_run:
            if edited is None:
                os.unlink(sidecar)
            else:
                replace_file(sidecar, edited, before)
        return True

    def _edit_photo(self, path: str, row: Row, keywords: Keywords | None) -> bool:
        if not _has_fingerprint(row):
            raise TagError(f"{path}: its row has no bytes and mtime_ns, as batch writes them; write sidecars instead")
        path = _target(path)
        content, before = read_regular(path, max_bytes=_MAX_PHOTO_BYTES)
        place = find_packet(content)
        ours = our_keywords(_text(place)) if place.packet else Keywords()
        if keywords and (place.is_simple or ours.added):
            keywords = replace(keywords, added="VP8X")
        edited = _with_keywords(content, place, keywords, simplify=bool(ours.added))
        if edited is content:
            return False
        original = _with_keywords(content, place, None, simplify=bool(ours.added))
        if before.st_mtime_ns != row["mtime_ns"] or row["bytes"] not in (len(content), len(original)):
            raise _changed(path)
        if without_our_keywords(edited) != original:
            raise TagError(f"{path}: embedding would not leave the rest of the file as it is; write a sidecar instead")
        if not before.st_mode & 0o222:
            raise TagError(f"{path}: the photo is write-protected")
        if not self.dry_run:
            replace_file(path, edited, before, keep_time=True)
        return True


def without_our_keywords(content: bytes) -> bytes:
    """Give the image file `content` as it was before our keywords were embedded; the same object if there are none.

    Raises:
        EmbeddingError: it is no JPEG, PNG or WebP, or is damaged.
        XmpError: its XMP is damaged.
    """
    place = find_packet(content)
    simplify = bool(place.packet and our_keywords(_text(place)).added)
    return _with_keywords(content, place, None, simplify=simplify)


def _target(path: str) -> str:
    """Follow a symbolic link: the file is replaced, not the link."""
    return os.path.realpath(path) if os.path.islink(path) else path


def _text(place: Place) -> bytes:
    return (place.packet or b"").rstrip(b"\0")  # some programs end it like a string of C


def _with_keywords(content: bytes, place: Place, keywords: Keywords | None, *, simplify: bool) -> bytes:
    text = _text(place) or None
    edited = edit_keywords(text, keywords)
    if edited is text:
        return content
    if edited is not None and place.packet is not None and text is not None:
        edited += place.packet[len(text) :]
    return replace_packet(content, place, edited, simplify=simplify)


def _photo_status(path: str) -> os.stat_result:
    try:
        return os.stat(path)
    except FileNotFoundError:
        raise TagError(f"{path}: there is no such photo; --root says where relative paths start") from None


def _has_fingerprint(row: Row) -> bool:
    return row.get("bytes") is not None and row.get("mtime_ns") is not None


def _is_same_photo(path: str, row: Row, status: os.stat_result) -> bool:
    """Whether the photo is the one that was classified, apart from keywords that we embedded."""
    if status.st_mtime_ns != row["mtime_ns"]:
        return False
    if status.st_size == row["bytes"]:
        return True
    try:
        original = without_our_keywords(read_regular(path, max_bytes=_MAX_PHOTO_BYTES)[0])
    except (EmbeddingError, XmpError):
        return False
    return bool(len(original) == row["bytes"])


def _changed(path: str) -> TagError:
    return TagError(f"{path}: the photo has changed since it was classified; classify it again (batch --resume)")
