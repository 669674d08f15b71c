"""Image files, which may be hostile, to upright RGB images, and those to a model's input tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobiclass._system import open_door

if TYPE_CHECKING:
    from mobiclass.images.decode import Classifiable, ImageSource, RgbImage, load_image, upright_image
    from mobiclass.images.exif import ExifFacts, exif_facts
    from mobiclass.images.files import open_image_file
    from mobiclass.images.formats import decoders
    from mobiclass.images.likeness import LOOKS_ALIKE_BITS, difference_hash
    from mobiclass.images.made_photo import make_photo
    from mobiclass.images.preprocess import Preprocessor
    from mobiclass.images.preview import write_preview

open_door(
    __name__,
    {
        "decode": ("Classifiable", "ImageSource", "RgbImage", "load_image", "upright_image"),
        "exif": ("ExifFacts", "exif_facts"),
        "files": ("open_image_file",),
        "formats": ("decoders",),
        "likeness": ("LOOKS_ALIKE_BITS", "difference_hash"),
        "made_photo": ("make_photo",),
        "preprocess": ("Preprocessor",),
        "preview": ("write_preview",),
    },
)
