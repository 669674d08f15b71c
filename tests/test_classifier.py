"""The classifier as a library: what it takes, what it gives, and what it says on real photos."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mobiclass import Classifier, ImageError, ImageResult, LabelsError, ModelError, Prediction
from mobiclass.runtime.backends import choose_runtime, import_runtime
from tests.conftest import MakeModel
from tests.support.tiny_models import COLOURS, append_zip, bare_model, tflite_metadata

RGB = {"red": (200, 20, 20), "green": (20, 200, 20), "blue": (20, 20, 200)}


def filled(colour: str, height: int = 20, width: int = 30) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Make an array of one colour."""
    return np.full((height, width, 3), RGB[colour], np.uint8)


def top(classifier: Classifier, image: Any) -> str | None:
    """Name what is on `image`."""
    return classifier.classify(image, top_k=1)[0].label


@pytest.fixture(scope="module")
def classifier(colours: Path, shared_cache: Path) -> Iterator[Classifier]:
    """Give the model that names colours."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOBICLASS_CACHE", str(shared_cache))
        yield Classifier.load(colours, num_threads=1)


@pytest.mark.parametrize("colour", RGB)
def test_a_path_bytes_an_image_and_an_array_give_the_same(classifier: Classifier, pictures: Path, colour: str) -> None:
    path = pictures / f"{colour}.png"
    expected = classifier.classify(path)
    assert expected[0].label == colour
    assert classifier.classify(str(path)) == expected
    assert classifier.classify(path.read_bytes()) == expected
    with Image.open(path) as image:
        assert classifier.classify(image) == expected
    assert classifier.classify(filled(colour)) == expected


@pytest.mark.parametrize("options", [
    {}, {"dtype": "int8"}, {"dtype": "float32"}, {"softmax": False}, {"dtype": "int8", "softmax": False},
    {"dtype": "float32", "softmax": False}, {"old_codes": True}, {"dynamic_batch": True},
    {"height": 6, "width": 10}, {"height": 11, "width": 5, "dtype": "int8"},
    {"scale": 1.0, "zero_point": 0, "gain": 0.25, "mean": None, "std": None},
    {"scale": 1 / 255, "zero_point": -128, "dtype": "int8", "mean": [0.0], "std": [255.0]},
    {"classes": 1001, "labels": [*COLOURS, *map(str, range(997)), "background"]},
], ids=str)  # fmt: skip
def test_every_kind_of_model_names_the_colour(options: dict[str, Any], make_model: MakeModel) -> None:
    classifier = Classifier.load(make_model(**options), num_threads=1)
    for index, colour in enumerate(COLOURS):
        best = classifier.classify(filled(colour), top_k=1)[0]
        assert (best.index, best.label) == (index, colour)
        assert 0.9 < best.score <= 1


@pytest.mark.parametrize("dtype", ["uint8", "int8", "float32"])
def test_scores_of_a_known_graph(dtype: str, make_model: MakeModel) -> None:
    # Of a grey picture all logits are equal.
    classifier = Classifier.load(make_model(dtype=dtype), num_threads=1)
    scores = [prediction.score for prediction in classifier.classify(np.full((9, 9, 3), 127, np.uint8))]
    assert scores == pytest.approx([1 / 3] * 3, abs=1 / 256 + 0.002)
    assert [prediction.index for prediction in classifier.classify(np.full((9, 9, 3), 127, np.uint8))] == [0, 1, 2]


def test_the_channels_are_not_swapped(classifier: Classifier) -> None:
    assert top(classifier, filled("red")) == "red"
    assert top(classifier, filled("red")[..., ::-1]) == "blue"


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV", "P", "PA"])
def test_images_of_every_colour_mode_are_seen_in_their_colours(classifier: Classifier, mode: str) -> None:
    for colour in COLOURS:
        image = Image.fromarray(filled(colour))
        image = image.convert("RGBA").convert(mode) if mode == "RGBa" else image.convert(mode)
        assert top(classifier, image) == colour


@pytest.mark.parametrize("mode", ["1", "L", "LA", "I;16", "I", "F"])
def test_images_of_every_grey_mode_are_classified(classifier: Classifier, mode: str) -> None:
    image = Image.new("L", (9, 9), 255)
    image = Image.fromarray(np.full((9, 9), 65535, np.uint16)) if mode == "I;16" else image.convert(mode)
    predictions = classifier.classify(image)
    assert [prediction.index for prediction in predictions] == [0, 1, 2]
    assert predictions[0].score == pytest.approx(1 / 3, abs=0.01)


def test_an_image_given_is_left_as_it_was(classifier: Classifier) -> None:
    image = Image.fromarray(filled("red"))
    before = image.tobytes()
    classifier.classify(image)
    assert (image.mode, image.size, image.tobytes()) == ("RGB", (30, 20), before)


@pytest.mark.parametrize("shape", [(5, 5), (5, 5, 1), (5, 5, 4)])
def test_grey_and_rgba_arrays_are_taken(classifier: Classifier, shape: tuple[int, ...]) -> None:
    assert len(classifier.classify(np.full(shape, 99, np.uint8))) == 3


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((5, 5, 3), np.float32), np.zeros((5, 5, 3), np.int64), np.zeros((5, 5, 2), np.uint8),
        np.zeros((1, 5, 5, 3), np.uint8), np.zeros((0, 5, 3), np.uint8), np.zeros(5, np.uint8),
    ],
)  # fmt: skip
def test_other_arrays_are_image_errors(classifier: Classifier, array: Any) -> None:
    with pytest.raises(ImageError, match="an array of pixels must be") as caught:
        classifier.classify(array)
    assert (caught.value.kind, caught.value.path) == ("unsupported", None)


def test_top_k_and_threshold(classifier: Classifier) -> None:
    assert len(classifier.classify(filled("red"), top_k=2)) == 2
    assert len(classifier.classify(filled("red"), top_k=99)) == 3
    assert [p.label for p in classifier.classify(filled("red"), threshold=0.5)] == ["red"]
    assert classifier.classify(filled("red"), threshold=1.0) == ()


@pytest.mark.parametrize("top_k", [0, -1])
def test_top_k_of_nothing_is_refused(classifier: Classifier, top_k: int) -> None:
    with pytest.raises(ValueError, match="top_k must be at least 1"):
        classifier.classify(filled("red"), top_k=top_k)


def test_many_files_give_a_result_each_in_order(classifier: Classifier, pictures: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes((pictures / "red.png").read_bytes()[:50])
    paths = [pictures / "red.png", tmp_path / "missing.png", pictures / "green.png", broken, pictures / "blue.png"]
    results = list(classifier.classify_many(paths, top_k=1))
    assert [result.path for result in results] == [str(path) for path in paths]
    # A broken file's row never holds the next file's prediction.
    assert [[p.label for p in result.predictions] for result in results] == [["red"], [], ["green"], [], ["blue"]]
    assert [result.error and result.error.kind for result in results] == [None, "not_found", None, "truncated", None]
    assert [result.timing is None for result in results] == [False, True, False, True, False]


def test_many_files_are_classified_as_they_are_asked_for(classifier: Classifier, pictures: Path) -> None:
    def paths() -> Iterator[Path]:
        yield pictures / "red.png"
        pytest.fail("the second was asked for")

    assert next(classifier.classify_many(paths())).predictions[0].label == "red"


def test_an_image_in_memory_is_one_of_many(classifier: Classifier, pictures: Path) -> None:
    images = [(pictures / "green.png").read_bytes(), pictures / "red.png", filled("blue"), b"no image"]
    results = list(classifier.classify_many(images, top_k=1))
    assert [result.path for result in results] == ["-", str(pictures / "red.png"), "-", "-"]
    assert [[p.label for p in result.predictions] for result in results] == [["green"], ["red"], ["blue"], []]


def test_two_files_of_one_name_are_two_results(classifier: Classifier, tmp_path: Path) -> None:
    for folder, colour in (("a", "red"), ("b", "blue")):
        (tmp_path / folder).mkdir()
        Image.fromarray(filled(colour)).save(tmp_path / folder / "cat.png")
    results = classifier.classify_many([tmp_path / "a" / "cat.png", tmp_path / "b" / "cat.png"])
    assert [result.predictions[0].label for result in results] == ["red", "blue"]


def test_a_bug_in_one_image_stops_the_run(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **named: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("mobiclass.images.decode.load_image", fail)
    with pytest.raises(ZeroDivisionError):
        list(classifier.classify_many(["a.jpg"]))


def test_an_output_that_is_not_a_number_is_a_model_error(make_model: MakeModel) -> None:
    classifier = Classifier.load(make_model(dtype="float32", gain=float("inf")), num_threads=1)
    with pytest.raises(ModelError, match=r"colours\.tflite: the model's output is NaN or infinite"):
        classifier.classify(filled("red"))


def test_what_was_loaded_is_known(classifier: Classifier, colours: Path) -> None:
    assert classifier.model.path == colours
    assert (classifier.device, classifier.fallback, classifier.num_threads) == ("cpu", None, 1)
    assert classifier.runtime == choose_runtime()


def test_labels_of_the_caller_win(colours: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("rot\ngrün\nblau\n", encoding="utf-8")
    assert top(Classifier.load(colours, labels=labels), filled("green")) == "grün"
    labels.write_text("rot\n")
    with pytest.raises(LabelsError, match="1 labels do not fit the 3 outputs"):
        Classifier.load(colours, labels=labels)
    with pytest.raises(LabelsError, match="cannot be read"):
        Classifier.load(colours, labels=tmp_path / "none.txt")


def test_normalization_of_the_caller_wins(make_model: MakeModel) -> None:
    path = make_model(dtype="float32", softmax=False)
    # With a huge std all pixels are the same to the model.
    best = Classifier.load(path, mean=0, std=1e6).classify(filled("blue"))[0]
    assert best.score == pytest.approx(1 / 3, abs=0.001)


@pytest.mark.parametrize(
    "arguments",
    [{"std": 0.5}, {"mean": (1, 2)}, {"channels": "grb"}, {"resolution": 0}, {"device": "gpu"}, {"device": "edgetpu:"}],
)
def test_impossible_arguments_are_value_errors(colours: Path, arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="std is in pixel units|must be"):
        Classifier.load(colours, **arguments)


def test_a_model_is_compiled_by_its_operators_and_not_by_its_name(make_model: MakeModel) -> None:
    assert Classifier.load(make_model(name="birds_edgetpu")).device == "cpu"


def test_another_custom_operator_is_a_model_error(make_model: MakeModel) -> None:
    content = append_zip(
        bare_model(code="FlexErf", metadata=tflite_metadata(labels_file="l.txt")), {"l.txt": "a\nb\nc\n"}
    )
    with pytest.raises(ModelError, match=r"Select TF.*FlexErf.*supported_ops = \[tf.lite.OpsSet.TFLITE_BUILTINS\]"):
        Classifier.load(make_model(content))
    content = append_zip(
        bare_model(code="MyErf", metadata=tflite_metadata(labels_file="l.txt")), {"l.txt": "a\nb\nc\n"}
    )
    with pytest.raises(ModelError, match=r"needs the custom operator MyErf|has custom operators.*MyErf"):
        Classifier.load(make_model(content))


# The top classes that int8 kernels may swap stand together: XNNPACK differs from the builtin ones by some steps.
GOLDEN = {
    "chelsea.png": ({"tiger cat", "Egyptian cat"}, 0.38),
    "coffee.png": ({"espresso"}, 0.945),
    "rocket.jpg": ({"missile"}, 0.26),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_the_built_in_model_on_real_photos(built_in: Classifier, photos: dict[str, Path], name: str) -> None:
    labels, score = GOLDEN[name]
    best = built_in.classify(photos[name], top_k=1)[0]
    assert best.label in labels
    assert best.score == pytest.approx(score, abs=0.06)


def test_builtin_kernels_and_xnnpack_agree_on_real_photos(built_in: Classifier, photos: dict[str, Path]) -> None:
    runtime = import_runtime(choose_runtime())
    resolver = runtime.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    plain = runtime.Interpreter(model_content=built_in.model.content, experimental_op_resolver_type=resolver)
    plain.allocate_tensors()
    for name, path in photos.items():
        with Image.open(path) as image:
            tensor = built_in._session.preprocessor(image.convert("RGB"))
        plain.set_tensor(plain.get_input_details()[0]["index"], tensor)
        plain.invoke()
        steps = plain.get_tensor(plain.get_output_details()[0]["index"])[0].astype(int)
        ours = {p.index: round(p.score * 256) for p in built_in.classify(path, top_k=1000)}
        assert max(abs(steps[index] - ours[index]) for index in ours) <= 13
        assert steps[max(ours, key=lambda index: ours[index])] >= steps.max() - 8, name


@pytest.mark.parametrize("dtype", ["uint8", "int8", "float32"])
def test_builtin_kernels_and_xnnpack_agree_on_small_models(dtype: str, make_model: MakeModel) -> None:
    path = make_model(dtype=dtype)
    classifier = Classifier.load(path)
    runtime = import_runtime(choose_runtime())
    resolver = runtime.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    plain = runtime.Interpreter(model_path=str(path), experimental_op_resolver_type=resolver)
    plain.allocate_tensors()
    for colour in COLOURS:
        plain.set_tensor(
            plain.get_input_details()[0]["index"], classifier._session.preprocessor(Image.fromarray(filled(colour)))
        )
        plain.invoke()
        output = plain.get_tensor(plain.get_output_details()[0]["index"])[0]
        assert COLOURS[int(output.argmax())] == top(classifier, filled(colour)) == colour


def test_a_float_photo_classifier_sees_the_same_as_an_int8_one(make_model: MakeModel, photos: dict[str, Path]) -> None:
    models = [
        Classifier.load(make_model(name=dtype, dtype=dtype), num_threads=1) for dtype in ("float32", "int8", "uint8")
    ]
    for path in photos.values():
        scores = [{p.index: p.score for p in model.classify(path)} for model in models]
        for others in scores[1:]:
            assert max(abs(scores[0][index] - others[index]) for index in range(3)) < 0.04


def test_results_are_plain_values(classifier: Classifier) -> None:
    result = classifier.result("a", filled("red"), top_k=1)
    assert isinstance(result, ImageResult)
    assert result.predictions == (Prediction(0, "red", 0.99609375),)
    assert type(result.predictions[0].index) is int
    assert type(result.predictions[0].score) is float


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"runtime": "foo"}, "runtime must be one of auto, litert, tflite"),
        ({"resize": "foo"}, "resize must be one of crop, squash, pad"),
        ({"num_threads": 0}, "num_threads must be from 1 to 256"),
        ({"num_threads": 100_000}, "num_threads must be from 1 to 256"),
        ({"std": 0.2}, "std is in pixel units"),
        ({"device_timeout": 0}, "device_timeout must be more than 0 seconds"),
        ({"device_timeout": float("nan")}, "device_timeout must be more than 0 seconds"),
    ],
)
def test_arguments_out_of_range_are_value_errors(colours: Path, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Classifier.load(colours, **arguments)


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_a_threshold_is_a_fraction(colours: Path, pictures: Path, threshold: float) -> None:
    with pytest.raises(ValueError, match="threshold must be from 0 to 1"):
        Classifier.load(colours).classify(pictures / "red.png", threshold=threshold)
