"""What one source says of a model: read and checked."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobiclass.errors import LabelsError, ModelError
from mobiclass.tflite.facts import DEFAULTS, facts_from_metadata, facts_from_quantization, override_facts, parse_config
from mobiclass.tflite.metadata import Metadata, Normalization
from mobiclass.tflite.network import Quantization, TensorSpec


def config(**content: Any) -> bytes:
    """Write a mobiclass.json."""
    return json.dumps({"format": 1, **content}).encode()


def test_a_whole_config() -> None:
    content = config(
        description="Names colours.",
        author="A. Uthor",
        license="CC0-1.0",
        preprocessing={
            "mean": 127, "std": [128, 64, 32.5], "resize": "pad", "crop_fraction": 1, "interpolation": "lanczos"
        },
        provenance={"unknown": "keys are passed over"},
    )  # fmt: skip
    facts = parse_config(content, "X.json", "dir/X.json")
    assert (facts.mean, facts.std) == ((127.0, 127.0, 127.0), (128.0, 64.0, 32.5))
    assert (facts.resize, facts.crop_fraction, facts.interpolation) == ("pad", 1.0, "lanczos")
    assert (facts.description, facts.author, facts.license) == ("Names colours.", "A. Uthor", "CC0-1.0")
    assert (facts.source, facts.labels) == ("X.json", None)


def test_an_empty_config_is_silent() -> None:
    facts = parse_config(b"{}", "X.json", "X.json")
    assert (facts.mean, facts.std, facts.resize, facts.crop_fraction, facts.description) == (None,) * 5


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"\xff\xfe\x00", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"[]", "a JSON object is expected, not a list"),
        (config(format=2), "format 2 is not known here; update mobiclass"),
        (config(preprocessing=[]), "'preprocessing' must be an object"),
        (config(preprocessing={"mean": "127"}), "'mean' must be one or three numbers"),
        (config(preprocessing={"mean": [1, 2]}), "'mean' must be one or three numbers"),
        (config(preprocessing={"mean": [True, 1, 2]}), "'mean' must be one or three numbers"),
        (config(preprocessing={"mean": True}), "'mean' must be one or three numbers"),
        (config(preprocessing={"mean": 10**400}), "'mean' must be one or three numbers"),
        (b'{"preprocessing": {"mean": Infinity}}', "'mean' must be one or three numbers"),
        (b'{"preprocessing": {"mean": NaN}}', "'mean' must be one or three numbers"),
        (config(preprocessing={"std": 0}), "'std' must be one or three positive numbers"),
        (config(preprocessing={"std": [1, -1, 1]}), "'std' must be one or three positive numbers"),
        (config(preprocessing={"std": []}), "'std' must be one or three positive numbers"),
        (config(preprocessing={"resize": "stretch"}), "'resize' must be one of crop, squash, pad"),
        (config(preprocessing={"resize": ["crop"]}), "'resize' must be one of"),
        (config(preprocessing={"crop_fraction": 5e-324}), "'crop_fraction' must be a number from 0.01 to 1"),
        (config(preprocessing={"std": [0.229, 0.224, 0.225]}), "'std' is in pixel units of 0–255"),
        (config(preprocessing={"interpolaton": "bicubic"}), "'preprocessing' has no 'interpolaton'"),
        (config(preprocessing={"crop_fraction": 0}), "'crop_fraction' must be a number from 0.01 to 1"),
        (config(preprocessing={"crop_fraction": 1.01}), "'crop_fraction' must be a number"),
        (config(preprocessing={"crop_fraction": True}), "'crop_fraction' must be a number"),
        (config(preprocessing={"interpolation": "cubic"}), "'interpolation' must be one of nearest, bilinear"),
        (config(description=5), "'description' must be text"),
    ],
)
def test_an_impossible_config_is_refused_with_its_file(content: bytes, reason: str) -> None:
    with pytest.raises(ModelError) as caught:
        parse_config(content, "X.json", "dir/X.json")
    assert str(caught.value).startswith("dir/X.json: ")
    assert reason in str(caught.value)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=8,
)
KEYS = ("mean", "std", "resize", "crop_fraction", "interpolation")


@given(st.fixed_dictionaries({}, optional={key: JSON_VALUES for key in KEYS}), JSON_VALUES, JSON_VALUES)
def test_any_json_gives_facts_or_a_model_error(preprocessing: dict[str, Any], description: Any, version: Any) -> None:
    content = {"preprocessing": preprocessing, "description": description, "format": version}
    try:
        facts = parse_config(json.dumps(content).encode(), "X.json", "X.json")
    except ModelError:
        return
    assert facts.std is None or min(facts.std) > 0
    assert facts.crop_fraction is None or 0 < facts.crop_fraction <= 1


@given(st.binary(max_size=40))
def test_any_bytes_give_facts_or_a_model_error(content: bytes) -> None:
    try:
        assert parse_config(content, "X.json", "X.json").source == "X.json"
    except ModelError as error:
        assert str(error).startswith("X.json: ")


def test_labels_may_stand_in_a_config() -> None:
    for labels in (["a", "b"], {"0": "a", "1": "b"}, {"b": 1, "a": 0}):
        facts = parse_config(json.dumps({"labels": labels}).encode(), "X.json", "X.json")
        assert facts.labels is not None
        assert facts.labels.fit(2, "m").names == ("a", "b")
    with pytest.raises(LabelsError, match=r"X\.json: 'labels': a JSON list or object"):
        parse_config(b'{"labels": "labels.txt"}', "X.json", "X.json")


def test_overrides_are_per_channel() -> None:
    facts = override_facts(mean=127, std=(2, 3.5, 4), resize="squash")
    assert (facts.mean, facts.std) == ((127.0,) * 3, (2.0, 3.5, 4.0))
    assert (facts.resize, facts.labels, facts.source) == ("squash", None, "command line")


@pytest.mark.parametrize("std", [0.999, 0.5, (127.5, 0.225, 127.5)])
def test_a_std_below_one_is_refused_with_the_right_one(std: Any) -> None:
    smallest = min(std) if isinstance(std, tuple) else std
    with pytest.raises(ValueError, match=f"pixel units of 0–255.*{smallest * 255:g}"):
        override_facts(std=std)


def test_a_mean_of_0_and_a_std_of_1_say_that_the_model_normalizes_by_itself() -> None:
    facts = override_facts(mean=0, std=1)
    assert (facts.mean, facts.std) == ((0.0,) * 3, (1.0,) * 3)


@pytest.mark.parametrize(
    ("name", "given", "read"),
    [
        ("crop_fraction", 1, 1.0),
        ("channels", "bgr", "bgr"),
        ("layout", "nchw", "nchw"),
        ("resolution", 224, (224, 224)),
        ("resolution", [224, 192], (224, 192)),
        ("resolution", "224x192", (224, 192)),
        ("resolution", "224", (224, 224)),
        ("output_tensor", 1, "1"),
        ("output_tensor", "scores", "scores"),
        ("output_kind", "multilabel-logits", "multilabel-logits"),
    ],
)
def test_a_person_and_a_file_say_it_alike(name: str, given: Any, read: Any) -> None:
    assert getattr(override_facts(**{name: given}), name) == read
    assert getattr(parse_config(config(preprocessing={name: given}), "X.json", "X.json"), name) == read
    assert getattr(parse_config(config(**{name: given}), "X.json", "X.json"), name) == read


@pytest.mark.parametrize(
    ("name", "given", "reason"),
    [
        ("crop_fraction", float("nan"), "'?crop_fraction'? must be a number from 0.01 to 1"),
        ("channels", "grb", "channels'? must be one of rgb, bgr"),
        ("layout", "hwc", "layout'? must be one of nhwc, nchw"),
        ("resolution", 0, "resolution'? must be one side or HEIGHTxWIDTH, from 2 to 4096 pixels"),
        ("resolution", 5000, "resolution'? must be"),
        ("resolution", "224x", "resolution'? must be"),
        ("resolution", [1, 2, 3], "resolution'? must be"),
        ("resolution", True, "resolution'? must be"),
        ("resolution", 224.5, "resolution'? must be"),
        ("output_tensor", "", "output_tensor'? must be the number or the name of an output"),
        ("output_tensor", 1.5, "output_tensor'? must be"),
        ("output_kind", "softmax", "output_kind'? must be one of probabilities, logits, multilabel, multilabel-logits"),
    ],
)
def test_what_is_impossible_is_refused_alike(name: str, given: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        override_facts(**{name: given})
    with pytest.raises(ModelError, match=f"^dir/X.json: {reason if reason.startswith(chr(39)) else chr(39) + reason}"):
        parse_config(config(**{name: given}), "X.json", "dir/X.json")


def test_a_key_that_stands_twice_must_say_the_same() -> None:
    content = config(channels="bgr", preprocessing={"channels": "bgr"})
    assert parse_config(content, "X.json", "X.json").channels == "bgr"
    content = config(channels="rgb", preprocessing={"channels": "bgr"})
    with pytest.raises(ModelError, match="'channels' stands in it twice, with different values"):
        parse_config(content, "X.json", "X.json")


@pytest.mark.parametrize(
    ("quantization", "mean"), [(None, 0.0), (Quantization(255 / 32767, 0), 0.0), (Quantization(1 / 32767, 0), None)]
)
def test_an_int16_input_may_be_pixels_or_anything_else(quantization: Quantization | None, mean: float | None) -> None:
    facts = facts_from_quantization(TensorSpec("image", (1, 8, 8, 3), "int16", quantization))
    assert facts.mean == (None if mean is None else (mean,) * 3)


@pytest.mark.parametrize("mean", [float("nan"), float("inf"), (1.0, 2.0), ()])
def test_an_impossible_mean_is_refused(mean: Any) -> None:
    with pytest.raises(ValueError, match="mean must be one or three numbers"):
        override_facts(mean=mean)


@pytest.mark.parametrize(
    ("dtype", "quantization", "mean", "std"),
    [
        ("uint8", Quantization(1 / 128, 127), 127.0, 128.0),
        ("uint8", Quantization(1 / 255, 0), 0.0, 255.0),
        ("uint8", Quantization(1.0, 0), 0.0, 1.0),
        ("int8", Quantization(1 / 128, -1), 127.0, 128.0),
        ("int8", Quantization(1.0, -128), 0.0, 1.0),
        ("uint8", None, 0.0, 1.0),
        ("int8", None, 0.0, 1.0),
    ],
)
def test_an_integer_input_implies_its_normalization(
    dtype: str, quantization: Quantization | None, mean: float, std: float
) -> None:
    facts = facts_from_quantization(TensorSpec("image", (1, 8, 8, 3), dtype, quantization))
    assert facts.mean == (mean,) * 3
    assert facts.std == pytest.approx((std,) * 3)


def test_a_float_input_implies_nothing() -> None:
    facts = facts_from_quantization(TensorSpec("image", (1, 8, 8, 3), "float32", None))
    assert (facts.mean, facts.std) == (None, None)


def test_one_value_of_the_metadata_is_for_all_channels() -> None:
    facts = facts_from_metadata(Metadata(normalization=Normalization((127.0,), (128.0,))), ("a",), "m")
    assert (facts.mean, facts.std, facts.labels) == ((127.0,) * 3, (128.0,) * 3, ("a",))


@pytest.mark.parametrize("std", [(), (0.0,), (-1.0,), (float("nan"),), (1.0, 2.0)])
def test_an_impossible_normalization_in_the_metadata_is_refused(std: tuple[float, ...]) -> None:
    with pytest.raises(ModelError, match="^m: the normalization in its TFLite Metadata: std must be"):
        facts_from_metadata(Metadata(normalization=Normalization((0.0,), std)), None, "m")


def test_the_defaults_say_how_every_image_meets_its_input() -> None:
    assert (DEFAULTS.resize, DEFAULTS.crop_fraction, DEFAULTS.interpolation) == ("crop", 0.875, "bicubic")
    assert (DEFAULTS.mean, DEFAULTS.std) == ((127.5,) * 3, (127.5,) * 3)
