"""Compares an int8 model with its float model on held-out photos, and decides whether it may be used.

The float Keras model, the float32 TFLite and the int8 TFLite model (on the runtime of the devices) run on the same
crops; the result is a set of figures and a decision. It converts, writes and prints nothing.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from mobiclass.runtime import RUNTIMES, load_interpreter
from mobiclass.tflite import read_graph
from tools.quantization import (
    IntermediateTensors,
    LayerError,
    float_operators,
    logit_signal_to_noise_db,
    measure_layer_errors,
    read_logits,
    worst_layers,
)

FloatArray = npt.NDArray[np.float32]

MAX_DISAGREEMENT: Final = 0.03
MATERIAL: Final = 0.1
"""A disagreement is material if the float model's scores of the two choices differ by at least this much."""

_LAYER_SAMPLES: Final = 16
_TIMED_RUNS: Final = 20


@dataclass(frozen=True, slots=True)
class GateResult:
    """The gate's figures; agreement, disagreement and accuracy are fractions (0–1) of the crops.

    Attributes:
        crops: the number of held-out crops.
        photos: the number of photos that they are from.
        top1_agreement: the int8 model has the float Keras model's top-1.
        top5_agreement: the float model's top-1 is in the int8 model's top 5.
        material_disagreement: the float model scores its own choice at least 0.1 higher than the int8 model's choice.
        float_disagreement: the same of the float32 TFLite model; anything over 0 means a wrong conversion.
        logit_snr_db: signal-to-noise ratio of the int8 model's logits.
        score_shift: mean of the int8 minus the float score of the float model's choice.
        saturated_channels: the number of `channels` with values outside the int8 range.
        channels: the number of channels of all layers.
        float_operators: operators that compute in floating point.
        int8_bytes: size of the int8 model.
        float_bytes: size of the float32 model.
        latency_ms: median of the int8 model on one thread of this machine.
        float_latency_ms: the same of the float32 model.
        layers: the error of every layer.
        max_disagreement: the highest material disagreement that passes.
        accuracy: top-1 of the float and of the int8 model, if the photos are labelled.
    """

    crops: int
    photos: int
    top1_agreement: float
    top5_agreement: float
    material_disagreement: float
    float_disagreement: float
    logit_snr_db: float
    score_shift: float
    saturated_channels: int
    channels: int
    float_operators: tuple[str, ...]
    int8_bytes: int
    float_bytes: int
    latency_ms: float
    float_latency_ms: float
    layers: tuple[LayerError, ...]
    max_disagreement: float
    accuracy: tuple[float, ...] | None = None

    @property
    def passed(self) -> bool:
        """Whether the int8 model may be used."""
        return not self.reasons

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why not."""
        found = []
        if self.material_disagreement > self.max_disagreement:
            found.append(
                f"material disagreement of {self.material_disagreement:.1%} exceeds {self.max_disagreement:.1%}"
            )
        if self.float_disagreement > self.max_disagreement:
            found.append(f"the float32 TFLite differs from Keras on {self.float_disagreement:.1%}: a wrong conversion")
        if self.float_operators:
            found.append(f"float operators remain: {', '.join(self.float_operators)}")
        return tuple(found)

    def worst_layers(self) -> list[LayerError]:
        return worst_layers(self.layers)

    def as_json(self) -> dict[str, Any]:
        """Return all figures, ready for JSON."""
        return {**asdict(self), "layers": [layer._asdict() for layer in self.layers], "passed": self.passed}


def evaluate_gate(
    keras_scores: FloatArray,
    float_model: bytes,
    model: bytes,
    crops: Sequence[FloatArray],
    *,
    photos: int,
    targets: Sequence[int] | None = None,
    max_disagreement: float = MAX_DISAGREEMENT,
) -> GateResult:
    """Compare the int8 `model` with the float Keras model.

    Args:
        keras_scores: the probabilities of the float Keras model for `crops`, (crops, classes).
        float_model: the float32 ``.tflite``.
        model: the int8 ``.tflite``.
        crops: float32 (1, height, width, 3) each, normalized.
        photos: the number of photos that they are from.
        targets: the class index of each crop, if known.
        max_disagreement: the highest material disagreement (0–1) that passes.

    Raises:
        ConversionError: a model cannot be run.
    """
    float_scores, scores = _scores(float_model, crops), _scores(model, crops)
    layers = measure_layer_errors(model, float_model, crops[:_LAYER_SAMPLES])
    return GateResult(
        crops=len(crops),
        photos=photos,
        **_agreement(keras_scores, scores),
        float_disagreement=material_disagreement(keras_scores, float_scores),
        logit_snr_db=round(logit_signal_to_noise_db(read_logits(float_model, crops), read_logits(model, crops)), 2),
        saturated_channels=sum(layer.saturated for layer in layers),
        channels=sum(layer.channels for layer in layers),
        float_operators=tuple(float_operators(model)),
        int8_bytes=len(model),
        float_bytes=len(float_model),
        latency_ms=_latency_ms(model),
        float_latency_ms=_latency_ms(float_model),
        layers=layers,
        max_disagreement=max_disagreement,
        accuracy=None if targets is None else tuple(_hits(s.argmax(axis=1), targets) for s in (keras_scores, scores)),
    )


def _agreement(reference: FloatArray, scores: FloatArray) -> dict[str, float]:
    """Compare the int8 model's `scores` with the float model's, (crops, classes) each."""
    chosen = reference.argmax(axis=1)
    best = np.argsort(-scores, axis=1, kind="stable")[:, :5]
    rows = np.arange(len(scores))
    return {
        "top1_agreement": _hits(best[:, 0], chosen),
        "top5_agreement": round(float((best == chosen[:, np.newaxis]).any(axis=1).mean()), 4),
        "material_disagreement": material_disagreement(reference, scores),
        "score_shift": round(float((scores[rows, chosen] - reference[rows, chosen]).mean()), 4),
    }


def material_disagreement(reference: FloatArray, scores: FloatArray) -> float:
    """Compute the fraction of rows in which the reference scores its own choice at least 0.1 above the model's choice.

    Where several scores tie for the highest, the worst of them counts: a model that gives all classes the same score
    has chosen none, though the first may happen to be right.

    Args:
        reference: probabilities of the float model, (crops, classes).
        scores: the same of the model under test.
    """
    tied = scores == scores.max(axis=1, keepdims=True)
    gap = reference.max(axis=1) - np.where(tied, reference, np.inf).min(axis=1)
    return round(float((gap.round(6) >= np.float32(MATERIAL)).mean()), 4)


def _hits(found: npt.NDArray[np.intp], wanted: Sequence[int] | npt.NDArray[np.intp]) -> float:
    return round(float((found == np.asarray(wanted)).mean()), 4)


def _scores(model: bytes, crops: Sequence[FloatArray]) -> FloatArray:
    from ai_edge_litert import schema_py_generated as schema

    output = int(schema.Model.GetRootAs(model, 0).Subgraphs(0).Outputs(0))
    inner = IntermediateTensors(model, [output])
    return np.stack([inner.run(crop)[0].reshape(-1) for crop in crops])


def _latency_ms(model: bytes) -> float:
    interpreter = load_interpreter(RUNTIMES["litert"], model, "the converted model", num_threads=1)
    image = read_graph(model, "the converted model").inputs[0]
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], np.zeros(image.shape, image.dtype))
    return round(statistics.median(_timed(interpreter.invoke) for _ in range(_TIMED_RUNS)), 2)


def _timed(action: Callable[[], None]) -> float:
    start = time.perf_counter()
    action()
    return (time.perf_counter() - start) * 1000
