"""Text, colour profiles, Exif, XMP and comments, damaged in each way and in each format: the pixels come all the same.

The clean file is the measure: what is beside the pixels changes none of them, and costs neither memory nor time.
"""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mobiclass.errors import ImageError
from mobiclass.images.decode import load_image
from tests.images.test_hostile import peak_bytes
from tests.support.made_images import (
    TURNED_HEIC,
    encode,
    exif,
    jpeg_segment,
    noise,
    png_chunk,
    scene,
    stored,
)

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
PHOTO = noise(24, 16)
GARBAGE = random.Random(14).randbytes(3000)
BOMB = zlib.compress(bytes(8 << 20), 9)
EXIF_DAMAGE = {
    "empty": b"",
    "garbage": GARBAGE,
    "cut": exif(1)[:-7],
    "too big": exif(1) + bytes(60_000),
    "leads outside": b"Exif\0\0II*\0\xff\xff\xff\x7f",
    "leads to itself": b"Exif\0\0II*\0\x08\0\0\0\0\0\x08\0\0\0",
    "a billion values": b"Exif\0\0MM\0*\0\0\0\x08\0\1\x01\x12\0\3\x3f\xff\xff\xff\0\0\0\1\0\0\0\0",
    "orientation of another type": b"Exif\0\0MM\0*\0\0\0\x08\0\1\x01\x12\0\2\0\0\0\4sixx\0\0\0\0",
    "orientation 99": exif(99),
}
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF>'
XMP_DAMAGE = {
    "no UTF-8": XMP + b"\xff\xfe\x80" + GARBAGE,
    "no end": XMP * 800,
    "entities": b'<!DOCTYPE l [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>' + XMP + b"&b;",
    "NULs": bytes(2000),
}
ICC_DAMAGE = {"empty": b"", "garbage": GARBAGE, "cut": bytes(130)}


def with_crc_error(chunk: bytes) -> bytes:
    return chunk[:-1] + bytes((chunk[-1] ^ 1,))


def pngs() -> Iterator[tuple[str, bytes]]:
    clean = encode(PHOTO, "PNG")
    first, xmp = clean.index(b"IDAT") - 4, b"XML:com.adobe.xmp\0\0\0\0\0"
    chunks = {
        "zTXt, a bomb": png_chunk(b"zTXt", b"k\0\0" + BOMB),
        "zTXt, corrupt": png_chunk(b"zTXt", b"k\0\0" + BOMB[:40] + GARBAGE),
        "zTXt, an unknown method": png_chunk(b"zTXt", b"k\0\7" + BOMB),
        "zTXt, empty": png_chunk(b"zTXt", b""),
        "iTXt, a bomb": png_chunk(b"iTXt", b"k\0\1\0en\0k\0" + BOMB),
        "iTXt, corrupt": png_chunk(b"iTXt", b"k\0\1\0en\0k\0" + GARBAGE),
        "iTXt, no UTF-8": png_chunk(b"iTXt", b"k\0\0\0\xff\0\xff\0\xff\xfe"),
        "iTXt, cut": png_chunk(b"iTXt", b"XML:com.adobe.xmp\0"),
        "tEXt, large": png_chunk(b"tEXt", b"k\0" + b"x" * (3 << 20)),
        "tEXt, no keyword": png_chunk(b"tEXt", GARBAGE),
        "tEXt, seventy": png_chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(1_000_000), 9)) * 70,
        "iCCP, a bomb": png_chunk(b"iCCP", b"k\0\0" + BOMB),
        "iCCP, an unknown method": png_chunk(b"iCCP", b"k\0\7" + BOMB),
        "iCCP, empty": png_chunk(b"iCCP", b""),
        "pHYs, cut": png_chunk(b"pHYs", b"\1"),
        "gAMA, cut": png_chunk(b"gAMA", b""),
        "cHRM, cut": png_chunk(b"cHRM", b"\1\2\3"),
        "sRGB, empty": png_chunk(b"sRGB", b""),
        "tIME, garbage": png_chunk(b"tIME", GARBAGE),
        "acTL, cut": png_chunk(b"acTL", b"\0"),
        "fcTL, cut": png_chunk(b"acTL", struct.pack(">II", 2, 0)) + png_chunk(b"fcTL", b"\0"),
        "private, large": png_chunk(b"prVt", GARBAGE * 300),
        **{f"iCCP, {name}": png_chunk(b"iCCP", b"k\0\0" + damage) for name, damage in ICC_DAMAGE.items()},
        **{f"eXIf, {name}": png_chunk(b"eXIf", damage[6:]) for name, damage in EXIF_DAMAGE.items()},
        **{f"XMP, {name}": png_chunk(b"iTXt", xmp + damage) for name, damage in XMP_DAMAGE.items()},
        "Raw profile": png_chunk(b"tEXt", b"Raw profile type exif\0\nexif\n  20\nzz not hex"),
    }  # fmt: skip
    chunks |= {
        f"{kind}, checksum": with_crc_error(png_chunk(kind.encode(), b"k\0\0\0\0text"))
        for kind in ("tEXt", "zTXt", "iTXt", "iCCP", "eXIf", "pHYs", "tIME")
    }
    for name, chunk in chunks.items():
        yield name, clean[:first] + chunk + clean[first:]
        yield f"{name}, after the pixels", clean[:-12] + chunk + clean[-12:]


