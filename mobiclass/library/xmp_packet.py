"""Where the keywords stand in an XMP packet, as positions in its bytes. It changes nothing.

A packet is somebody else's file. It is parsed by expat alone, which loads nothing from outside; a document type, in
which entities could be declared, is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, NoReturn
from xml.parsers import expat

RDF_NAMESPACE: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
MAX_PACKET_BYTES: Final = 16 << 20  # darktable's, with a long history of masks, have some 100 kB

_RDF: Final = f"{RDF_NAMESPACE} RDF"
_DESCRIPTION: Final = f"{RDF_NAMESPACE} Description"
_ABOUT: Final = f"{RDF_NAMESPACE} about"
_ITEM: Final = f"{RDF_NAMESPACE} li"
_CONTAINERS: Final = {f"{RDF_NAMESPACE} {kind}" for kind in ("Bag", "Seq", "Alt")}
_START_TAG: Final = re.compile(rb"""<([^\s/>]+)(?:[^"'>]|"[^"]*"|'[^']*')*>""")
_ENCODING: Final = re.compile(rb"""<\?xml\s[^>]*?\bencoding\s*=\s*["']([^"'>]*)["']""")
_MAX_DEPTH: Final = 200
_ITEM_LEVEL: Final = 4  # RDF, Description, property, container, item


class XmpError(ValueError):
    """Bytes are no XMP packet, or one in which keywords cannot be edited without touching what is not ours."""


@dataclass(slots=True)
class Element:
    """One element.

    Attributes:
        name: its namespace and its local name, with a space between.
        tag: its name as it is written, with its prefix.
        start: where its start tag begins.
        content: where its content begins.
        content_end: where its end tag begins; `content` for an empty-element tag.
        end: where what follows it begins.
        parent: the element around it.
        children: the elements in it, down to the items of lists.
        attributes: their values, without declarations of namespaces.
        text: the text directly in it.
    """

    name: str
    tag: str
    start: int
    content: int
    parent: Element | None
    attributes: dict[str, str]
    content_end: int = 0
    end: int = 0
    children: list[Element] = field(default_factory=list)
    text: str = ""

    @property
    def prefix(self) -> str:
        """The prefix of its name with the colon, or nothing."""
        return f"{prefix}:" if (prefix := self.tag.rpartition(":")[0]) else ""


class PropertyList:
    """A property whose value is a list of texts."""

    def __init__(self, element: Element) -> None:
        self.element = element
        self.container = element.children[0]
        self.items = [item for item in self.container.children if item.name == _ITEM]

    def texts(self) -> list[str]:
        """The texts of the items."""
        return [item.text for item in self.items]


class Packet:
    """The parsed packet: its descriptions, and the properties in them.

    Attributes:
        content: the bytes, in UTF-8, that positions count in.
        rdf: the element ``rdf:RDF``.
        descriptions: the elements ``rdf:Description`` directly in it.
    """

    def __init__(self, content: bytes) -> None:
        """Parse `content` (UTF-8 without a byte order mark).

        Raises:
            XmpError: it is not well-formed, has a document type, or is no XMP.
        """
        self.content = content
        self.rdf = _Parser(content).parse()
        self.descriptions = [child for child in self.rdf.children if child.name == _DESCRIPTION]

    @property
    def about(self) -> str:
        """What the descriptions are about: nothing, or an identifier in old packets."""
        return next((text for each in self.descriptions if (text := each.attributes.get(_ABOUT))), "")

    def properties(self, name: str) -> list[Element]:
        """Find the elements of the property `name` (its namespace, a space, its local name)."""
        return [child for each in self.descriptions for child in each.children if child.name == name]

    def property_list(self, name: str) -> PropertyList | None:
        """Find the list `name`; ``None`` if there is none.

        Raises:
            XmpError: it is there twice, or is no list.
        """
        found = self.properties(name)
        local = name.rpartition(" ")[2]
        if len(found) > 1:
            raise XmpError(f"it has the property {local} twice")
        if any(name in each.attributes for each in self.descriptions) or (found and not _is_list(found[0])):
            raise XmpError(f"its property {local} is not a list")
        return PropertyList(found[0]) if found else None

    def is_bare(self, description: Element) -> bool:
        """Whether `description` says nothing but what is in its children."""
        return not set(description.attributes) - {_ABOUT}


def _is_list(element: Element) -> bool:
    return len(element.children) == 1 and element.children[0].name in _CONTAINERS


class _Parser:
    """Builds the elements from ``rdf:RDF`` down to the items of lists, and passes over the rest."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._depth = 0
        self._open: Element | None = None
        self._open_depth = 0
        self._rdf: Element | None = None
        self._rdf_depth = 0
        parser = expat.ParserCreate("utf-8", " ")
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._refuse_doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        self._parser = parser

    def parse(self) -> Element:
        try:
            self._parser.Parse(self._content, True)
        except expat.ExpatError as error:
            raise XmpError(f"it is not well-formed XML ({error})") from error
        finally:
            # The handlers are methods of what holds the parser.
            self._parser.StartElementHandler = self._parser.EndElementHandler = None
            self._parser.CharacterDataHandler = self._parser.StartDoctypeDeclHandler = None
        if self._rdf is None:
            raise XmpError("it is XML, but no XMP")
        return self._rdf

    def _refuse_doctype(self, *declaration: object) -> NoReturn:
        raise XmpError("it has a document type, which XMP has not; it may be meant to harm")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        depth = self._depth
        self._depth += 1
        if depth > _MAX_DEPTH:
            raise XmpError("its elements are nested too deeply")
        parent = self._open
        if parent is None:
            if depth > 1 or name != _RDF:
                return
            if self._rdf is not None:
                raise XmpError("it has two elements rdf:RDF")
            self._rdf_depth = depth
        elif self._open_depth != depth - 1 or depth > self._rdf_depth + _ITEM_LEVEL:
            return  # in what is not kept
        start = self._parser.CurrentByteIndex
        tag = _START_TAG.match(self._content, start)
        assert tag is not None, "expat has found a start tag there"
        element = Element(name, tag[1].decode(), start, tag.end(), parent, attributes)
        if parent is None:
            self._rdf = element
        else:
            parent.children.append(element)
        self._open, self._open_depth = element, depth

    def _end(self, name: str) -> None:
        self._depth -= 1
        element = self._open
        if element is None or self._open_depth != self._depth:
            return
        if self._content[element.content - 2 : element.content] == b"/>":
            element.content_end = element.end = element.content
        else:
            element.content_end = self._parser.CurrentByteIndex
            element.end = self._content.index(b">", element.content_end) + 1
        self._open, self._open_depth = element.parent, self._depth - 1

    def _characters(self, text: str) -> None:
        if self._open is not None and self._open_depth == self._depth - 1:
            self._open.text += text


def decode_packet(content: bytes) -> tuple[bytes, bytes, str]:
    """Bring `content` to UTF-8.

    Returns:
        The text in UTF-8, the byte order mark before it, and the encoding to write it back in.

    Raises:
        XmpError: it is in another encoding than UTF-8 and UTF-16, or is too large.
    """
    if len(content) > MAX_PACKET_BYTES:
        raise XmpError(f"it is larger than {MAX_PACKET_BYTES >> 20} MiB")
    for mark, encoding in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if content.startswith(mark):
            try:
                return content[2:].decode(encoding).encode("utf-8"), mark, encoding
            except UnicodeDecodeError as error:
                raise XmpError("it is not valid UTF-16") from error
    mark = b"\xef\xbb\xbf" if content.startswith(b"\xef\xbb\xbf") else b""
    declared = _ENCODING.match(content, len(mark))
    if declared and declared[1].lower() not in (b"utf-8", b"utf8", b"us-ascii"):
        raise XmpError(f"its encoding is {declared[1].decode('ascii', 'replace')}, not UTF-8 or UTF-16")
    return content[len(mark) :], mark, "utf-8"
