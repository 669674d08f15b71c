"""Keywords in an XMP packet: ours are added, replaced and removed, and every other byte stays as it is.

The packet is edited as text, not parsed and written again: programs keep in it what no other program knows. Beside
the keywords stands, in a namespace of our own, which of them are ours, so that those of a person, or of another
program, are never taken for ours.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mobiclass.library.xmp_packet import RDF_NAMESPACE, Element, Packet, PropertyList, decode_packet

_NAMESPACES: Final = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "lr": "http://ns.adobe.com/lightroom/1.0/",
    "mobiclass": "urn:mobiclass:keywords:1.0/",
}
_LISTS: Final = {"keywords": "dc:subject", "hierarchicalKeywords": "lr:hierarchicalSubject"}
"""Our record of a list by the name that it has in our namespace, and the list itself.

The names differ without their prefixes too: some readers, Pillow for one, drop those.
"""

_NOTES: Final = ("photo", "added")

_SKELETON: Final = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="mobiclass">\n'
    f' <rdf:RDF xmlns:rdf="{RDF_NAMESPACE}">\n'
    " </rdf:RDF>\n"
    "</x:xmpmeta>\n"
    '<?xpacket end="w"?>\n'
).encode()
_SPACES: Final = b" \t\r\n"
_NOT_IN_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, section 2.2


@dataclass(frozen=True, slots=True)
class Keywords:
    """What is ours in a packet, or is to be.

    Attributes:
        subject: keywords, as `keyword_text` makes them.
        hierarchical: keywords with those above them, ``animal|cat``.
        photo: the name of the photo, where the name of the sidecar does not say which it is.
        added: what had to be added to the file besides the packet.
    """

    subject: Sequence[str] = ()
    hierarchical: Sequence[str] = ()
    photo: str | None = None
    added: str | None = None

    def lists(self) -> dict[str, Sequence[str]]:
        """The keywords by the name of their list in our namespace."""
        return {"keywords": self.subject, "hierarchicalKeywords": self.hierarchical}

    def notes(self) -> dict[str, str]:
        """What else is recorded, by its name in our namespace."""
        return {name: note for name in _NOTES if (note := getattr(self, name)) is not None}


def keyword_text(label: str) -> str:
    """Make `label` a keyword: one line, without the characters that XML has no way to write."""
    return " ".join(_NOT_IN_XML.sub("\ufffd", label).split())


def our_keywords(content: bytes) -> Keywords:
    """Read which keywords of the packet `content` are ours.

    Raises:
        XmpError: it is no XMP.
    """
    return _recorded(Packet(decode_packet(content)[0]))


def edit_keywords(content: bytes | None, keywords: Keywords | None) -> bytes | None:
    """Make `keywords` the ones that are ours in the packet `content`; ``None`` removes ours.

    A keyword that is there already, and not ours, stays somebody else's. Removing what was added gives the bytes that
    were there before.

    Args:
        content: the packet, or ``None`` for none.
        keywords: ours.

    Returns:
        The packet, the same object if nothing changes; ``None`` if it has nothing in it.

    Raises:
        XmpError: it is no XMP, or a list in it cannot be edited.
    """
    if content is None:
        return _added(Packet(_SKELETON), keywords or Keywords()) or None
    text, mark, encoding = decode_packet(content)
    packet = Packet(text)
    if _is_as_wanted(packet, keywords or Keywords()):
        return content
    cut = _cut(packet)
    edited = _added(Packet(cut), keywords or Keywords()) or cut
    if edited == _SKELETON:
        return None
    return mark + (edited if encoding == "utf-8" else edited.decode("utf-8").encode(encoding))


def _recorded(packet: Packet) -> Keywords:
    """Read our record in `packet`."""
    texts = {name: _our_texts(packet, name) for name in (*_LISTS, *_NOTES)}
    notes = {name: texts[name][0] if texts[name] else None for name in _NOTES}
    return Keywords(tuple(texts["keywords"]), tuple(texts["hierarchicalKeywords"]), notes["photo"], notes["added"])


def _our_texts(packet: Packet, name: str) -> list[str]:
    found = packet.property_list(_full(f"mobiclass:{name}"))
    return found.texts() if found else []


def _full(name: str) -> str:
    prefix, _, local = name.partition(":")
    return f"{_NAMESPACES[prefix]} {local}"


def _is_as_wanted(packet: Packet, wanted: Keywords) -> bool:
    recorded = _recorded(packet)
    for name, ours in recorded.lists().items():
        present = Counter(_texts(packet.property_list(_full(_LISTS[name]))))
        foreign = present - Counter(ours)
        if Counter(ours) - present or set(ours) != {text for text in wanted.lists()[name] if text not in foreign}:
            return False
    nothing_is_ours = not any(recorded.lists().values())
    return recorded.notes() == ({} if nothing_is_ours else wanted.notes())


def _texts(found: PropertyList | None) -> list[str]:
    return found.texts() if found else []


def _cut(packet: Packet) -> bytes:
    """Take out what is ours: keywords, our record of them, and the elements that are empty without."""
    gone: list[Element] = []
    recorded = _recorded(packet).lists()
    for name, listed in _LISTS.items():
        found = packet.property_list(_full(listed))
        if found is None:
            continue
        ours = Counter(recorded[name])
        items = [item for item in found.items if ours[item.text] > 0 and not ours.subtract((item.text,))]
        gone += [found.element] if items and len(items) == len(found.container.children) else items
    for name in (*_LISTS, *_NOTES):
        gone += packet.properties(_full(f"mobiclass:{name}"))
    places = {element.start for element in gone}
    gone += [
        description
        for description in packet.descriptions
        if description.children
        and all(child.start in places for child in description.children)
        and packet.is_bare(description)
    ]
    kept = []
    done = 0
    for element in sorted(gone, key=lambda element: (element.start, -element.end)):
        if element.start >= done:  # not within the one before
            kept.append(packet.content[done : max(done, _before_spaces(packet.content, element.start))])
            done = element.end
    return b"".join((*kept, packet.content[done:]))


def _before_spaces(content: bytes, position: int) -> int:
    while position and content[position - 1] in _SPACES:
        position -= 1
    return position


def _added(packet: Packet, keywords: Keywords) -> bytes:
    """Add `keywords` to `packet`, in which nothing is ours; nothing is returned if all of them are there."""
    block: dict[str, Sequence[str]] = {}
    record: dict[str, Sequence[str]] = {}
    edits: list[tuple[int, int, bytes]] = []
    for name, wanted in keywords.lists().items():
        listed = _LISTS[name]
        found = packet.property_list(_full(listed))
        new = [text for text in dict.fromkeys(wanted) if text not in _texts(found)]
        if not new:
            continue
        record[f"mobiclass:{name}"] = new
        if found is None:
            block[listed] = new
        else:
            edits.append(_list_edit(packet.content, found, new))
    if not record:
        return b""
    notes: Mapping[str, Sequence[str]] = {f"mobiclass:{name}": (note,) for name, note in keywords.notes().items()}
    edits.append(_block_edit(packet, {**block, **record, **notes}))
    content = packet.content
    for start, end, text in sorted(edits, reverse=True):
        content = content[:start] + text + content[end:]
    return content


def _list_edit(content: bytes, found: PropertyList, texts: Sequence[str]) -> tuple[int, int, bytes]:
    """Say what to replace, from where to where, so that `texts` follow the items of a list."""
    container = found.container
    tag = f"{container.prefix}li"
    if found.items:
        first, last = found.items[0], found.items[-1]
        space = content[_before_spaces(content, first.start) : first.start].decode()
        return last.end, last.end, "".join(f"{space}<{tag}>{_escaped(text)}</{tag}>" for text in texts).encode()
    items = "".join(f"<{tag}>{_escaped(text)}</{tag}>" for text in texts)
    start_tag = _opened(content, container)
    return container.start, container.end, f"{start_tag}{items}</{container.tag}>".encode()


def _block_edit(packet: Packet, lists: Mapping[str, Sequence[str]]) -> tuple[int, int, bytes]:
    """Say what to replace so that a description with `lists` is the last one."""
    rdf = packet.rdf
    used = dict.fromkeys(name.partition(":")[0] for name in lists)
    spaces = {"rdf": RDF_NAMESPACE} if rdf.tag != "rdf:RDF" else {}
    spaces |= {prefix: _NAMESPACES[prefix] for prefix in used}
    declared = "".join(f'\n    xmlns:{prefix}="{namespace}"' for prefix, namespace in spaces.items())
    about = _escaped(packet.about).replace('"', "&quot;")
    lines = [f'\n  <rdf:Description rdf:about="{about}"{declared}>']
    for name, texts in lists.items():
        items = "".join(f"\n     <rdf:li>{_escaped(text)}</rdf:li>" for text in texts)
        lines.append(f"\n   <{name}>\n    <rdf:Bag>{items}\n    </rdf:Bag>\n   </{name}>")
    lines.append("\n  </rdf:Description>")
    block = "".join(lines)
    if rdf.content_end == rdf.end:  # <rdf:RDF/>
        return rdf.start, rdf.end, f"{_opened(packet.content, rdf)}{block}\n </{rdf.tag}>".encode()
    place = rdf.children[-1].end if rdf.children else rdf.content
    return place, place, block.encode()


def _opened(content: bytes, element: Element) -> str:
    """Give the start tag of `element`, also where it has an empty-element tag."""
    tag = content[element.start : element.content].decode()
    return f"{tag.removesuffix('/>').rstrip()}>" if tag.endswith("/>") else tag


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
