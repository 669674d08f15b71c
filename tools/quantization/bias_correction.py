"""Corrects the mean error that quantization adds to an int8 model, by editing the biases in its flatbuffer.

Rounded weights and clipped activations shift the mean of every channel; the float model's means over calibration
photos show by how much. Only biases change, in place: metadata, an appended zip and the size stay the same.

The method follows Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", 2019,
section 4.2. Two things keep it stable when all layers are corrected at once:

- A layer is corrected for its own shift only. The part inherited from the layers before it, which are corrected
  themselves, is computed from the shift of its inputs and subtracted.
- Means are measured after the activation, where they can be read. ReLU6 hides part of a shift there, so each pass
  corrects half of the difference, and passes are repeated until held-out photos show no further gain.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from tools.quantization.holdout import split_samples
from tools.quantization.intermediate_tensors import IntermediateTensors
from tools.quantization.signal_to_noise import logit_signal_to_noise_db, read_logits
from tools.quantization.weighted_layers import WeightedLayer, matching_layers, response_to_inputs

FloatArray = npt.NDArray[np.float32]
Channels = npt.NDArray[np.float64]

STEP: Final = 0.5
"""The fraction of a layer's own shift that one pass corrects."""

MAX_PASSES: Final = 8
_PATIENCE: Final = 3  # passes without improvement before stopping
_EXPLAINED: Final = 0.9  # of the inputs' shift is attributed to earlier layers; with all of it errors accumulate
_MIN_GAIN_DB: Final = 1.0  # a smaller gain on so few held-out samples may be chance


class Corrected(NamedTuple):
    """A corrected model and its signal-to-noise ratio on the held-out samples.

    Attributes:
        model: the bytes of the ``.tflite``; the uncorrected model where no pass clearly improved it.
        stock_db: signal-to-noise ratio of the uncorrected model's logits.
        corrected_db: the same of `model`.
        passes: the number of correction passes in `model`.
    """

    model: bytes
    stock_db: float
    corrected_db: float
    passes: int


def correct_biases(
    model: bytes,
    float_model: bytes,
    samples: Sequence[FloatArray],
    *,
    step: float = STEP,
    max_passes: int = MAX_PASSES,
) -> Corrected:
    """Correct the biases of the int8 `model` so that the means of its channels match those of `float_model`.

    Args:
        model: an int8 ``.tflite``, with or without metadata.
        float_model: the float32 ``.tflite`` of the same graph.
        samples: calibration inputs, each float32 (1, height, width, 3), normalized as on the device.
            At most 72, evenly spaced, are used; every fourth of these is held out.
        step: the fraction of a layer's own shift that one pass corrects.
        max_passes: the maximum number of passes.

    Returns:
        The model after the best pass if it gains at least 1 dB on the held-out samples, otherwise the uncorrected
        one. The same arguments give the same bytes on one machine.

    Raises:
        CalibrationError: there are too few samples.
        ConversionError: the two models are not the same graph, or cannot be run.
    """
    fitted, held_out = split_samples(samples)
    reference = read_logits(float_model, held_out)
    correction = _Correction(model, float_model, fitted)

    def validate(candidate: bytes) -> float:
        return logit_signal_to_noise_db(reference, read_logits(candidate, held_out))

    stock = validate(model)
    best = Corrected(model, stock, stock, 0)
    for number in range(1, max_passes + 1):
        correction.apply(step)
        edited = bytes(correction.model)
        reached = validate(edited)
        if reached > best.corrected_db:
            best = Corrected(edited, stock, reached, number)
        elif number - best.passes >= _PATIENCE:
            break
    return best if best.corrected_db - stock >= _MIN_GAIN_DB else Corrected(model, stock, stock, 0)


