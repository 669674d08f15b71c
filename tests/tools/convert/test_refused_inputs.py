"""Bad input to the command: a clear line, exit code 3 (or 2), no converter started, nothing written, nothing run."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.support.keras_models import require_keras, tiny_classifier, write_labels, write_photos
from tools.convert.command import main

# Keras warns of its own inner workings, and NumPy of how Keras uses it.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder in which all is well."""
    require_keras()
    folder = tmp_path_factory.mktemp("inputs")
    tiny_classifier().save(folder / "tiny.keras")
    write_labels(folder / "four.txt", 4)
    write_photos(folder / "photos", 24)
    return folder


@pytest.fixture
def run(good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run the command with one thing changed; the converter must not be reached."""
    monkeypatch.setattr(
        "tools.convert.conversion.convert_int8", lambda *a, **k: pytest.fail("the converter was started")
    )
    monkeypatch.setattr(
        "tools.convert.conversion.convert_float32", lambda *a, **k: pytest.fail("the converter was started")
    )

    def convert(**changes: Any) -> Result:
        options: dict[str, Any] = {
            "--keras": good / "tiny.keras", "--labels": good / "four.txt", "--calibration": good / "photos",
            "--mean": 127.5, "--std": 127.5, "-o": tmp_path / "out.tflite",
        }  # fmt: skip
        options |= {
            ("-o" if key == "output" else f"--{key.replace('_', '-')}"): value for key, value in changes.items()
        }
        words = [str(word) for key, value in options.items() if value is not None for word in (key, value)]
        result = CliRunner().invoke(main, words)
        assert not list(tmp_path.glob("**/out.tflite")), "something was written"
        assert result.stdout == ""
        return result

    return convert


def _refused(result: Result, reason: str, exit_code: int = 3) -> None:
    assert result.exit_code == exit_code, result.output
    assert reason in result.stderr
    assert "Traceback" not in result.stderr


def test_features_without_a_head_are_no_classifier(run: Any, tmp_path: Path) -> None:
    keras = require_keras()
    keras.applications.MobileNetV2(input_shape=(32, 32, 3), alpha=0.35, weights=None, include_top=False).save(
        tmp_path / "features.keras"
    )
    _refused(run(keras=tmp_path / "features.keras"), "not an image classifier: its output is any×1×1×1280")


def test_one_output_is_no_classifier(run: Any, tmp_path: Path) -> None:
    tiny_classifier(1, activation="sigmoid").save(tmp_path / "one.keras")
    _refused(run(keras=tmp_path / "one.keras"), "a single sigmoid output must become a softmax over two")


@pytest.mark.parametrize("channels", [1, 4])
def test_other_channels_are_refused(run: Any, tmp_path: Path, channels: int) -> None:
    tiny_classifier(channels=channels).save(tmp_path / "grey.keras")
    _refused(run(keras=tmp_path / "grey.keras"), f"its input is any×32×32×{channels}, not batch×height×width×3")


def test_two_inputs_are_refused(run: Any, tmp_path: Path) -> None:
    keras = require_keras()
    one, two = keras.Input((32, 32, 3)), keras.Input((32, 32, 3))
    total = keras.layers.Flatten()(keras.layers.Add()([one, two]))
    keras.Model([one, two], keras.layers.Dense(4)(total)).save(tmp_path / "two.keras")
    _refused(run(keras=tmp_path / "two.keras"), "it has 2 inputs and 1 outputs")


@pytest.mark.parametrize("count", [3, 5])
def test_labels_that_do_not_fit_are_refused(run: Any, tmp_path: Path, count: int) -> None:
    _refused(run(labels=write_labels(tmp_path / "labels.txt", count)), f"{count} labels do not fit the 4 outputs")


def test_without_labels_it_asks(run: Any) -> None:
    _refused(run(labels=None), "give --labels FILE")


def test_without_normalization_it_asks(run: Any) -> None:
    _refused(run(mean=None, std=None), "Give the --mean and --std that it was trained with")


@pytest.mark.parametrize(("photos", "reason"), [(0, "contain no photo"), (1, "distinct crops are too few")])
def test_too_few_photos_are_refused(run: Any, tmp_path: Path, photos: int, reason: str) -> None:
    folder = write_photos(tmp_path / "few", photos)
    _refused(run(calibration=folder), reason)


def test_missing_things_are_named(run: Any, tmp_path: Path) -> None:
    _refused(run(calibration=tmp_path / "nowhere"), "nowhere: the folder does not exist")
    _refused(run(keras=tmp_path / "nowhere.keras"), "nowhere.keras: there is no such file")
    _refused(run(labels=tmp_path / "nowhere.txt"), "nowhere.txt: the label list cannot be read")
    _refused(run(output=tmp_path / "nowhere" / "out.tflite"), "does not exist; create it first")


@pytest.mark.parametrize("suffix", ["keras", "h5"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.95])
def test_a_file_cut_short_is_refused(run: Any, good: Path, tmp_path: Path, suffix: str, part: float) -> None:
    path = tmp_path / f"cut.{suffix}"
    tiny_classifier().save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    _refused(run(keras=path), "copy it again")


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_a_lambda_layer_is_refused_and_does_not_run(run: Any, tmp_path: Path, suffix: str) -> None:
    keras = require_keras()
    trace, path = tmp_path / "was_here", tmp_path / f"evil.{suffix}"
    target = str(trace)
    layer = keras.layers.Lambda(lambda x: (__import__("pathlib").Path(target).touch(), x)[1], output_shape=(32, 32, 3))
    tiny_classifier(front=(layer,)).save(path)
    trace.unlink(missing_ok=True)  # building the model ran it
    _refused(run(keras=path), "Lambda layer, whose Python code would run when loaded")
    assert not trace.exists()


class _Evil:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return open, (str(self.target), "w")


@pytest.mark.parametrize("option", ["keras", "labels"])
def test_a_pickle_is_refused_and_does_not_run(run: Any, tmp_path: Path, option: str) -> None:
    trace, path = tmp_path / "was_here", tmp_path / "evil.pkl"
    path.write_bytes(pickle.dumps(_Evil(trace)))
    _refused(run(**{option: path}), "pickle" if option == "keras" else "not UTF-8")
    assert not trace.exists()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"arch": "mobilenet_v2"}, "either --keras FILE or --arch NAME"),
        ({"keras": None}, "either --keras FILE or --arch NAME"),
        ({"alpha": 0.5}, "--alpha goes with --arch"),
        ({"weights": "imagenet"}, "--weights goes with --arch"),
        ({"std": None}, "must be given together"),
        ({"std": 0.5}, "std is in pixel units"),
        ({"mean": "1,2"}, "one number, or three"),
        ({"mean": "grey"}, "is neither a number"),
        ({"report": "report.pdf"}, ".html or .json"),
        ({"samples": 5}, "Invalid value for '--samples'"),
        ({"io": "int16"}, "Invalid value for '--io'"),
        ({"max_disagreement": 2}, "Invalid value for '--max-disagreement'"),
    ],
)
def test_wrong_command_lines(run: Any, changes: dict[str, Any], reason: str) -> None:
    _refused(run(**changes), reason, exit_code=2)


def test_the_output_cannot_be_an_input(good: Path) -> None:
    path = good / "tiny.keras"
    before = path.read_bytes()
    assert CliRunner().invoke(main, ["--keras", str(path), "-o", str(path)]).exit_code == 2
    assert path.read_bytes() == before


def test_resolutions_must_be_the_models_own(run: Any) -> None:
    _refused(run(resolution=64), "takes 32×32 pixels, not 64")


def test_list_needs_nothing_else() -> None:
    result = CliRunner().invoke(main, ["--list"])
    assert result.exit_code == 0
    assert "mobilenet_v3_large --minimalistic" in result.stdout