def jpegs() -> Iterator[tuple[str, bytes]]:
    clean = encode(PHOTO, "JPEG", quality=95)
    xmp, mpf, photoshop = b"http://ns.adobe.com/xap/1.0/\0", b"MPF\0", b"Photoshop 3.0\0"
    segments = {
        **{f"Exif, {name}": (0xE1, damage or b"Exif\0\0") for name, damage in EXIF_DAMAGE.items()},
        **{f"XMP, {name}": (0xE1, xmp + damage) for name, damage in XMP_DAMAGE.items()},
        **{f"ICC, {name}": (0xE2, b"ICC_PROFILE\0\1\1" + damage) for name, damage in ICC_DAMAGE.items()},
        "ICC, part 9 of 3": (0xE2, b"ICC_PROFILE\0\x09\x03" + GARBAGE),
        "ICC, no number": (0xE2, b"ICC_PROFILE\0"),
        "MPF, empty": (0xE2, mpf),
        "MPF, garbage": (0xE2, mpf + GARBAGE),
        "MPF, leads outside": (0xE2, mpf + b"II*\0\xff\xff\xff\x7f"),
        "JFIF, cut": (0xE0, b"JFIF"),
        "JFIF, empty": (0xE0, b"JFIF\0"),
        "Adobe, cut": (0xEE, b"Adobe"),
        "Photoshop, garbage": (0xED, photoshop + GARBAGE),
        "Photoshop, cut": (0xED, photoshop + b"8BIM\x03\xed\0\0\0\0"),
        "Photoshop, resolution": (0xED, photoshop + b"8BIM\x03\xed\0\0\0\0\0\2\1\1"),
        "FPXR": (0xE2, b"FPXR\0" + GARBAGE),
        "comment, garbage": (0xFE, GARBAGE),
        "comment, empty": (0xFE, b""),
        **{f"APP{number}, garbage": (0xE0 + number, GARBAGE) for number in range(16)},
        **{f"APP{number}, empty": (0xE0 + number, b"") for number in range(16)},
    }
    for name, (marker, content) in segments.items():
        segment = jpeg_segment(marker, content)
        yield name, clean[:2] + segment + clean[2:]
        yield f"{name}, after the JFIF header", clean[:20] + segment + clean[20:]
        if name.startswith("ICC"):
            yield f"{name}, 200 of them", clean[:20] + jpeg_segment(marker, content + bytes(60_000)) * 200 + clean[20:]
    yield "comment of no length", clean[:20] + b"\xff\xfe\0\0" + clean[20:]