class _Correction:
    """A model that is being corrected.

    Attributes:
        model: its bytes, edited in place.
    """

    def __init__(self, model: bytes, float_model: bytes, samples: Sequence[FloatArray]) -> None:
        self.model = bytearray(model)
        self._float_model = float_model
        self._samples = samples
        self._layers, self._float_layers = matching_layers(model, float_model)
        self._biases = [_find_bias(self.model, layer) for layer in self._layers]
        inner = IntermediateTensors(float_model, _tensors(self._float_layers))
        self._float_means = _mean_channels(inner, samples)
        self._active = _active_parts(float_model, self._float_layers, samples[::2])  # half of them are enough here

    def apply(self, step: float) -> None:
        """Correct the fraction `step` of every layer's own shift."""
        means = _mean_channels(IntermediateTensors(bytes(self.model), _tensors(self._layers)), self._samples)
        for number, bias in enumerate(self._biases):
            if bias is not None:
                bias.add(step * self._own_shift(number, means))

    def _own_shift(self, number: int, means: dict[int, Channels]) -> Channels:
        """Compute the float layer's means minus the int8 layer's, less what the shift of the inputs explains."""
        layer, wanted = self._layers[number], self._float_layers[number]
        inputs = self._float_means[wanted.input] - means[layer.input]
        explained = response_to_inputs(self._float_model, wanted, _EXPLAINED * inputs)
        # Where the activation clips, no shift of the inputs passes through.
        return self._float_means[wanted.output] - means[layer.output] - self._active[number] * explained


class _Bias:
    """The int32 biases of one layer, edited in place in the flatbuffer."""

    def __init__(self, values: npt.NDArray[np.int32], scale: Channels) -> None:
        self._values = values
        self._scale = scale
        self._exact = values.astype(np.float64)  # so that rounding errors do not accumulate over the passes

    def add(self, real: Channels) -> None:
        limits = np.iinfo(np.int32)
        self._exact += real / self._scale
        self._values[:] = np.clip(np.rint(self._exact), limits.min, limits.max).astype(np.int32)


def _find_bias(model: bytearray, layer: WeightedLayer) -> _Bias | None:
    """Locate the bias of `layer` in `model`.

    Returns:
        ``None`` where the layer has no bias, or shares the bytes of its bias with another tensor, for which the
        correction would be wrong.
    """
    parsed = schema.Model.GetRootAs(model, 0)
    subgraph: Any = parsed.Subgraphs(0)
    if layer.bias < 0 or subgraph.Tensors(layer.bias).Type() != schema.TensorType.INT32:
        return None
    tensor = subgraph.Tensors(layer.bias)
    if [subgraph.Tensors(index).Buffer() for index in range(subgraph.TensorsLength())].count(tensor.Buffer()) > 1:
        return None
    # A view of the bytearray: writing to it edits the model.
    values = parsed.Buffers(tensor.Buffer()).DataAsNumpy().view("<i4")
    return _Bias(values, tensor.Quantization().ScaleAsNumpy().astype(np.float64))


def _tensors(layers: Sequence[WeightedLayer]) -> list[int]:
    return sorted({index for layer in layers for index in (layer.input, layer.output)})


def _mean_channels(inner: IntermediateTensors, samples: Sequence[FloatArray]) -> dict[int, Channels]:
    totals = inner.channel_means(samples[0])
    for sample in samples[1:]:
        for index, mean in inner.channel_means(sample).items():
            totals[index] = totals[index] + mean
    return {index: total / len(samples) for index, total in totals.items()}


def _active_parts(
    float_model: bytes, layers: Sequence[WeightedLayer], samples: Sequence[FloatArray]
) -> list[Channels | float]:
    """Compute for each layer and channel the fraction of outputs that its activation does not clip."""
    cut = [layer for layer in layers if np.isfinite(layer.limits).any()]
    inner = IntermediateTensors(float_model, [layer.output for layer in cut])
    totals = {layer.output: np.zeros(layer.shape[-1]) for layer in cut}
    for sample in samples:
        for layer, values in zip(cut, inner.run(sample), strict=True):
            low, high = layer.limits
            active = ((values > low) & (values < high)).reshape(-1, layer.shape[-1])
            totals[layer.output] += np.count_nonzero(active, axis=0) / len(active)
    return [totals[layer.output] / len(samples) if layer.output in totals else 1.0 for layer in layers]
