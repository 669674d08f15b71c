"""What each source says of a model: `Facts`, one object a source, silent (``None``) where the source is.

Here the sources are read and checked; which of them wins is decided in `mobiclass.tflite.info`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias, get_args

from mobiclass.choices import Channels, Interpolation, Layout, OutputKind, Resize
from mobiclass.errors import ModelError
from mobiclass.labels import LabelList, labels_of_value
from mobiclass.tflite.metadata import Metadata
from mobiclass.tflite.network import TensorSpec

if TYPE_CHECKING:
    from mobiclass.hub import CatalogEntry

PerChannel: TypeAlias = tuple[float, float, float]
"""One value each for red, green and blue, in pixel units of 0–255."""

WEIGHTS_SOURCE: Final = "weights of the first layer"
"""The source of a normalization that was guessed by these."""

CONFIG_NAME: Final = "mobiclass.json"
CONFIG_FORMAT: Final = 1

_PREPROCESSING_KEYS: Final = (
    "mean", "std", "resize", "crop_fraction", "interpolation", "channels", "layout", "resolution"
)  # fmt: skip
_OUTPUT_KEYS: Final = ("output_tensor", "output_kind")
_MIN_CROP_FRACTION: Final = 0.01
MAX_INPUT_SIDE: Final = 4096  # pixels; beyond it the input tensor alone would fill a small machine
_MIN_INPUT_SIDE: Final = 2
_RAW_INT16_LIMIT: Final = 100  # a range of 16-bit inputs that goes beyond it is that of pixels
_LIMIT: Final = 1e12  # far beyond any mean or std of pixels; infinity and what is not a number lie beyond it too


class Facts(NamedTuple):
    """What one source says of a model.

    Attributes:
        source: the source's name, for people: ``command line``, ``TFLite Metadata``, a file's name.
        mean: subtracted from every pixel (0–255), a value a channel.
        std: then divides it.
        resize: see `Resize`.
        crop_fraction: the part of the image's shorter side that the centre crop keeps, over 0 and up to 1.
        interpolation: the filter that resizes.
        channels: the order of the colour channels.
        layout: where the input has its channels.
        resolution: height and width in pixels, for an input that leaves them open.
        output_tensor: which output holds the scores: its place, or a name.
        output_kind: what that output holds.
        labels: the labels, not yet fitted to the outputs.
        description: what the model is, in a sentence.
        author: who made it.
        license: the licence of its weights.
        rules: the object under ``rules``: when a class, a group or ``unknown`` is answered.
        taught: the object under ``taught``: what `mobiclass teach` has measured.
    """

    source: str
    mean: PerChannel | None = None
    std: PerChannel | None = None
    resize: Resize | None = None
    crop_fraction: float | None = None
    interpolation: Interpolation | None = None
    channels: Channels | None = None
    layout: Layout | None = None
    resolution: tuple[int, int] | None = None
    output_tensor: str | None = None
    output_kind: OutputKind | None = None
    labels: LabelList | None = None
    description: str | None = None
    author: str | None = None
    license: str | None = None
    rules: Mapping[str, Any] | None = None
    taught: Mapping[str, Any] | None = None


# The default normalization is that of the MobileNet family; it serves float inputs that nothing describes.
DEFAULTS: Final = Facts(
    source="default",
    mean=(127.5, 127.5, 127.5),
    std=(127.5, 127.5, 127.5),
    resize="crop",
    crop_fraction=0.875,
    interpolation="bicubic",
    channels="rgb",
)


# Converters put a Rescaling layer into the weights of the convolution that follows it, where it cannot be seen.
RAW_PIXELS: Final = Facts(source=WEIGHTS_SOURCE, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


def override_facts(
    *,
    labels: LabelList | None = None,
    resize: Resize | None = None,
    crop_fraction: float | None = None,
    mean: float | Sequence[float] | None = None,
    std: float | Sequence[float] | None = None,
    channels: Channels | None = None,
    layout: Layout | None = None,
    resolution: int | Sequence[int] | str | None = None,
    output_tensor: int | str | None = None,
    output_kind: OutputKind | None = None,
) -> Facts:
    """Take what a person says of the model: the strongest source.

    Raises:
        ValueError: a value is impossible, or a std of less than 1, which is not in pixel units.
    """
    said = {
        "resize": resize, "crop_fraction": crop_fraction, "mean": mean, "std": std, "channels": channels,
        "layout": layout, "resolution": resolution, "output_tensor": output_tensor, "output_kind": output_kind,
    }  # fmt: skip
    try:
        facts = {name: _CHECKS[name](value, name) for name, value in said.items() if value is not None}
    except ModelError as error:
        raise ValueError(str(error)) from error
    return Facts("command line", labels=labels, **facts)


def facts_from_quantization(tensor: TensorSpec) -> Facts:
    """Read the normalization that an integer input implies: its 256 steps are the 256 pixel values.

    A uint8 input holds the pixel itself and an int8 input the pixel − 128, so that the pixel's real value
    ``(quantized − zero_point) · scale`` is ``(pixel − mean) / std`` with ``std = 1 / scale``.
    """
    source = "input quantization"
    if tensor.dtype == "int16":
        return _facts_from_int16(tensor, source)
    if tensor.dtype not in ("uint8", "int8"):
        return Facts(source)
    if tensor.quantization is None:
        return Facts(source, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    scale, zero_point = tensor.quantization.scale, tensor.quantization.zero_point
    mean = float(zero_point if tensor.dtype == "uint8" else zero_point + 128)
    std = 1.0 / scale
    return Facts(source, mean=(mean, mean, mean), std=(std, std, std))


def _facts_from_int16(tensor: TensorSpec, source: str) -> Facts:
    """Tell pixels as they are; 65536 steps do not say which of the other values are pixels."""
    if tensor.quantization is not None and tensor.quantization.scale * 32767 < _RAW_INT16_LIMIT:
        return Facts(source)
    return Facts(source, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


def facts_from_catalog(entry: CatalogEntry) -> Facts:
    """Take what the catalogue says of the model."""
    mean = per_channel(entry.mean, f"{entry.name}: mean") if entry.mean is not None else None
    std = per_channel(entry.std, f"{entry.name}: std", positive=True) if entry.std is not None else None
    return Facts(
        source="catalogue",
        mean=mean,
        std=std,
        resize=entry.resize,
        crop_fraction=entry.crop_fraction,
        interpolation=entry.interpolation,
        license=entry.license,
    )


def facts_from_metadata(metadata: Metadata, labels: LabelList | None, file: str) -> Facts:
    """Take what the TFLite Metadata of `file` say, with the `labels` of the file that they name.

    Raises:
        ModelError: the normalization in them is impossible.
    """
    source = "TFLite Metadata"
    mean = std = None
    if metadata.normalization:
        where = f"{file}: the normalization in its TFLite Metadata"
        mean = per_channel(metadata.normalization.mean, f"{where}: mean")
        std = per_channel(metadata.normalization.std, f"{where}: std", positive=True)
    return Facts(
        source=source,
        mean=mean,
        std=std,
        labels=labels,
        description=metadata.description or metadata.name,
        author=metadata.author,
        license=metadata.license,
    )


def parse_config(content: bytes, source: str, file: str) -> Facts:
    """Read a ``mobiclass.json`` (format 1); `source` is its name for people, `file` its place in messages.

    Keys that are not known are passed over: the file may carry provenance and more.

    Raises:
        ModelError: it is no JSON object, of another format, or a value is impossible.
        LabelsError: its labels are none.
    """
    import json

    try:
        config = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{file}: not valid JSON ({error})") from error
    if not isinstance(config, dict):
        raise ModelError(f"{file}: a JSON object is expected, not a {type(config).__name__}")
    if config.get("format", CONFIG_FORMAT) != CONFIG_FORMAT:
        raise ModelError(f"{file}: format {config['format']!r} is not known here; update mobiclass")
    preprocessing = config.get("preprocessing", {})
    if not isinstance(preprocessing, dict):
        raise ModelError(f"{file}: 'preprocessing' must be an object")
    known = (*_PREPROCESSING_KEYS, *_OUTPUT_KEYS)
    for key in preprocessing:  # a misspelt one would quietly give way to a weaker source
        if key not in known:
            raise ModelError(f"{file}: 'preprocessing' has no {key!r}; it has {', '.join(known)}")
        if preprocessing[key] is not None and config.get(key) not in (None, preprocessing[key]):
            raise ModelError(f"{file}: {key!r} stands in it twice, with different values")
    said = {
        name: _CHECKS[name](value, f"{file}: {name!r}")
        for name in (*known, "description", "author", "license")
        # All of these are options as well, which have no sections: they may stand outside of it too.
        if (value := preprocessing.get(name, config.get(name))) is not None
    }
    if config.get("labels") is not None:
        said["labels"] = labels_of_value(config["labels"], f"{file}: 'labels'")
    for name in ("rules", "taught"):
        if config.get(name) is not None:
            said[name] = _object(config[name], f"{file}: {name!r}")
    return Facts(source=source, **said)


def _object(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ModelError(f"{where} must be an object, not {value!r}")
    return value


def per_channel(values: float | Sequence[float], where: str, *, positive: bool = False) -> PerChannel:
    """Spread one value over the three channels, or take three; `where` opens the message.

    Raises:
        ModelError: not one or three finite numbers, or not `positive` where that is asked.
    """
    numbers = [values] if isinstance(values, (int, float)) else values
    if (
        not isinstance(numbers, Sequence)
        or len(numbers) not in (1, 3)
        or not all(type(number) in (int, float) and abs(number) < _LIMIT for number in numbers)
        or (positive and min(numbers) <= 0)
    ):
        kind = "positive numbers" if positive else "numbers"
        raise ModelError(f"{where} must be one or three {kind}, not {values!r}")
    red, green, blue = (float(number) for number in (numbers if len(numbers) == 3 else list(numbers) * 3))
    return red, green, blue


def _pixel_std(value: Any, where: str) -> PerChannel:
    std = per_channel(value, where, positive=True)
    if min(std) < 1:
        # A model that normalizes by itself has a mean of 0 and a std of 1, which is as low as it goes.
        raise ModelError(
            f"{where} is in pixel units of 0–255 and {min(std):g} is too small: for a std of 0–1 units give 255 times "
            f"as much ({min(std) * 255:g})"
        )
    return std


def _one_of(choices: tuple[str, ...]) -> Callable[[Any, str], str]:
    def check(value: Any, where: str) -> str:
        if not isinstance(value, str) or value not in choices:
            raise ModelError(f"{where} must be one of {', '.join(choices)}, not {value!r}")
        return value

    return check


def _fraction(value: Any, where: str) -> float:
    if type(value) not in (int, float) or not _MIN_CROP_FRACTION <= value <= 1:
        raise ModelError(f"{where} must be a number from {_MIN_CROP_FRACTION} to 1, not {value!r}")
    return float(value)


def _resolution(value: Any, where: str) -> tuple[int, int]:
    """Read ``224``, ``[224, 320]`` or ``224x320``: height and width."""
    sides = value
    if isinstance(value, str):
        parts = value.lower().replace("×", "x").split("x")
        sides = [int(part) for part in parts] if all(part.strip().isdecimal() for part in parts) else []
    elif type(value) is int:
        sides = [value]
    if (
        isinstance(sides, Sequence)
        and len(sides) in (1, 2)
        and all(type(side) is int and _MIN_INPUT_SIDE <= side <= MAX_INPUT_SIDE for side in sides)
    ):
        return sides[0], sides[-1]
    raise ModelError(
        f"{where} must be one side or HEIGHTxWIDTH, from {_MIN_INPUT_SIDE} to {MAX_INPUT_SIDE} pixels, not {value!r}"
    )


def _output_tensor(value: Any, where: str) -> str:
    if type(value) not in (int, str) or not str(value):
        raise ModelError(f"{where} must be the number or the name of an output, not {value!r}")
    return str(value)


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise ModelError(f"{where} must be text, not {value!r}")
    return value


_CHECKS: Final[dict[str, Callable[[Any, str], Any]]] = {
    "mean": per_channel,
    "std": _pixel_std,
    "resize": _one_of(get_args(Resize)),
    "crop_fraction": _fraction,
    "interpolation": _one_of(get_args(Interpolation)),
    "channels": _one_of(get_args(Channels)),
    "layout": _one_of(get_args(Layout)),
    "resolution": _resolution,
    "output_tensor": _output_tensor,
    "output_kind": _one_of(get_args(OutputKind)),
    "description": _text,
    "author": _text,
    "license": _text,
}
"""The check of each value that a person may give, on the command line or in a file."""
