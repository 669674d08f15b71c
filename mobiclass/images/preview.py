"""What a model will see of a photo, as a PNG: the pixels that its preprocessing looks up, each as it is.

The same decoder and the same `Preprocessor` as for a classification; nothing is run.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from mobiclass._system import atomic_write
from mobiclass.images.decode import ImageSource, load_image
from mobiclass.images.preprocess import Preprocessor
from mobiclass.tflite import ModelInfo


def write_preview(model: ModelInfo, photo: ImageSource, output: Path) -> None:
    """Write what `model` will see of `photo` to the PNG file `output`: decoded, upright, cropped and resized.

    `Preprocessor.tensor` of these pixels is exactly the tensor that the model would be fed.

    Raises:
        ImageError: the photo cannot be found, read or decoded.
        SetupError: the file cannot be written.
    """
    preprocessor = Preprocessor(model.input, model.preprocessing)
    image = load_image(photo, min_height=preprocessor.min_height, min_width=preprocessor.min_width)
    pixels = preprocessor.pixels(image)
    with atomic_write(output) as file:
        Image.fromarray(pixels if pixels.shape[2] > 1 else pixels[:, :, 0]).save(file, "PNG")
