"""An upright RGB image to the model's input tensor: crop and resize in Pillow, then one table lookup.

Normalizing ``(pixel − mean) / std`` and quantizing have only 256 different arguments a channel. They are worked
out once a model, into a table, and looked up for every pixel. It decodes no files and runs no model.
"""

from __future__ import annotations

from math import ceil
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from mobiclass.tflite import Preprocessing, Quantization, TensorSpec, quantize

_FILTERS: Final = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


class Preprocessor:
    """Turn images into the input tensor that one model wants.

    Attributes:
        min_height: an image of at least this height and `min_width` is only ever scaled down; decoding it
            at any larger scale is wasted.
        min_width: see `min_height`.
        depth: the channels of the input: 3, or 1 for grey.
    """

    def __init__(self, tensor: TensorSpec, preprocessing: Preprocessing) -> None:
        """Prepare the table for `tensor`, whose shape is (1, height, width, C), or with C before the height.

        C is 3 of colour images and 1 of grey ones.
        """
        self._channels_first = preprocessing.layout == "nchw"
        order = (2, 3, 1) if self._channels_first else (1, 2, 3)
        self._height, self._width, self.depth = (tensor.shape[axis] for axis in order)
        self._shape = tensor.shape
        self._is_grey = self.depth == 1
        # Which of red, green and blue is the first channel of the input, the second and the third.
        self._sources = (0,) if self._is_grey else (2, 1, 0) if preprocessing.channels == "bgr" else (0, 1, 2)
        self._preprocessing = preprocessing
        self._filter = _FILTERS[preprocessing.interpolation]
        self._table = _lookup_table(tensor, preprocessing)
        self._dtype = np.dtype(tensor.dtype)
        kept = preprocessing.crop_fraction if preprocessing.resize == "crop" else 1.0
        self.min_height = ceil(self._height / kept)
        self.min_width = ceil(self._width / kept)

    def __call__(self, image: Image.Image) -> npt.NDArray[np.generic]:
        """Turn an upright RGB `image` of any size into the input tensor, of the model's shape and dtype."""
        return self.tensor(self.pixels(image))

    def tensor(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.generic]:
        """Turn what `pixels` gives into the input tensor, of the model's shape and dtype."""
        if self._table is None and self._sources == (0, 1, 2) and not self._channels_first:
            return pixels[np.newaxis]
        tensor = np.empty(self._shape, self._dtype)
        planes = tensor[0] if self._channels_first else np.moveaxis(tensor[0], 2, 0)
        for plane, source in zip(planes, self._sources, strict=True):
            plane[:] = pixels[:, :, source] if self._table is None else self._table[source][pixels[:, :, source]]
        return tensor

    def pixels(self, image: Image.Image) -> npt.NDArray[np.uint8]:
        """Crop and resize an upright RGB `image` to what the model sees: uint8 (height, width, 3), RGB.

        For a grey input it is (height, width, 1): the luma of ITU-R 601, as Pillow computes it.
        """
        pixels = np.asarray(self._fit(image.convert("L") if self._is_grey else image), np.uint8)
        return pixels[:, :, np.newaxis] if self._is_grey else pixels

    def seen(self, image: Image.Image) -> tuple[float, float, float, float]:
        """Find the part of an upright `image` that becomes the input: left, upper, right, lower.

        They are fractions of its width and height, beyond 0–1 where the input is padded.
        """
        match self._preprocessing.resize:
            case "squash":
                return 0.0, 0.0, 1.0, 1.0
            case "pad":
                height, width = self._padded_size(image)
                across, down = (self._width - width) // 2 / width, (self._height - height) // 2 / height
                return -across, -down, self._width / width - across, self._height / height - down
            case "crop":
                box = centre_crop(image.height, image.width, self._height, self._width, self._preprocessing)
                return box[0] / image.width, box[1] / image.height, box[2] / image.width, box[3] / image.height

    def _fit(self, image: Image.Image) -> Image.Image:
        target = (self._width, self._height)
        match self._preprocessing.resize:
            case "squash":
                return image.resize(target, self._filter)
            case "pad":
                return self._pad(image)
            case "crop":
                box = centre_crop(image.height, image.width, self._height, self._width, self._preprocessing)
                # Cropping by the box of resize() is one pass, and lets the filter see beyond the crop's edge
                # just as resizing the whole image and cropping afterwards would.
                return image.resize(target, self._filter, box=box)

    def _pad(self, image: Image.Image) -> Image.Image:
        height, width = self._padded_size(image)
        # The mean colour is the model's zero: the padding says nothing.
        red, green, blue = (min(255, max(0, round(mean))) for mean in self._preprocessing.mean)
        canvas = Image.new(image.mode, (self._width, self._height), red if self._is_grey else (red, green, blue))
        resized = image.resize((width, height), self._filter)
        canvas.paste(resized, ((self._width - width) // 2, (self._height - height) // 2))
        return canvas

    def _padded_size(self, image: Image.Image) -> tuple[int, int]:
        scale = min(self._height / image.height, self._width / image.width)
        height = min(self._height, max(1, round(image.height * scale)))
        return height, min(self._width, max(1, round(image.width * scale)))


def centre_crop(
    image_height: int, image_width: int, height: int, width: int, preprocessing: Preprocessing
) -> tuple[float, float, float, float]:
    """Find the centre crop with the aspect ratio `height`:`width` that keeps `crop_fraction` of what could fit.

    Returns:
        left, upper, right, lower in pixels, not rounded.
    """
    aspect = width / height
    crop_height = min(image_height, image_width / aspect) * preprocessing.crop_fraction
    crop_width = crop_height * aspect
    left = (image_width - crop_width) / 2
    upper = (image_height - crop_height) / 2
    # Rounding must not push the box over the edge by 1e-14 pixels: Pillow refuses that.
    return max(0.0, left), max(0.0, upper), min(image_width, left + crop_width), min(image_height, upper + crop_height)


def _lookup_table(tensor: TensorSpec, preprocessing: Preprocessing) -> npt.NDArray[np.generic] | None:
    """Compute the (3, 256) table from pixel value to input value; ``None`` where a pixel is its own value."""
    pixels = np.arange(256)
    mean, std = (np.asarray(value, np.float64).reshape(3, 1) for value in (preprocessing.mean, preprocessing.std))
    real: npt.NDArray[np.float64] = (pixels - mean) / std
    if tensor.dtype in ("float32", "float16"):
        return real.astype(tensor.dtype)
    if tensor.dtype == "int16":
        # Its 65536 steps are no pixels: without a scale they are whole numbers.
        return quantize(real, tensor.quantization or Quantization(1.0, 0), "int16")
    unchanged = np.broadcast_to(pixels if tensor.dtype == "uint8" else pixels - 128, (3, 256))
    if tensor.quantization is not None:
        quantized = quantize(real, tensor.quantization, tensor.dtype)
        # Such inputs were meant to take the pixels as they are. Following the rounded mean, scale and zero point
        # to the letter would move some of them by one step, which is enough to turn a close decision.
        if np.abs(quantized.astype(np.int64) - unchanged).max() > 1:
            return quantized
    return None if tensor.dtype == "uint8" else unchanged.astype(tensor.dtype)
