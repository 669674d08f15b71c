"""What other image classifiers get wrong with one image, each as a test of the whole path from file to label."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mobiclass import Classifier, ImageError, LabelsError
from mobiclass.images.decode import load_image
from tests.conftest import MakeModel
from tests.support.program import run

RED, GREEN, BLUE = (200, 20, 20), (20, 200, 20), (20, 20, 200)


def encoded(image: Image.Image, image_format: str = "PNG", **options: object) -> bytes:
    """Encode an image."""
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def top(classifier: Classifier, source: bytes | Path | Image.Image) -> str | None:
    """Name what is on `source`."""
    return classifier.classify(source, top_k=1)[0].label


@pytest.fixture
def classifier(colours: Path) -> Classifier:
    """Give the model that names colours."""
    return Classifier.load(colours, num_threads=1)


def test_1000_labels_on_a_model_of_1001_classes(make_model: MakeModel, tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("".join(f"{number}\n" for number in range(1000)))
    with pytest.raises(LabelsError, match="1000 labels do not fit the 1001 outputs"):
        Classifier.load(make_model(classes=1001, labels=None), labels=labels)


def test_blank_label_lines_are_not_dropped(colours: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("\n\nblue\n")
    assert top(Classifier.load(colours, labels=labels), Image.new("RGB", (9, 9), BLUE)) == "blue"


def test_labels_that_begin_with_a_number_are_not_parsed(colours: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("2 toed sloth\n3 toed sloth\n0 background\n")
    assert top(Classifier.load(colours, labels=labels), Image.new("RGB", (9, 9), GREEN)) == "3 toed sloth"


def test_a_wide_input_is_not_transposed(make_model: MakeModel) -> None:
    # Of a picture as wide as the input only the middle third would be seen, were it taken for a tall one.
    classifier = Classifier.load(make_model(height=4, width=16), num_threads=1)
    picture = np.full((40, 160, 3), RED, np.uint8)
    picture[:, 70:90] = BLUE
    assert top(classifier, Image.fromarray(picture)) == "red"


@pytest.mark.parametrize("dtype", ["uint8", "int8", "float32"])
@pytest.mark.parametrize("softmax", [True, False])
def test_scores_are_probabilities_and_not_raw_outputs(dtype: str, softmax: bool, make_model: MakeModel) -> None:
    classifier = Classifier.load(make_model(dtype=dtype, softmax=softmax), num_threads=1)
    scores = [prediction.score for prediction in classifier.classify(Image.new("RGB", (9, 9), RED))]
    assert 0.99 < scores[0] <= 1
    assert 0.99 < sum(scores) <= 1.001


def test_a_broken_file_does_not_get_the_next_files_prediction(classifier: Classifier, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("broken.png", "red.png")]
    paths[0].write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    paths[1].write_bytes(encoded(Image.new("RGB", (9, 9), RED)))
    results = list(classifier.classify_many(paths, top_k=1))
    assert [[prediction.label for prediction in result.predictions] for result in results] == [[], ["red"]]


def test_one_bad_image_ends_with_an_exit_code_and_not_with_the_run(colours: Path, pictures: Path) -> None:
    outcome = run("predict", "--model", colours, "none.png", pictures / "red.png")
    assert outcome.exit_code == 4
    assert [bool(json.loads(line)["predictions"]) for line in outcome.stdout.splitlines()] == [False, True]


def test_files_of_one_name_in_two_folders_do_not_shadow_each_other(classifier: Classifier, tmp_path: Path) -> None:
    for folder, colour in (("a", RED), ("b", BLUE)):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (9, 9), colour).save(tmp_path / folder / "cat.png")
    results = list(classifier.classify_many([tmp_path / "a" / "cat.png", tmp_path / "b" / "cat.png"]))
    assert [result.predictions[0].label for result in results] == ["red", "blue"]


def test_top_k_of_0_is_not_all(colours: Path, pictures: Path, classifier: Classifier) -> None:
    assert run("predict", "--model", colours, "-k", "0", pictures / "red.png").exit_code == 2
    with pytest.raises(ValueError, match="at least 1"):
        classifier.classify(pictures / "red.png", top_k=0)


def test_int8_outputs_do_not_overflow(make_model: MakeModel) -> None:
    # 127 − (−128) is −1 in int8, and the best class would be the last.
    best = Classifier.load(make_model(dtype="int8")).classify(Image.new("RGB", (9, 9), RED))[0]
    assert (best.label, best.score) == ("red", 255 / 256)


def test_quantized_inputs_are_rounded_and_not_cut(make_model: MakeModel) -> None:
    path = make_model(scale=1 / 50, zero_point=100, mean=[120.0], std=[60.0])
    classifier = Classifier.load(path, num_threads=1)
    tensor = classifier._session.preprocessor(Image.new("RGB", (8, 8), (139, 120, 101)))
    # (139 − 120) / 60 · 50 = 15.83 and its negative: cutting off would give 115 and 85.
    assert tensor[0, 0, 0].tolist() == [116, 100, 84]


def test_palette_and_alpha_are_converted_to_rgb(classifier: Classifier) -> None:
    assert top(classifier, encoded(Image.new("RGB", (9, 9), GREEN).quantize(4))) == "green"
    assert top(classifier, encoded(Image.new("RGBA", (9, 9), (*GREEN, 255)))) == "green"


def test_what_is_transparent_is_white_and_not_its_hidden_colour(classifier: Classifier) -> None:
    scores = classifier.classify(encoded(Image.new("RGBA", (9, 9), (*GREEN, 0))))
    assert [prediction.index for prediction in scores] == [0, 1, 2]
    assert scores[0].score == pytest.approx(1 / 3, abs=0.01)


def test_a_grey_jpeg_is_classified(classifier: Classifier) -> None:
    assert len(classifier.classify(encoded(Image.new("L", (64, 64), 90), "JPEG"))) == 3


def test_a_cmyk_jpeg_is_seen_in_its_colours(classifier: Classifier) -> None:
    assert top(classifier, encoded(Image.new("RGB", (64, 64), BLUE).convert("CMYK"), "JPEG")) == "blue"


def test_int8_inputs_are_not_refused(make_model: MakeModel) -> None:
    assert top(Classifier.load(make_model(dtype="int8")), Image.new("RGB", (9, 9), BLUE)) == "blue"


def test_red_is_red_and_not_blue(classifier: Classifier, pictures: Path) -> None:
    assert [top(classifier, pictures / f"{name}.png") for name in ("red", "blue")] == ["red", "blue"]


def lying_on_its_side() -> bytes:
    """Make a JPEG, red above and blue below once it is turned upright, stored lying."""
    upright = Image.new("RGB", (64, 160), RED)
    upright.paste(BLUE, (0, 96, 64, 160))
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(upright.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif, quality=95)


def test_exif_orientation_is_applied_to_files_lists_bytes_and_stdin(make_model: MakeModel, tmp_path: Path) -> None:
    # An input that is wide sees the middle band of the upright image only, which is red: 64 of 160 rows.
    path = make_model(height=4, width=16, config='{"preprocessing": {"crop_fraction": 1.0}}')
    classifier = Classifier.load(path, num_threads=1)
    content = lying_on_its_side()
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(content)
    expected = classifier.classify(photo)
    assert expected[0].label == "red"
    assert classifier.classify(content) == expected
    assert [result.predictions for result in classifier.classify_many([photo, photo])] == [expected, expected]
    with Image.open(photo) as image:
        assert classifier.classify(image)[0].label == "red"
    piped = run("predict", "--model", path, "-", stdin=content)
    assert json.loads(piped.stdout)["predictions"][0]["label"] == "red"


def test_a_16_bit_png_is_not_white() -> None:
    dark = encoded(Image.fromarray(np.full((20, 20), 40 * 256, np.uint16)))
    image = load_image(dark, min_height=1, min_width=1)
    assert np.unique(np.asarray(image)).tolist() == [40]


def test_a_heic_photo_is_read_or_the_package_that_reads_it_is_named(classifier: Classifier) -> None:
    header = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200)
    with pytest.raises(ImageError) as caught:
        classifier.classify(header)
    try:
        import pi_heif  # noqa: F401
    except ImportError:
        assert caught.value.kind == "unsupported"
        assert "pip install 'mobiclass[heif]'" in str(caught.value)
    else:
        assert caught.value.kind in ("truncated", "unsupported", "not_an_image")