def webps() -> Iterator[tuple[str, bytes]]:
    lossless = {"lossless": True}
    clean = encode(PHOTO, "WEBP", **lossless)
    header = b"VP8X\x0a\0\0\0%c\0\0\0\x17\0\0\x0f\0\0"
    pixels = clean[12:]

    def file(flags: int, *chunks: bytes, before: bytes = b"") -> bytes:
        body = b"WEBP" + header % flags + before + pixels + b"".join(chunks)
        return b"RIFF" + struct.pack("<I", len(body)) + body

    def chunk(kind: bytes, content: bytes, length: int | None = None) -> bytes:
        return kind + struct.pack("<I", len(content) if length is None else length) + content + bytes(len(content) % 2)

    yield "flags without chunks", file(0x2C)
    for name, damage in EXIF_DAMAGE.items():
        yield f"Exif, {name}", file(0x08, chunk(b"EXIF", damage))
    for name, damage in XMP_DAMAGE.items():
        yield f"XMP, {name}", file(0x04, chunk(b"XMP ", damage))
    for name, damage in ICC_DAMAGE.items():
        yield f"ICC, {name}", file(0x20, before=chunk(b"ICCP", damage))
        yield f"ICC, {name}, after the pixels", file(0x20, chunk(b"ICCP", damage))
    yield "Exif, longer than the file", file(0x08, chunk(b"EXIF", exif(1), 1 << 20))
    yield "XMP, longer than the file", file(0x04, chunk(b"XMP ", XMP, 0xFFFFFFF0))
    yield "unknown", file(0, chunk(b"XYZW", GARBAGE))


def gifs() -> Iterator[tuple[str, bytes]]:
    clean = encode(PHOTO.quantize(32), "GIF")
    first = 13 + (3 << (clean[10] & 7) + 1)  # after the palette
    blocks = {
        "comment": b"!\xfe\xff" + bytes(255) + b"\0",
        "comment, no UTF-8": b"!\xfe\x04\xff\xfe\x80\x81\0",
        "comment, empty": b"!\xfe\0",
        "comments, 300,000": b"!\xfe\1a\0" * 300_000,
        "comment, in 300,000 blocks": b"!\xfe" + b"\1a" * 300_000 + b"\0",
        "NETSCAPE, cut": b"!\xff\x0bNETSCAPE2.0\0",
        "NETSCAPE, short": b"!\xff\x0bNETSCAPE2.0\1\1\0",
        "XMP": b"!\xff\x0bXMP DataXMP" + XMP + b"\1" + bytes(range(255, -1, -1)) + b"\0",
        "ICC": b"!\xff\x0bICCRGBG1012\x05abcde\0",
        "application, short": b"!\xff\1a\0",
        "text": b"!\1\x0c" + bytes(12) + b"\3abc\0",
        "unknown": b"!\x42\3abc\0",
    }
    for name, block in blocks.items():
        yield name, clean[:first] + block + clean[first:]


def with_tags(content: bytes, *entries: bytes) -> bytes:
    """Give the little-endian TIFF `content` with `entries` added to its directory."""
    (place,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, place)
    old = [content[place + 2 + 12 * number :][:12] for number in range(count)]
    both = sorted((*old, *entries), key=lambda entry: struct.unpack_from("<H", entry)[0])
    directory = struct.pack("<H", len(both)) + b"".join(both) + bytes(4)
    return content[:4] + struct.pack("<I", len(content)) + content[8:] + directory


