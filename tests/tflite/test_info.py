"""What a model says of itself: which source wins, which models are refused, and why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mobiclass.errors import LabelsError, ModelError
from mobiclass.labels import parse_labels
from mobiclass.tflite.facts import Facts, override_facts
from mobiclass.tflite.info import read_model
from tests.conftest import MakeModel
from tests.support.known_models import catalog_table, use_catalog
from tests.support.tiny_models import (
    AVERAGE_POOL_2D,
    COLOURS,
    FLOAT32,
    FULLY_CONNECTED,
    INT8,
    INT16,
    INT32,
    MEAN,
    append_zip,
    bare_model,
    colour_model,
    edgetpu_model,
    feature_extractor,
    tflite_metadata,
)


def config(mean: float | None = None, **preprocessing: object) -> str:
    """Write a mobiclass.json."""
    if mean is not None:
        preprocessing["mean"] = mean
    return json.dumps({"format": 1, "preprocessing": preprocessing})


# Each step adds a stronger source of the mean.
STEPS = ("default", "input quantization", "TFLite Metadata", "embedded mobiclass.json", "m.json", "command line")


@pytest.mark.parametrize("step", range(len(STEPS)))
def test_the_strongest_source_of_the_normalization_wins(step: int, make_model: MakeModel) -> None:
    path = make_model(
        name="m",
        dtype="uint8" if step >= 1 else "float32",
        scale=1 / 100,
        zero_point=100,
        mean=[102.0] if step >= 2 else None,
        std=[52.0] if step >= 2 else None,
        labels=None,
        softmax=True,
        config=config(103.0) if step >= 3 else None,
    )
    if step >= 4:
        path.with_name("m.json").write_text(config(104.0))
    overrides = override_facts(mean=105.0) if step >= 5 else None
    preprocessing = read_model(path, overrides).preprocessing
    assert preprocessing.mean == ((127.5, 100.0, 102.0, 103.0, 104.0, 105.0)[step],) * 3
    assert preprocessing.sources["mean"] == STEPS[step]
    # No stronger source speaks of the std: it keeps its own.
    assert preprocessing.sources["std"] == STEPS[min(step, 2)]
    assert preprocessing.std[0] == pytest.approx((127.5, 100.0, 52.0)[min(step, 2)])


def test_the_strongest_source_of_the_labels_wins(make_model: MakeModel) -> None:
    path = make_model(name="m", labels=("a", "b", "c"))
    info = read_model(path)
    assert (info.labels, info.sources["labels"]) == (("a", "b", "c"), "TFLite Metadata")
    path.with_name("m.labels.txt").write_text("d\ne\nf\n")
    info = read_model(path)
    assert (info.labels, info.sources["labels"]) == (("d", "e", "f"), "m.labels.txt")
    info = read_model(path, override_facts(labels=parse_labels(b"g\nh\ni\n", "f")))
    assert (info.labels, info.sources["labels"]) == (("g", "h", "i"), "command line")


def test_the_strongest_source_of_the_resizing_wins(make_model: MakeModel) -> None:
    path = make_model(name="m", config=config(resize="squash", crop_fraction=0.5, interpolation="nearest"))
    bare = read_model(make_model(name="bare")).preprocessing
    assert (bare.resize, bare.crop_fraction, bare.interpolation) == ("crop", 0.875, "bicubic")
    assert {bare.sources[name] for name in ("resize", "crop_fraction", "interpolation")} == {"default"}
    path.with_name("m.json").write_text(config(crop_fraction=0.75))
    preprocessing = read_model(path, override_facts(resize="pad")).preprocessing
    assert (preprocessing.resize, preprocessing.sources["resize"]) == ("pad", "command line")
    assert (preprocessing.crop_fraction, preprocessing.sources["crop_fraction"]) == (0.75, "m.json")
    assert (preprocessing.interpolation, preprocessing.sources["interpolation"]) == (
        "nearest", "embedded mobiclass.json",
    )  # fmt: skip


def test_descriptions_keep_their_sources(make_model: MakeModel) -> None:
    metadata = tflite_metadata(description="of the metadata", author="M. Etadata")
    embedded = json.dumps({"description": "of the config", "license": "CC0-1.0"})
    path = make_model(append_zip(bare_model(metadata=metadata), {"mobiclass.json": embedded}), name="m")
    info = read_model(path)
    assert (info.description, info.sources["description"]) == ("of the config", "embedded mobiclass.json")
    assert (info.author, info.sources["author"]) == ("M. Etadata", "TFLite Metadata")
    assert (info.license, info.sources["license"]) == ("CC0-1.0", "embedded mobiclass.json")


def test_the_catalogue_stands_between_the_metadata_and_the_quantization(
    make_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"mean": 100.0, "std": 60.0, "resize": "pad", "crop_fraction": 0.5, "interpolation": "nearest"}
    described = make_model(name="described", mean=(120.0,), std=(64.0,))
    silent = make_model(name="silent", mean=None)
    tables = [catalog_table(path.stem, path.read_bytes(), **said) for path in (described, silent)]
    use_catalog(monkeypatch, tmp_path / "package", tables)
    renamed = silent.rename(tmp_path / "renamed.tflite")  # the bytes decide, not the name
    info = read_model(renamed)
    assert (info.preprocessing.mean[0], info.preprocessing.std[0]) == (100, 60)
    assert {source for name, source in info.preprocessing.sources.items() if name != "channels"} == {"catalogue"}
    assert (info.license, info.sources["license"]) == ("Apache-2.0", "catalogue")
    info = read_model(described)
    assert (info.preprocessing.mean[0], info.preprocessing.sources["mean"]) == (120, "TFLite Metadata")
    assert (info.preprocessing.resize, info.preprocessing.sources["resize"]) == ("pad", "catalogue")
    renamed.write_bytes(renamed.read_bytes() + b"\0")
    info = read_model(renamed)
    assert info.preprocessing.sources["mean"] == "input quantization"
    assert info.license is None


def test_a_model_describes_itself(make_model: MakeModel) -> None:
    path = make_model(height=6, width=10, classes=4, labels=("a", "b", "c", "d"))
    info = read_model(path)
    assert (info.name, info.height, info.width, info.classes) == ("colours", 6, 10, 4)
    assert info.content == path.read_bytes()
    assert (info.output_kind, info.custom_ops, info.edgetpu_compiled) == ("probabilities", (), False)


def test_a_dynamic_batch_is_one(make_model: MakeModel) -> None:
    assert read_model(make_model(dynamic_batch=True)).input.shape == (1, 8, 8, 3)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "float32"])
@pytest.mark.parametrize("softmax", [False, True])
def test_logits_and_probabilities_are_told_apart(dtype: str, softmax: bool, make_model: MakeModel) -> None:
    info = read_model(make_model(dtype=dtype, softmax=softmax))
    assert info.output_kind == ("probabilities" if softmax else "logits")


def test_a_compiled_model_with_outputs_of_0_to_1_gives_probabilities(make_model: MakeModel) -> None:
    info = read_model(make_model(edgetpu_model()))
    assert (info.edgetpu_compiled, info.output_kind) == (True, "probabilities")


@pytest.mark.parametrize("output_dtype", [INT8, INT16, FLOAT32])
def test_a_custom_head_with_labels_and_other_outputs_is_open(output_dtype: int, make_model: MakeModel) -> None:
    metadata = tflite_metadata(labels_file="labels.txt")
    content = bare_model(code="edgetpu-custom-op", output_dtype=output_dtype, output_scale=0.25, metadata=metadata)
    info = read_model(make_model(append_zip(content, {"labels.txt": "a\nb\nc\n"})))
    assert info.output_kind is None  # a softmax may be inside; it is found out by running it


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (bare_model([(1, 8, 8, 3), (1, 8, 8, 3)]), "takes 2 inputs, not one image"),
        (bare_model([(1, 8, 8, 3)], [(1, 4, 4, 3), (1, 4, 4, 2)]), "2 outputs, and none is one vector of scores"),
        (bare_model([(1, 8, 8, 4)]), "shape 1×8×8×4, which is no image"),
        (bare_model([(1, 192)]), "shape 1×192, which is no image"),
        (bare_model([(1, 5000, 8, 3)]), "input is 5000×8 pixels"),
        (bare_model(dtype=INT32), "input is int32; uint8, int8, int16, float16, float32 can be fed"),
        (bare_model([(1, 8, 8, 3)], [(1, 8, 8, 21)]), "output has the shape 1×8×8×21, not 1×classes"),
        (bare_model([(1, 8, 8, 3)], [()]), r"output has the shape \(\)"),
        (bare_model(output_dtype=INT32), "output is int32"),
        (bare_model(output_scale=None), "output is uint8 without one scale"),
    ],
)
def test_what_is_no_image_classifier_is_refused(content: bytes, reason: str, make_model: MakeModel) -> None:
    path = make_model(content, name="odd")
    with pytest.raises(ModelError, match=f"odd.tflite: no image classifier: .*{reason}"):
        read_model(path)


@pytest.mark.parametrize(
    ("content", "question"),
    [
        (bare_model([(1, 1, 1, 3)]), "any size.*--resolution"),
        (bare_model([(1, -1, -1, 3)]), "any size.*--resolution"),
        (bare_model([(1, 3, 3, 3)]), "--layout nhwc or --layout nchw"),
        (bare_model([(1, 8, 8, 3)], [(1, 3), (1, 4)]), "which of them holds the scores is not clear.*--output-tensor"),
    ],
)
def test_what_somebody_has_to_say_is_asked(content: bytes, question: str, make_model: MakeModel) -> None:
    with pytest.raises(ModelError, match=question) as caught:
        read_model(make_model(content, name="open"))
    assert "no image classifier" not in str(caught.value)


def test_what_is_said_of_an_open_model_is_taken(make_model: MakeModel) -> None:
    info = read_model(make_model(bare_model([(1, -1, -1, 3)])), override_facts(resolution=(6, 9)))
    assert (info.height, info.width, info.input_shape) == (6, 9, (1, 6, 9, 3))
    info = read_model(make_model(bare_model([(1, 3, 3, 3)])), override_facts(layout="nchw"))
    assert info.preprocessing.layout == "nchw"
    info = read_model(make_model(bare_model([(1, 8, 8, 3)], [(1, 3), (1, 4)])), override_facts(output_tensor="out1"))
    assert (info.output_place, info.classes) == (1, 4)


def test_a_fixed_resolution_cannot_be_changed(make_model: MakeModel) -> None:
    with pytest.raises(ModelError, match="fixed at 8×8 pixels, which --resolution cannot change"):
        read_model(make_model(), override_facts(resolution=16))
    assert read_model(make_model(), override_facts(resolution=8)).height == 8


def test_a_grey_input_takes_one_mean_and_std(make_model: MakeModel) -> None:
    path = make_model(bare_model([(1, 8, 8, 1)]))
    assert read_model(path).grey
    assert read_model(path, override_facts(mean=33, std=78)).preprocessing.mean == (33.0,) * 3
    with pytest.raises(ModelError, match="grey, with one channel: it takes one mean and one std"):
        read_model(path, override_facts(mean=(1, 2, 3)))


def test_an_output_kind_that_is_said_counts(make_model: MakeModel) -> None:
    path = make_model(softmax=False)
    assert read_model(path).sources["output_kind"] == "graph: FULLY_CONNECTED"
    path.with_name("colours.json").write_text('{"output_kind": "multilabel-logits"}')
    info = read_model(path)
    assert (info.output_kind, info.sources["output_kind"]) == ("multilabel-logits", "colours.json")
    assert read_model(path, override_facts(output_kind="logits")).output_kind == "logits"


def test_labels_that_somebody_gives_take_the_place_of_broken_ones(make_model: MakeModel) -> None:
    path = make_model(bare_model(metadata=tflite_metadata(labels_file="birds.txt")))
    labels = parse_labels(b"a\nb\nc\n", "labels.txt")
    assert read_model(path, override_facts(labels=labels)).labels == ("a", "b", "c")


def test_an_output_of_1x1x1xn_is_one_vector(make_model: MakeModel) -> None:
    assert read_model(make_model(bare_model([(1, 8, 8, 3)], [(1, 1, 1, 5)]))).classes == 5


def test_an_embedding_extractor_is_refused(make_model: MakeModel) -> None:
    with pytest.raises(ModelError, match="feature extractor.*3 outputs are neither probabilities nor labelled"):
        read_model(make_model(feature_extractor()))


@pytest.mark.parametrize("code", [MEAN, AVERAGE_POOL_2D, "edgetpu-custom-op"])
def test_outputs_of_a_feature_layer_are_classes_once_they_have_labels(code: int | str, make_model: MakeModel) -> None:
    path = make_model(bare_model(code=code, output_scale=0.1))
    with pytest.raises(ModelError, match="a file with their labels"):
        read_model(path)
    assert read_model(path, Facts("command line", labels=parse_labels(b"a\nb\nc\n", "f"))).labels == ("a", "b", "c")


def test_one_number_without_labels_is_a_regression(make_model: MakeModel) -> None:
    path = make_model(bare_model([(1, 8, 8, 3)], [(1, 1)], code=FULLY_CONNECTED, output_scale=0.1))
    with pytest.raises(ModelError, match="a regression: its one output is neither a probability nor labelled"):
        read_model(path)
    info = read_model(path, override_facts(labels=parse_labels(b"no\nyes\n", "labels.txt")))
    assert (info.labels, info.classes, info.output_values) == (("no", "yes"), 2, 1)


def test_logits_without_labels_are_classes(make_model: MakeModel) -> None:
    info = read_model(make_model(bare_model(code=FULLY_CONNECTED, output_scale=0.1)))
    assert (info.labels, info.output_kind, info.sources["labels"]) == (None, "logits", "nowhere")


def numbered(count: int) -> str:
    """Write `count` labels."""
    return "".join(f"label {number}\n" for number in range(count))


def test_1000_labels_do_not_fit_1001_outputs(make_model: MakeModel) -> None:
    path = make_model(name="m", classes=1001, labels=None)
    path.with_name("m.labels.txt").write_text(numbered(1000))
    with pytest.raises(LabelsError, match=r"m\.labels\.txt: 1000 labels do not fit the 1001 outputs.*background"):
        read_model(path)


def test_1001_labels_do_not_fit_1000_outputs(make_model: MakeModel) -> None:
    path = make_model(name="m", classes=1000, labels=None)
    path.with_name("m.labels.txt").write_text("background\n" + numbered(1000))
    with pytest.raises(LabelsError, match="1001 labels do not fit the 1000 outputs.*background"):
        read_model(path)


@pytest.mark.parametrize("first", [True, False])
def test_a_background_class_at_either_end_fits(first: bool, make_model: MakeModel) -> None:
    path = make_model(name="m", classes=1001, labels=None)
    labels = "background\n" + numbered(1000) if first else numbered(1000) + "background\n"
    path.with_name("m.labels.txt").write_text(labels)
    read = read_model(path).labels
    assert read is not None
    assert (read[0], read[1], read[1000]) == (
        ("background", "label 0", "label 999") if first else ("label 0", "label 1", "background")
    )


def test_blank_labels_inside_the_metadata_keep_their_index(make_model: MakeModel) -> None:
    assert read_model(make_model(labels=("red", "", "blue"))).labels == ("red", "", "blue")


def test_labels_that_the_metadata_name_but_lack_are_an_error(make_model: MakeModel) -> None:
    content = bare_model(metadata=tflite_metadata(labels_file="birds.txt"))
    with pytest.raises(LabelsError, match=r"name 'birds\.txt' as labels, but hold no such file"):
        read_model(make_model(content))
    with pytest.raises(LabelsError, match=r"name 'birds\.txt' as labels, but hold no such file"):
        read_model(make_model(append_zip(content, {"other.txt": "a\nb\nc\n"})))


def test_labels_that_are_not_utf8_are_an_error(make_model: MakeModel) -> None:
    content = append_zip(bare_model(metadata=tflite_metadata(labels_file="l.txt")), {"l.txt": b"K\xe4fer\nb\nc\n"})
    with pytest.raises(LabelsError, match=r"l\.txt.*not UTF-8 \(byte 1\)"):
        read_model(make_model(content))


def test_a_sidecar_that_cannot_be_parsed_is_an_error(make_model: MakeModel) -> None:
    path = make_model(name="m")
    path.with_name("m.json").write_text("{")
    with pytest.raises(ModelError, match=r"m\.json: not valid JSON"):
        read_model(path)


def test_an_embedded_config_that_is_impossible_is_an_error(make_model: MakeModel) -> None:
    with pytest.raises(ModelError, match=r"colours\.tflite \(mobiclass\.json\): 'std' must be"):
        read_model(make_model(config=config(std=-1)))


def test_a_missing_file_and_a_folder_are_model_errors(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no such model file"):
        read_model(tmp_path / "none.tflite")
    with pytest.raises(ModelError, match=r"a folder, not a \.tflite file"):
        read_model(tmp_path)


def test_a_name_that_no_file_can_have_is_a_model_error() -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        read_model(Path("x" * 5000 + ".tflite"))


def test_every_other_truncation_is_refused_or_read(tmp_path: Path) -> None:
    content = colour_model(labels=COLOURS, config="{}")
    path = tmp_path / "cut.tflite"
    refused = 0
    for length in range(0, len(content), 11):
        path.write_bytes(content[:length])
        try:
            assert read_model(path).classes == 3
        except (ModelError, LabelsError):
            refused += 1
    # Even without its zip the model names labels that it no longer has.
    assert refused == len(range(0, len(content), 11))
