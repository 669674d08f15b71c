"""What is known of a model: `ModelInfo`, and the file that it stands in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mobiclass.choices import Channels, Interpolation, Layout, OutputKind, Resize
from mobiclass.errors import ModelError
from mobiclass.tflite.facts import PerChannel
from mobiclass.tflite.graph import EDGETPU_CUSTOM_OP
from mobiclass.tflite.network import Folded, TensorSpec

if TYPE_CHECKING:
    from mobiclass.tflite.nearby import NearbyLabels


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How an image becomes the model's input; the fields are those of `mobiclass.tflite.facts.Facts`.

    Attributes:
        sources: for each field, the name of the source that it comes from.
    """

    mean: PerChannel
    std: PerChannel
    resize: Resize = "crop"
    crop_fraction: float = 0.875
    interpolation: Interpolation = "bicubic"
    channels: Channels = "rgb"
    layout: Layout = "nhwc"
    sources: Mapping[str, str] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True, eq=False)
class ModelFile:
    """A model's file.

    Attributes:
        path: where it is.
        content: its bytes, read once: what is described is what will run.
    """

    path: Path
    content: bytes = field(repr=False)

    @property
    def name(self) -> str:
        """The file's name without ``.tflite``."""
        return self.path.name.removesuffix(".tflite")

    @property
    def sha256(self) -> str:
        """The SHA-256 of the file, in hexadecimal."""
        import hashlib

        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True, eq=False)
class ModelInfo(ModelFile):
    """One image classifier.

    Attributes:
        input: the image tensor as it is made of one image, in four dimensions: (1, height, width, channels), or
            (1, channels, height, width), of uint8, int8, int16, float16 or float32.
        input_shape: the shape that the runtime is fed: that, or without a dimension of 1, or of several images.
        output: the score tensor.
        output_place: its place among the outputs.
        output_count: the number of outputs.
        output_values: the number of its values an image: one a class, or 1 of a binary head.
        output_kind: what it holds; ``None`` where the graph does not tell, which is found out by running it.
        graph_normalization: the normalization that the graph itself begins with.
        fits_raw_pixels: whether the weights of its first layer make sense for pixels of 0–255 alone, as they do where a
            converter has put a normalization into them.
        custom_ops: the names of its custom operators.
        preprocessing: how an image becomes its input.
        labels: one label an output; ``None`` where no source has any.
        description: what it is, in a sentence.
        author: who made it.
        license: the licence of its weights.
        sources: for labels, output_kind, description, author and license, the source that each comes from.
        notes: what a person should know of files that were not used.
        wnids: the WordNet id of each output, where its labels have them.
        nearby_labels: the label file beside it, where that is its labels' source or may be.
        rules: when a class, a group or ``unknown`` is answered, as `mobiclass.decisions.parse_rules` reads it; ``None``
            where it says nothing.
        taught: what `mobiclass teach` has measured; ``None`` where it was not taught.
    """

    input: TensorSpec
    input_shape: tuple[int, ...]
    output: TensorSpec
    output_place: int
    output_count: int
    output_values: int
    output_kind: OutputKind | None
    graph_normalization: Folded | None
    fits_raw_pixels: bool
    custom_ops: tuple[str, ...]
    preprocessing: Preprocessing
    labels: tuple[str, ...] | None = field(repr=False)
    description: str | None
    author: str | None
    license: str | None
    sources: Mapping[str, str]
    notes: tuple[str, ...] = ()
    wnids: tuple[str | None, ...] | None = field(default=None, repr=False)
    nearby_labels: NearbyLabels | None = None
    rules: Mapping[str, Any] | None = field(default=None, repr=False)
    taught: Mapping[str, Any] | None = field(default=None, repr=False)

    @property
    def height(self) -> int:
        """The input's height in pixels."""
        return self.input.shape[1 if self.preprocessing.layout == "nhwc" else 2]

    @property
    def width(self) -> int:
        """The input's width in pixels."""
        return self.input.shape[2 if self.preprocessing.layout == "nhwc" else 3]

    @property
    def grey(self) -> bool:
        """Whether the input has one channel, that of grey images."""
        return self.input.shape[3 if self.preprocessing.layout == "nhwc" else 1] == 1

    @property
    def classes(self) -> int:
        """The number of classes; a binary head's one output has two."""
        return max(2, self.output_values)

    @property
    def edgetpu_compiled(self) -> bool:
        """Whether the model holds operators that only an Edge TPU can run."""
        return EDGETPU_CUSTOM_OP in self.custom_ops


def read_model_file(path: Path) -> ModelFile:
    """Read a model of any kind, without a look into it.

    Raises:
        ModelError: the file cannot be read.
    """
    return ModelFile(path, read_file(path))


def read_file(path: Path) -> bytes:
    """Read the bytes of a model, or of a file beside it.

    Raises:
        ModelError: they cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ModelError(f"{path}: there is no such model file") from error
    except IsADirectoryError as error:
        raise ModelError(f"{path}: a folder, not a .tflite file") from error
    except (OSError, MemoryError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error) or "out of memory"
        raise ModelError(f"{path}: the model cannot be read ({reason})") from error