def tiffs() -> Iterator[tuple[str, bytes]]:
    def tag(number: int, kind: int, count: int, value: int) -> bytes:
        return struct.pack("<HHII", number, kind, count, value)

    entries = {
        "description, outside": tag(270, 2, 500, 1 << 30),
        "description, gigabytes": tag(270, 2, 0xFFFFFF00, 8),
        "software, no text": tag(305, 2, 40, 8),
        "date, of numbers": tag(306, 12, 1, 8),
        "unknown type": tag(315, 99, 7, 8),
        "ICC, outside": tag(34675, 7, 5000, 1 << 30),
        "ICC, gigabytes": tag(34675, 7, 0xF0000000, 8),
        "ICC, garbage": tag(34675, 7, 200, 8),
        "XMP, no UTF-8": tag(700, 1, 300, 8),
        "XMP, of longs": tag(700, 4, 300, 8),
        "Exif, outside": tag(34665, 4, 1, 1 << 30),
        "Exif, to itself": tag(34665, 4, 1, 8),
        "Exif, many": tag(34665, 4, 1 << 20, 8),
        "GPS, outside": tag(34853, 4, 1, 1 << 31),
        "IPTC": tag(33723, 4, 1 << 28, 8),
        "Photoshop": tag(34377, 7, 200, 8),
        "resolution, outside": tag(282, 5, 1, 1 << 30),
        "resolution, by zero": tag(282, 5, 0, 0),
        "resolution unit, of text": tag(296, 2, 1, 65),
        "private": tag(65000, 1, 1 << 24, 8),
        "count of zero": tag(305, 2, 0, 0),
    }
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "jpeg"):
        clean = encode(PHOTO, "TIFF", compression=compression)
        for name, entry in entries.items():
            yield f"{compression}, {name}", with_tags(clean, entry)


def heifs() -> Iterator[tuple[str, bytes]]:
    clean, place = TURNED_HEIC, TURNED_HEIC.rindex(b"MM\0*")
    yield "Exif, header", clean[:place] + b"\xff\xff\xff\xff" + clean[place + 4 :]
    yield "Exif, zeros", clean[:place] + bytes(8) + clean[place + 8 :]
    yield "Exif, offset", clean[: place - 4] + b"\x7f\xff\xff\xff" + clean[place:]


def avifs() -> Iterator[tuple[str, bytes]]:
    if "AVIF" not in Image.SAVE:
        return
    block = b"MM\0*\0\0\0\x08" + bytes(range(256)) * 12  # libavif writes only what looks like Exif
    with_block = encode(PHOTO, "AVIF", quality=100, exif=block)
    for name, damage in EXIF_DAMAGE.items():
        damage = damage.removeprefix(b"Exif\0\0")[: len(block)].ljust(len(block), b"\0")
        yield f"Exif, {name}", with_block.replace(block, damage)
    for name, damage in XMP_DAMAGE.items():
        yield f"XMP, {name}", encode(PHOTO, "AVIF", quality=100, xmp=damage)
    for name, damage in ICC_DAMAGE.items():
        yield f"ICC, {name}", encode(PHOTO, "AVIF", quality=100, icc_profile=damage)


def jp2s() -> Iterator[tuple[str, bytes]]:
    clean = encode(PHOTO, "JPEG2000")
    first = clean.index(b"jp2c") - 4
    for name, damage in {"garbage": GARBAGE, **XMP_DAMAGE}.items():
        for kind in (b"xml ", b"uuid", b"free", b"res "):
            box = struct.pack(">I", 8 + len(damage)) + kind + damage
            yield f"{kind.decode()}, {name}", clean[:first] + box + clean[first:]


def psds() -> Iterator[tuple[str, bytes]]:
    pixels = np.asarray(PHOTO).transpose(2, 0, 1).tobytes()
    head = b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 16, 24, 8, 3) + bytes(4)
    for name, damage in {"none": b"", "garbage": GARBAGE, "cut": b"8BIM\x03\xed\0\0\0\0\1\0\1"}.items():
        yield f"resources, {name}", head + struct.pack(">I", len(damage)) + damage + bytes(4) + b"\0\0" + pixels


def ppms() -> Iterator[tuple[str, bytes]]:
    pixels = np.asarray(PHOTO).tobytes()
    yield "comment, large", b"P6\n#" + b"x" * 700_000 + b"\n24 16\n255\n" + pixels
    yield "comment, no text", b"P6 24 16#\xff\xfe\x80\n255\n" + pixels


