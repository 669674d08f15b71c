"""Our keywords in the XMP packet of an image file: edited, and taken out again."""

from __future__ import annotations

from dataclasses import replace

from mobiclass.library.embedding import Place, find_packet, replace_packet
from mobiclass.library.xmp import Keywords, edit_keywords, our_keywords

_EXTENDED_WEBP = "VP8X"


class EmbeddedEdit:
    """A change of our keywords in one image file.

    Attributes:
        edited: the file with the new keywords; the same object as the content if nothing changes.
        original: the file without any keywords of ours.
    """

    def __init__(self, content: bytes, keywords: Keywords | None) -> None:
        """Edit `content`; without `keywords`, ours are removed.

        Raises:
            EmbeddingError: it is no JPEG, PNG or WebP, is damaged, or has no room.
            XmpError: its XMP is damaged.
        """
        place = find_packet(content)
        text = (place.packet or b"").rstrip(b"\0") or None  # some programs end it like a string of C
        is_extended_by_us = text is not None and our_keywords(text).added == _EXTENDED_WEBP
        if keywords and (place.is_simple or is_extended_by_us):
            keywords = replace(keywords, added=_EXTENDED_WEBP)
        self.edited = _edited(content, place, text, keywords, simplify=is_extended_by_us)
        self.original = _edited(content, place, text, None, simplify=is_extended_by_us)


def without_our_keywords(content: bytes) -> bytes:
    """Give the image file `content` as it was before our keywords were embedded; the same object if there are none.

    Raises:
        EmbeddingError: it is no JPEG, PNG or WebP, or is damaged.
        XmpError: its XMP is damaged.
    """
    return EmbeddedEdit(content, None).original


def _edited(content: bytes, place: Place, text: bytes | None, keywords: Keywords | None, *, simplify: bool) -> bytes:
    edited = edit_keywords(text, keywords)
    if edited is text:
        return content
    if edited is not None and text is not None and place.packet is not None:
        edited += place.packet[len(text) :]
    return replace_packet(content, place, edited, simplify=simplify)
