"""Packets that are none, or are meant to harm, are refused."""

from __future__ import annotations

import pytest

from mobiclass.library.xmp import Keywords, edit_keywords
from mobiclass.library.xmp_packet import MAX_PACKET_BYTES, XmpError
from tests.support import xmp_files

BOMB = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description>&b;</rdf:Description></rdf:RDF>"""
OUTSIDE = b"""<?xml version="1.0"?><!DOCTYPE x SYSTEM "file:///etc/passwd">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>"""
TWICE = b"<dc:subject><rdf:Bag/></dc:subject>"
IN_DC = b'<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/"'


def with_description(text: bytes) -> bytes:
    return xmp_files.EMPTY.replace(b"</rdf:RDF>", text + b"</rdf:RDF>")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"not XML", "not well-formed"),
        (b"\0\1\2", "not well-formed"),
        (xmp_files.DARKTABLE[:-20], "not well-formed"),
        (xmp_files.DARKTABLE.replace(b"holiday", b"\xff\xfe"), "not well-formed"),
        (b"<html/>", "no XMP"),
        (BOMB, "document type"),
        (OUTSIDE, "document type"),
        (b"<a>" * 1000 + b"</a>" * 1000, "nested too deeply"),
        (xmp_files.DARKTABLE.replace(b"UTF-8", b"ISO-8859-1"), "its encoding is ISO-8859-1"),
        (b"\xff\xfe" + b"<\0a\0>", "not valid UTF-16"),
        (b"\xff\xfe" + "<a>".encode("utf-16-le"), "not well-formed"),
        (b" " * (MAX_PACKET_BYTES + 1), "larger than 16 MiB"),
        (with_description(IN_DC + b">" + TWICE + TWICE + b"</rdf:Description>"), "the property subject twice"),
        (with_description(IN_DC + b"><dc:subject>cat</dc:subject></rdf:Description>"), "subject is not a list"),
        (with_description(IN_DC + b' dc:subject="cat"/>'), "subject is not a list"),
        (b"<a>" + xmp_files.EMPTY * 2 + b"</a>", "no XMP"),
    ],
)
def test_what_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(XmpError, match=said):
        edit_keywords(content, Keywords(("cat",)))


def test_a_tag_with_odd_attributes_is_measured_right() -> None:
    content = with_description(IN_DC + b""" dc:a='/>"' dc:b="<!'>"/>""".replace(b"<", b"&lt;"))
    tagged = edit_keywords(content, Keywords(("cat",)))
    assert tagged is not None
    assert edit_keywords(tagged, None) == content