CLEAN = {
    "PNG": lambda: encode(PHOTO, "PNG"),
    "JPEG": lambda: encode(PHOTO, "JPEG", quality=95),
    "WEBP": lambda: encode(PHOTO, "WEBP", lossless=True),
    "GIF": lambda: encode(PHOTO.quantize(32), "GIF"),
    "TIFF": lambda: encode(PHOTO, "TIFF"),
    "AVIF": lambda: encode(PHOTO, "AVIF", quality=100),
    "HEIF": lambda: TURNED_HEIC,
    "JPEG2000": lambda: encode(PHOTO, "JPEG2000"),
    "PSD": lambda: encode(PHOTO, "PNG"),
    "PPM": lambda: encode(PHOTO, "PNG"),
}
DAMAGED = [
    pytest.param(image_format, content, id=f"{image_format}: {name}")
    for image_format, files in {
        "PNG": pngs, "JPEG": jpegs, "WEBP": webps, "GIF": gifs, "TIFF": tiffs, "AVIF": avifs,
        "HEIF": heifs, "JPEG2000": jp2s, "PSD": psds, "PPM": ppms,
    }.items()
    for name, content in files()
]  # fmt: skip


def pixels_of(content: bytes) -> np.ndarray:
    return np.asarray(load_image(content, min_height=16, min_width=16))


@pytest.mark.parametrize("image_format, content", DAMAGED)
def test_side_data_never_reject_sound_pixels(image_format: str, content: bytes) -> None:
    if image_format == "HEIF":
        pytest.importorskip("pi_heif", reason="pi-heif, which is optional, is not installed", exc_type=ImportError)
    clean = CLEAN[image_format]()
    if image_format == "TIFF" and b"\xff\xd8\xff" in content:
        clean = encode(PHOTO, "TIFF", compression="jpeg")
    assert np.array_equal(pixels_of(content), pixels_of(clean))


@pytest.mark.parametrize("orientation", [3, 6])
def test_what_exif_says_of_the_orientation_outlives_other_damage(orientation: int) -> None:
    turned = stored(scene(), orientation)
    bomb = png_chunk(b"zTXt", b"k\0\0" + BOMB)
    png = encode(turned, "PNG", exif=exif(orientation))
    webp = encode(turned, "WEBP", lossless=True, exif=exif(orientation))
    webp = webp[:20] + bytes((webp[20] | 4,)) + webp[21:] + b"XMP \xf0\xff\0\0cut"
    for content in (png[:33] + bomb + png[33:], png[:-12] + bomb + png[-12:], webp):
        assert np.array_equal(pixels_of(content), np.asarray(scene()))


def test_transparency_stays() -> None:
    palette = encode(PHOTO.quantize(8), "PNG", transparency=3)
    damaged = palette[:33] + png_chunk(b"iCCP", b"") + palette[33:]
    assert np.array_equal(pixels_of(damaged), pixels_of(palette))
    assert not np.array_equal(pixels_of(damaged), pixels_of(encode(PHOTO.quantize(8), "PNG")))


def test_damaged_pixels_beside_damaged_text_are_what_is_wrong() -> None:
    clean = encode(noise(64, 64), "PNG")
    text = png_chunk(b"zTXt", b"k\0\0" + BOMB)
    place = clean.index(b"IDAT") + 400
    flipped = clean[:33] + text + clean[33:place] + bytes((clean[place] ^ 1,)) + clean[place + 1 :]
    for content in (flipped, clean[:33] + text + clean[33:3000]):
        with pytest.raises(ImageError) as caught:
            load_image(content, min_height=16, min_width=16)
        assert caught.value.kind == "truncated"
    cut = clean[:33] + text + clean[33:9000]
    assert load_image(cut, min_height=16, min_width=16, allow_truncated=True).size == (64, 64)


def test_nothing_is_inflated(tmp_path: Path) -> None:
    packer = zlib.compressobj(9)
    bomb = b"".join((*(packer.compress(bytes(1 << 20)) for _ in range(400)), packer.flush()))
    clean = encode(PHOTO, "PNG")
    paths = [tmp_path / f"{kind}.png" for kind in ("zTXt", "iTXt", "iCCP")]
    for path, start in zip(paths, (b"k\0\0", b"k\0\1\0en\0k\0", b"k\0\0"), strict=True):
        path.write_bytes(clean[:33] + png_chunk(path.stem.encode(), start + bomb) + clean[33:])
    assert peak_bytes(*paths) < 40 << 20
