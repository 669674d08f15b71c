"""Which decoders Pillow was built with. It needs nothing but Pillow: `mobiclass doctor` asks where NumPy is broken."""

from __future__ import annotations

from PIL import features


def decoders() -> dict[str, bool]:
    """Say of each format that needs a library of its own whether Pillow has it, if this Pillow knows it."""
    known = {*features.modules, *features.codecs, *features.features}
    libraries = {"JPEG": "jpg", "PNG": "zlib", "WebP": "webp", "TIFF": "libtiff", "AVIF": "avif"}
    return {name: bool(features.check(library)) for name, library in libraries.items() if library in known}
