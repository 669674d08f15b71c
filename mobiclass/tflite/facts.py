"""What each source says of a model: `Facts`, one object a source, silent (``None``) where the source is.

Here the sources are read and checked; which of them wins is decided in `mobiclass.tflite.info`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias, get_args

from mobiclass.choices import Interpolation, Resize
from mobiclass.errors import ModelError
from mobiclass.labels import LabelList, labels_of_value
from mobiclass.tflite.graph import Metadata, TensorSpec

if TYPE_CHECKING:
    from mobiclass.hub import CatalogEntry

PerChannel: TypeAlias = tuple[float, float, float]
"""One value each for red, green and blue, in pixel units of 0–255."""

CONFIG_NAME: Final = "mobiclass.json"
CONFIG_FORMAT: Final = 1

_PREPROCESSING_KEYS: Final = ("mean", "std", "resize", "crop_fraction", "interpolation")
_MIN_CROP_FRACTION: Final = 0.01
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
        labels: the labels, not yet fitted to the outputs.
        description: what the model is, in a sentence.
        author: who made it.
        license: the licence of its weights.
    """

    source: str
    mean: PerChannel | None = None
    std: PerChannel | None = None
    resize: Resize | None = None
    crop_fraction: float | None = None
    interpolation: Interpolation | None = None
    labels: LabelList | None = None
    description: str | None = None
    author: str | None = None
    license: str | None = None


# The default normalization is that of the MobileNet family; it serves float inputs that nothing describes.
DEFAULTS: Final = Facts(
    source="default",
    mean=(127.5, 127.5, 127.5),
    std=(127.5, 127.5, 127.5),
    resize="crop",
    crop_fraction=0.875,
    interpolation="bicubic",
)


def override_facts(
    *,
    labels: LabelList | None = None,
    resize: Resize | None = None,
    mean: float | Sequence[float] | None = None,
    std: float | Sequence[float] | None = None,
) -> Facts:
    """Take what a person says of the model: the strongest source.

    Raises:
        ValueError: a value is impossible, or a std of 1 or less, which is not in pixel units.
    """
    if resize is not None and resize not in get_args(Resize):
        raise ValueError(f"resize must be one of {', '.join(get_args(Resize))}, not {resize!r}")
    try:
        means = per_channel(mean, "mean") if mean is not None else None
        stds = per_channel(std, "std", positive=True) if std is not None else None
    except ModelError as error:
        raise ValueError(str(error)) from error
    if stds and min(stds) <= 1:
        raise ValueError(
            f"std is in pixel units of 0–255 and {min(stds):g} is too small: for a std of 0–1 units give 255 times as "
            f"much ({min(stds) * 255:g})"
        )
    return Facts("command line", labels=labels, resize=resize, mean=means, std=stds)


def facts_from_quantization(tensor: TensorSpec) -> Facts:
    """Read the normalization that an integer input implies: its 256 steps are the 256 pixel values.

    A uint8 input holds the pixel itself and an int8 input the pixel − 128, so that the pixel's real value
    ``(quantized − zero_point) · scale`` is ``(pixel − mean) / std`` with ``std = 1 / scale``.
    """
    source = "input quantization"
    if tensor.dtype not in ("uint8", "int8"):
        return Facts(source)
    if tensor.quantization is None:
        return Facts(source, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    scale, zero_point = tensor.quantization.scale, tensor.quantization.zero_point
    mean = float(zero_point if tensor.dtype == "uint8" else zero_point + 128)
    std = 1.0 / scale
    return Facts(source, mean=(mean, mean, mean), std=(std, std, std))


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
    for key in preprocessing:  # a misspelt one would quietly give way to a weaker source
        if key not in _PREPROCESSING_KEYS:
            raise ModelError(f"{file}: 'preprocessing' has no {key!r}; it has {', '.join(_PREPROCESSING_KEYS)}")

    def value(holder: dict[str, Any], key: str, check: Callable[[Any, str], Any]) -> Any:
        return check(holder[key], f"{file}: {key!r}") if holder.get(key) is not None else None

    return Facts(
        source=source,
        mean=value(preprocessing, "mean", per_channel),
        std=value(preprocessing, "std", _pixel_std),
        resize=value(preprocessing, "resize", _one_of(get_args(Resize))),
        crop_fraction=value(preprocessing, "crop_fraction", _fraction),
        interpolation=value(preprocessing, "interpolation", _one_of(get_args(Interpolation))),
        description=value(config, "description", _text),
        author=value(config, "author", _text),
        license=value(config, "license", _text),
        labels=labels_of_value(config["labels"], f"{file}: 'labels'") if config.get("labels") is not None else None,
    )


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
        raise ModelError(f"{where} is in pixel units of 0–255: {value!r} is too small; for 0–1 units give 255 times it")
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


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise ModelError(f"{where} must be text, not {value!r}")
    return value
