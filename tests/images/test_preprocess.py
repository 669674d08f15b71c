"""From an image to the input tensor: against independent references, and exact where the model wants pixels."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mobiclass.images.preprocess import Preprocessor, centre_crop
from mobiclass.tflite.info import Preprocessing
from mobiclass.tflite.network import Quantization, TensorSpec

RAW = Quantization(1.0, 0)


def pixels_of(image: Image.Image, height: int, width: int, preprocessing: Preprocessing) -> npt.NDArray[np.uint8]:
    """Give the pixels that a model with an input of `height` and `width` sees."""
    return Preprocessor(TensorSpec("image", (1, height, width, 3), "uint8", RAW), preprocessing).pixels(image)


def raw(**arguments: object) -> Preprocessing:
    """Make a preprocessing that leaves pixel values alone."""
    return Preprocessing(mean=(0.0,) * 3, std=(1.0,) * 3, **arguments)  # type: ignore[arg-type]


def tensor_of(
    pixels: npt.NDArray[np.uint8], dtype: str, quantization: Quantization | None, mean: float, std: float
) -> npt.NDArray[np.generic]:
    """Preprocess `pixels` for an input of their own height and width: nothing is cropped or resized."""
    height, width, _ = pixels.shape
    spec = TensorSpec("image", (1, height, width, 3), dtype, quantization)
    preprocessor = Preprocessor(spec, Preprocessing(mean=(mean,) * 3, std=(std,) * 3, resize="squash"))
    return preprocessor(Image.fromarray(pixels))


def noise(height: int, width: int, seed: int = 0) -> npt.NDArray[np.uint8]:
    """Make random pixels, smooth enough that resizing does not just average them to grey."""
    generator = np.random.default_rng(seed)
    small = generator.integers(0, 256, (height // 4 + 2, width // 4 + 2, 3), dtype=np.uint8)
    return np.kron(small, np.ones((4, 4, 1), np.uint8))[:height, :width].copy()


EVERY_VALUE = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)


def cubic(distance: float) -> float:
    """Evaluate Keys' cubic convolution kernel with a = −0.5, Pillow's."""
    x = abs(distance)
    if x < 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    if x < 2:
        return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return 0.0


def resized(line: npt.NDArray[np.float64], start: float, stop: float, count: int) -> npt.NDArray[np.float64]:
    """Resample the first axis of `line` between `start` and `stop` to `count` samples, with antialiasing."""
    scale = (stop - start) / count
    spread = max(1.0, scale)
    rows = []
    for number in range(count):
        centre = start + (number + 0.5) * scale
        weights = np.array([cubic((source + 0.5 - centre) / spread) for source in range(len(line))])
        rows.append(np.tensordot(weights / weights.sum(), line, 1))
    return np.array(rows)


def reference_crop(pixels: npt.NDArray[np.uint8], height: int, width: int, fraction: float) -> npt.NDArray[np.float64]:
    """Crop and resize by the definition, in float64."""
    image_height, image_width, _ = pixels.shape
    crop_height = min(Fraction(image_height), Fraction(image_width * height, width)) * Fraction(fraction)
    crop_width = crop_height * width / height
    upper, left = (image_height - crop_height) / 2, (image_width - crop_width) / 2
    columns = resized(pixels.astype(np.float64).transpose(1, 0, 2), float(left), float(left + crop_width), width)
    return resized(columns.transpose(1, 0, 2), float(upper), float(upper + crop_height), height)


@pytest.mark.parametrize(
    ("image_height", "image_width", "height", "width", "fraction"),
    [
        (60, 80, 32, 32, 0.875),
        (80, 60, 32, 32, 0.875),
        (61, 47, 16, 24, 0.875),
        (90, 40, 24, 16, 1.0),
        (20, 30, 32, 32, 0.875),  # scaled up
        (33, 100, 20, 10, 0.5),
    ],
)
def test_crop_equals_an_independent_reference(
    image_height: int, image_width: int, height: int, width: int, fraction: float
) -> None:
    # Of middling contrast: a resizer in 8 bits cuts off between its two passes what the filter overshoots.
    pixels = noise(image_height, image_width) // 2 + 64
    seen = pixels_of(Image.fromarray(pixels), height, width, raw(crop_fraction=fraction))
    difference = np.abs(seen - reference_crop(pixels, height, width, fraction))
    # Half a step for the result, and half a step, weighted by the filter, for the pass before it.
    assert difference.max() <= 1.5
    assert difference.mean() <= 0.5


def test_crop_equals_resizing_the_whole_photo_and_cropping_it(photos: dict[str, object]) -> None:
    # The shorter side, 300, at 7/8 for 224 pixels is the whole image at 256 pixels, less 16 on each side.
    with Image.open(str(photos["chelsea.png"])) as image:
        square = image.convert("RGB").crop((0, 0, 300, 300))
    seen = pixels_of(square, 224, 224, raw(crop_fraction=0.875))
    whole = np.asarray(square.resize((256, 256), Image.Resampling.BICUBIC))[16:240, 16:240]
    difference = np.abs(seen.astype(np.int16) - whole)
    assert difference.max() <= 1


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "lanczos"])
def test_squash_stretches_the_whole_image(interpolation: str) -> None:
    image = Image.fromarray(noise(50, 90))
    seen = pixels_of(image, 20, 30, raw(resize="squash", interpolation=interpolation))
    expected = np.asarray(image.resize((30, 20), Image.Resampling[interpolation.upper()]))
    assert np.array_equal(seen, expected)


def test_pad_keeps_the_whole_image_and_fills_with_the_mean() -> None:
    image = Image.fromarray(noise(40, 80))
    preprocessing = Preprocessing(mean=(10.4, 20.5, 300.0), std=(1.0,) * 3, resize="pad")
    seen = pixels_of(image, 32, 32, preprocessing)
    assert np.array_equal(seen[8:24], np.asarray(image.resize((32, 16), Image.Resampling.BICUBIC)))
    assert np.unique(seen[:8].reshape(-1, 3), axis=0).tolist() == [[10, 20, 255]]
    assert np.unique(seen[24:].reshape(-1, 3), axis=0).tolist() == [[10, 20, 255]]


def test_pad_of_a_tall_image_fills_left_and_right() -> None:
    seen = pixels_of(Image.new("RGB", (10, 40), "white"), 32, 32, raw(resize="pad"))
    assert (seen[:, 12:20] == 255).all()
    assert (seen[:, :12] == 0).all()
    assert (seen[:, 20:] == 0).all()


def test_a_wide_input_is_not_transposed() -> None:
    left_is_white = np.zeros((40, 80, 3), np.uint8)
    left_is_white[:, :40] = 255
    seen = pixels_of(Image.fromarray(left_is_white), 8, 16, raw(crop_fraction=1.0))
    assert seen.shape == (8, 16, 3)
    assert (seen[:, :6] == 255).all()
    assert (seen[:, 10:] == 0).all()


def test_the_channels_are_red_green_blue() -> None:
    tensor = tensor_of(np.full((4, 4, 3), (250, 100, 3), np.uint8), "uint8", RAW, 0, 1)
    assert tensor[0, 0, 0].tolist() == [250, 100, 3]


@settings(max_examples=200)
@given(*[st.integers(1, 3000)] * 2, *[st.integers(2, 300)] * 2, st.floats(0.05, 1))
def test_the_crop_lies_in_the_image_centred_and_of_the_input_s_shape(
    image_height: int, image_width: int, height: int, width: int, fraction: float
) -> None:
    preprocessing = raw(crop_fraction=fraction)
    left, upper, right, lower = centre_crop(image_height, image_width, height, width, preprocessing)
    assert 0 <= left < right <= image_width
    assert 0 <= upper < lower <= image_height
    assert left + right == pytest.approx(image_width)
    assert upper + lower == pytest.approx(image_height)
    assert (right - left) * height == pytest.approx((lower - upper) * width)
    share = max((right - left) / image_width, (lower - upper) / image_height)
    assert share == pytest.approx(fraction)


@settings(max_examples=60)
@given(*[st.integers(1, 400)] * 2, *[st.integers(2, 40)] * 2, st.sampled_from(["crop", "squash", "pad"]))
def test_an_image_of_any_shape_meets_an_input_of_any_shape(
    image_height: int, image_width: int, height: int, width: int, resize: str
) -> None:
    image = Image.new("RGB", (image_width, image_height), (9, 99, 199))
    seen = pixels_of(image, height, width, Preprocessing((9.0, 99.0, 199.0), (1.0,) * 3, resize=resize))  # type: ignore[arg-type]
    assert seen.shape == (height, width, 3)
    assert (seen == (9, 99, 199)).all()


@pytest.mark.parametrize(
    ("scale", "zero_point", "mean", "std"),
    [
        (1 / 127.5, 127, 127.5, 127.5),
        (1 / 127.5, 128, 127.5, 127.5),
        (1 / 128, 127, 127.0, 128.0),
        (1 / 128, 128, 128.0, 128.0),
        (1 / 255, 0, 0.0, 255.0),
        (1.0, 0, 0.0, 1.0),
        (0.007843137718737125, 127, 127.0, 128.0),
    ],
)
def test_uint8_inputs_that_mean_the_pixels_get_the_pixels(
    scale: float, zero_point: int, mean: float, std: float
) -> None:
    tensor = tensor_of(EVERY_VALUE, "uint8", Quantization(scale, zero_point), mean, std)
    assert tensor.dtype == np.uint8
    assert np.array_equal(tensor[0], EVERY_VALUE)


@pytest.mark.parametrize(
    ("scale", "zero_point", "mean", "std"),
    [
        (1 / 127.5, -1, 127.5, 127.5),
        (1 / 128, 0, 128.0, 128.0),
        (1 / 128, -1, 127.0, 128.0),
        (1 / 255, -128, 0.0, 255.0),
        (1.0, -128, 0.0, 1.0),
    ],
)
def test_int8_inputs_that_mean_the_pixels_get_the_pixels_less_128(
    scale: float, zero_point: int, mean: float, std: float
) -> None:
    tensor = tensor_of(EVERY_VALUE, "int8", Quantization(scale, zero_point), mean, std)
    assert tensor.dtype == np.int8
    assert np.array_equal(tensor[0].astype(np.int16), EVERY_VALUE.astype(np.int16) - 128)


def test_unquantized_integer_inputs_get_the_pixels() -> None:
    assert np.array_equal(tensor_of(EVERY_VALUE, "uint8", None, 0, 1)[0], EVERY_VALUE)
    int8 = tensor_of(EVERY_VALUE, "int8", None, 0, 1)[0].astype(np.int16)
    assert np.array_equal(int8, EVERY_VALUE.astype(np.int16) - 128)


@pytest.mark.parametrize("dtype", ["uint8", "int8"])
@pytest.mark.parametrize(("scale", "mean", "std"), [(0.02, 120.0, 60.0), (1 / 64, 127.5, 127.5), (0.05, 0.0, 255.0)])
def test_other_inputs_are_normalized_and_quantized(dtype: str, scale: float, mean: float, std: float) -> None:
    low, high, zero_point = (0, 255, 128) if dtype == "uint8" else (-128, 127, -3)
    tensor = tensor_of(EVERY_VALUE, dtype, Quantization(scale, zero_point), mean, std)
    for pixel, value in zip(EVERY_VALUE[..., 0].ravel().tolist(), tensor[0, ..., 0].ravel().tolist(), strict=True):
        steps = (Fraction(pixel) - Fraction(mean)) / Fraction(std) / Fraction(scale)
        if abs(abs(steps) % 1 - Fraction(1, 2)) < Fraction(1, 10**9):
            continue  # a half, but for the error of a float64
        rounded = int(abs(steps) + Fraction(1, 2)) * (1 if steps >= 0 else -1)
        assert value == min(high, max(low, rounded + zero_point))


def test_float_inputs_are_normalized_channel_by_channel() -> None:
    spec = TensorSpec("image", (1, 16, 16, 3), "float32", None)
    mean, std = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
    tensor = Preprocessor(spec, Preprocessing(mean, std, resize="squash"))(Image.fromarray(EVERY_VALUE))
    assert tensor.dtype == np.float32
    expected = (EVERY_VALUE.astype(np.float64) - mean) / std
    assert np.array_equal(tensor[0], expected.astype(np.float32))


@pytest.mark.parametrize(("resize", "height", "width"), [("crop", 64, 46), ("squash", 56, 40), ("pad", 56, 40)])
def test_the_smallest_image_that_is_scaled_down_is_known(resize: str, height: int, width: int) -> None:
    spec = TensorSpec("image", (1, 56, 40, 3), "uint8", RAW)
    preprocessor = Preprocessor(spec, raw(resize=resize))
    assert (preprocessor.min_height, preprocessor.min_width) == (height, width)


def test_the_same_preprocessor_serves_many_images() -> None:
    # A tensor must not share memory with the next one's.
    spec = TensorSpec("image", (1, 8, 8, 3), "int8", Quantization(1 / 128, 0))
    preprocessor = Preprocessor(spec, Preprocessing((128.0,) * 3, (128.0,) * 3))
    first = preprocessor(Image.new("RGB", (9, 9), "black"))
    preprocessor(Image.new("RGB", (9, 9), "white"))
    assert (first == -128).all()
