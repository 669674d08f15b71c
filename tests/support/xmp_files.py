"""XMP files as other programs write them."""

from typing import Final

DARKTABLE: Final = b"""<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:lr="http://ns.adobe.com/lightroom/1.0/"
    xmlns:darktable="http://darktable.sf.net/"
   xmp:Rating="4"
   darktable:xmp_version="5"
   darktable:raw_params="0"
   darktable:history_end="2">
   <dc:subject>
    <rdf:Bag>
     <rdf:li>holiday</rdf:li>
     <rdf:li>Gro&#xDF;mutter &amp; co</rdf:li>
    </rdf:Bag>
   </dc:subject>
   <lr:hierarchicalSubject>
    <rdf:Bag>
     <rdf:li>people|family</rdf:li>
    </rdf:Bag>
   </lr:hierarchicalSubject>
   <darktable:history>
    <rdf:Seq>
     <rdf:li
      darktable:num="0"
      darktable:operation="exposure"
      darktable:params="0000a0c0 &gt; 1"/>
    </rdf:Seq>
   </darktable:history>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
"""

DIGIKAM: Final = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\r\n'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    "<rdf:Description rdf:about='uuid:1b-2' xmlns:digiKam='http://www.digikam.org/ns/1.0/' digiKam:PickLabel='0'>"
    "<digiKam:TagsList><rdf:Seq><rdf:li>Places/Home</rdf:li></rdf:Seq></digiKam:TagsList></rdf:Description>"
    "<rdf:Description rdf:about='uuid:1b-2' xmlns:unknown='http://example.org/unknown#'>"
    "<unknown:blob rdf:parseType='Resource'><unknown:a>1 &lt; 2</unknown:a></unknown:blob></rdf:Description>"
    "</rdf:RDF></x:xmpmeta>\r\n" + " " * 200 + '\r\n<?xpacket end="w"?>'
).encode()

OTHER_PREFIXES: Final = b"""<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<r:Description r:about="" xmlns:d="http://purl.org/dc/elements/1.1/"><d:subject>
<Bag xmlns="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><li>old</li></Bag></d:subject></r:Description>
<!-- a comment with <rdf:li>no item</rdf:li> -->
</r:RDF>"""

EMPTY: Final = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"></rdf:RDF>'
    b"</x:xmpmeta>"
)

UTF_16: Final = b"\xff\xfe" + DARKTABLE.decode().replace("UTF-8", "UTF-16").encode("utf-16-le")

ALL: Final = {
    "darktable": DARKTABLE,
    "digikam": DIGIKAM,
    "other prefixes": OTHER_PREFIXES,
    "empty": EMPTY,
    "utf-16": UTF_16,
    "byte order mark": b"\xef\xbb\xbf" + DARKTABLE,
}
