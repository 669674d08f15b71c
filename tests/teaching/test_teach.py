"""Teaching as a whole: the model classifies, and it makes no difference when a photo was added."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mobiclass.choices import RunOptions
from mobiclass.classifier import Classifier
from mobiclass.errors import ClassesError, SetupError
from mobiclass.teaching.base import read_base
from mobiclass.teaching.features import Photo
from mobiclass.teaching.fitted import fit_samples
from mobiclass.teaching.samples import Samples
from mobiclass.teaching.taught_model import Origin, read_taught, taught_content
from mobiclass.teaching.teach import Lesson, Taught, _places, teach_classes
from mobiclass.teaching.views import ALL_VIEWS, MANY_PHOTOS
from mobiclass.tflite import replace_members
from tests.conftest import MakeModel
from tests.support.colour_photos import write_colours
from tests.support.edge_tpus import Simulator
from tests.support.tiny_models import bare_model, feature_extractor

SIX = {"red": 6, "green": 6, "blue": 6}


def listed(*folders: Path) -> list[Photo]:
    return [Photo(path.parent.name, str(path)) for folder in folders for path in sorted(folder.rglob("*.png"))]


def teach(base: Path, *folders: Path, output: Path | None = None, **how: Any) -> Taught:
    run = RunOptions(num_threads=1, device=how.pop("device", "auto"))
    taught = teach_classes(Lesson(listed(*folders), base=str(base), run=run, **how), "taught.tflite")
    if output:
        output.write_bytes(taught.content)
    return taught


def right(model: Path, folder: Path) -> float:
    """Count how many photos of a folder the model names rightly."""
    classifier = Classifier.load(model, num_threads=1)
    found = [classifier.classify(photo.path, top_k=1)[0].label == photo.label for photo in listed(folder)]
    return float(np.mean(found))


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOBICLASS_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return write_colours(tmp_path / "photos", SIX)


@pytest.fixture
def others(tmp_path: Path) -> Path:
    return write_colours(tmp_path / "others", dict.fromkeys(SIX, 10), seed=1)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "float32"])
def test_a_taught_model_names_photos_that_it_has_not_seen(
    make_model: MakeModel, tmp_path: Path, photos: Path, others: Path, dtype: str
) -> None:
    taught = teach(make_model(dtype=dtype), photos, output=tmp_path / "taught.tflite")
    assert right(tmp_path / "taught.tflite", others) >= 0.95
    assert taught.gathered.samples.counts == SIX
    assert taught.fitted.held_out is not None
    assert taught.fitted.held_out.right >= 0.9 * taught.fitted.held_out.photos


def test_an_extractor_gets_a_head(make_model: MakeModel, tmp_path: Path, photos: Path, others: Path) -> None:
    teach(make_model(feature_extractor(), name="extractor"), photos, output=tmp_path / "taught.tflite")
    assert right(tmp_path / "taught.tflite", others) >= 0.95


def test_the_bytes_depend_on_the_photos_alone(colours: Path, tmp_path: Path, photos: Path) -> None:
    """Not on the number of workers, the cache, or names and order of the files."""
    first = teach(colours, photos, jobs=3).content
    assert teach(colours, photos).content == first
    shutil.rmtree(tmp_path / "cache")
    renamed = tmp_path / "renamed"
    for photo in listed(photos):
        path = Path(photo.path)
        (renamed / photo.label).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, renamed / photo.label / f"{99 - int(path.stem)}.png")
    assert teach(colours, renamed).content == first
    assert teach(colours, photos, seed=1).content != first


def test_appending_equals_teaching_anew(colours: Path, tmp_path: Path, photos: Path) -> None:
    more = write_colours(tmp_path / "more", {"yellow": 6, "red": 3}, begin=50)
    anew = teach(colours, photos, more).content
    teach(colours, photos, output=tmp_path / "first.tflite")
    for photo in listed(photos):
        Path(photo.path).unlink()
    assert teach(colours, more, append=tmp_path / "first.tflite").content == anew


def test_appending_may_make_a_few_photos_many(colours: Path, tmp_path: Path, photos: Path) -> None:
    more = write_colours(tmp_path / "more", {"red": MANY_PHOTOS}, begin=50)
    teach(colours, photos, output=tmp_path / "first.tflite")
    appended = teach(colours, more, append=tmp_path / "first.tflite")
    assert appended.content == teach(colours, photos, more).content
    views = {label: len(found.scales) for label, found in appended.gathered.samples.pairs()}
    assert views == {"red": 2, "green": ALL_VIEWS, "blue": ALL_VIEWS}


def test_without_the_base_the_taught_model_stands_in(
    make_model: MakeModel, tmp_path: Path, photos: Path, others: Path
) -> None:
    base = make_model()
    more = write_colours(tmp_path / "more", {"yellow": 6}, begin=50)
    anew = teach(base, photos, more)
    teach(base, photos, output=tmp_path / "first.tflite")
    base.unlink()
    lesson = Lesson(listed(more), append=tmp_path / "first.tflite", run=RunOptions(num_threads=1))
    appended = teach_classes(lesson, "second.tflite")
    assert appended.gathered.samples.members({}) == anew.gathered.samples.members({})
    assert appended.origin == anew.origin
    (tmp_path / "second.tflite").write_bytes(appended.content)
    write_colours(others, {"yellow": 10}, seed=1)
    assert right(tmp_path / "second.tflite", others) >= 0.95


def test_a_class_can_be_removed(colours: Path, tmp_path: Path, photos: Path) -> None:
    teach(colours, photos, output=tmp_path / "three.tflite")
    two = teach(colours, append=tmp_path / "three.tflite", remove=["green"])
    shutil.rmtree(photos / "green")
    assert two.content == teach(colours, photos).content
    with pytest.raises(ClassesError, match="it was not taught 'pink'") as caught:
        teach(colours, append=tmp_path / "three.tflite", remove=["pink"])
    assert caught.value.details == ("it was taught 'blue', 'green', 'red'",)


def test_a_class_that_was_taught_is_not_taught_in_another_case(colours: Path, tmp_path: Path, photos: Path) -> None:
    teach(colours, photos, output=tmp_path / "three.tflite")
    (photos / "red").rename(photos / "Red")
    with pytest.raises(ClassesError) as caught:
        teach(colours, photos, append=tmp_path / "three.tflite")
    assert caught.value.details == ("'Red' and 'red': the same name twice",)
    labels = read_taught_labels(teach(colours, photos, append=tmp_path / "three.tflite", remove=["red"]))
    assert labels == ("Red", "blue", "green")


def read_taught_labels(taught: Taught) -> tuple[str, ...]:
    return taught.gathered.samples.labels


@pytest.mark.parametrize("name", ["../elsewhere", "/", "", "a\0b"])
def test_the_base_is_not_looked_for_where_a_taught_model_leads(name: str, tmp_path: Path) -> None:
    assert _places(name, tmp_path / "taught.tflite") == []


def test_a_stand_in_does_not_fill_the_cache_of_the_model_that_it_says_it_was_made_of(
    colours: Path, make_model: MakeModel, tmp_path: Path, photos: Path
) -> None:
    content = teach(colours, photos).content
    shutil.rmtree(tmp_path / "cache")
    true_origin, lying = teach(colours, photos).origin, tmp_path / "lying.tflite"
    shutil.rmtree(tmp_path / "cache")
    other = read_base(make_model(gain=3.0))
    samples, _ = read_taught_of(content, tmp_path)
    lying.write_bytes(
        taught_content(other, true_origin._replace(name="gone"), samples, fit_samples(samples), "lying.tflite")
    )
    teach_classes(Lesson(listed(photos), append=lying, run=RunOptions(num_threads=1)), "taught.tflite")
    again = teach(colours, photos)
    assert again.gathered.extraction.cached == 0
    assert again.content == content


def read_taught_of(content: bytes, folder: Path) -> tuple[Samples, Origin]:
    (folder / "whole.tflite").write_bytes(content)
    return read_taught(folder / "whole.tflite")


def test_a_base_may_have_any_file_name(colours: Path, tmp_path: Path, photos: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/b\xff.tflite"))
    try:
        shutil.copy(colours, odd)
    except OSError:
        pytest.skip("file names are UTF-8 here")
    assert teach(odd, photos, output=tmp_path / "taught.tflite").origin.name == "b\ufffd"
    assert teach_classes(
        Lesson([], append=tmp_path / "taught.tflite", remove=["red"], run=RunOptions(num_threads=1)), "less.tflite"
    ).gathered.samples.labels == ("blue", "green")


def test_features_of_another_width_do_not_fit(colours: Path, tmp_path: Path, photos: Path) -> None:
    kept, origin = read_taught_of(teach(colours, photos).content, tmp_path)
    narrow = Samples.of(
        [(label, photo._replace(values=photo.values[:, :2])) for label, photo in kept.pairs()], kept.zero_point
    )
    content = replace_members(
        (tmp_path / "whole.tflite").read_bytes(), narrow.members(origin._asdict()), "whole.tflite"
    )
    (tmp_path / "narrow.tflite").write_bytes(content)
    with pytest.raises(SetupError, match="not those of this base"):
        teach(colours, photos, append=tmp_path / "narrow.tflite")


def test_another_base_or_seed_does_not_fit_a_taught_model(
    colours: Path, make_model: MakeModel, tmp_path: Path, photos: Path
) -> None:
    teach(colours, photos, output=tmp_path / "first.tflite", seed=4)
    with pytest.raises(SetupError, match=r"not the model that .*first\.tflite was taught on, which is colours"):
        teach(make_model(gain=3.0), photos, append=tmp_path / "first.tflite")
    with pytest.raises(SetupError, match="it was taught with --seed 4"):
        teach(colours, photos, append=tmp_path / "first.tflite", seed=5)


def test_preprocessing_that_was_given_holds_when_taught_more(colours: Path, tmp_path: Path, photos: Path) -> None:
    more = write_colours(tmp_path / "more", {"yellow": 6}, begin=50)
    said = {"resize": "squash"}
    teach(colours, photos, preprocessing=said, output=tmp_path / "first.tflite")
    assert teach(colours, more, append=tmp_path / "first.tflite").content == (
        teach(colours, photos, more, preprocessing=said).content
    )


def test_copies_count_once_and_a_photo_in_two_classes_not_at_all(colours: Path, tmp_path: Path, photos: Path) -> None:
    clean = teach(colours, photos).content
    shutil.copy(photos / "red" / "000.png", photos / "red" / "copy.png")
    doubtful = write_colours(tmp_path / "doubtful", {"yellow": 1}) / "yellow" / "000.png"
    shutil.copy(doubtful, photos / "red" / "doubtful.png")
    shutil.copy(doubtful, photos / "green" / "doubtful.png")
    taught = teach(colours, photos)
    assert taught.content == clean
    assert sorted(line.rpartition("/")[2] for line in taught.gathered.left_out) == [
        "copy.png: a copy of another photo of 'red'; it counts once",
        "doubtful.png: the same photo is in 'green' and 'red'; it is taught as neither",
        "doubtful.png: the same photo is in 'green' and 'red'; it is taught as neither",
    ]


def test_a_photo_that_was_taught_as_another_class_is_taught_as_neither(
    colours: Path, tmp_path: Path, photos: Path
) -> None:
    teach(colours, photos, output=tmp_path / "first.tflite")
    (tmp_path / "more" / "blue").mkdir(parents=True)
    shutil.copy(photos / "red" / "000.png", tmp_path / "more" / "blue" / "moved.png")
    shutil.copy(photos / "red" / "001.png", tmp_path / "more" / "blue" / "too.png")
    write_colours(tmp_path / "more", {"blue": 1}, begin=70)
    appended = teach(colours, tmp_path / "more", append=tmp_path / "first.tflite")
    assert appended.gathered.samples.counts == {"red": 4, "green": 6, "blue": 7}
    assert appended.content == teach(colours, photos, tmp_path / "more").content


def test_broken_photos_leave_a_class_its_other_photos_and_their_views(
    colours: Path, tmp_path: Path, photos: Path
) -> None:
    """A class with few photos, after all, gets the crops that a large one has not."""
    clean = write_colours(photos, {"red": MANY_PHOTOS})
    expected = teach(colours, clean).content
    for number in range(5):
        (photos / "red" / f"broken{number}.png").write_bytes(b"\x89PNG\r\n\x1a\nno picture")
    shutil.rmtree(tmp_path / "cache")
    taught = teach(colours, photos)
    assert len(taught.gathered.extraction.errors) == 5
    assert taught.content == expected


def test_what_cannot_be_taught_is_said(colours: Path, tmp_path: Path, photos: Path) -> None:
    with pytest.raises(ClassesError, match="at least 2 classes to tell apart; there is only 'red'"):
        teach(colours, write_colours(tmp_path / "one", {"red": 3}))
    (photos / "yellow").mkdir()
    (photos / "yellow" / "broken.png").write_bytes(b"")
    with pytest.raises(ClassesError, match="no photo of 'yellow' can be taught") as caught:
        teach(colours, photos)
    assert "broken.png" in caught.value.details[0]


def test_few_photos_have_no_rule_for_other_things(colours: Path, tmp_path: Path, photos: Path) -> None:
    assert teach(colours, photos).fitted.rule is not None
    (photos / "red" / "000.png").unlink()
    assert teach(colours, photos).fitted.rule is not None
    (photos / "red" / "001.png").unlink()
    assert teach(colours, photos).fitted.rule is None
    one_each = teach(colours, write_colours(tmp_path / "one", dict.fromkeys(SIX, 1)))
    assert one_each.fitted.rule is None
    assert one_each.fitted.held_out is None


def test_a_compiled_extractor_is_taught_on_its_device(
    make_model: MakeModel, tmp_path: Path, photos: Path, simulator: Simulator
) -> None:
    compiled = bare_model([(1, 8, 8, 3)], [(1, 3)], code="edgetpu-custom-op", output_scale=0.05)
    base = make_model(compiled, name="extractor_edgetpu")
    teach(base, photos, output=tmp_path / "taught_edgetpu.tflite")
    samples, origin = read_taught(tmp_path / "taught_edgetpu.tflite")
    assert origin.name == "extractor_edgetpu"
    assert Counter(label for label, _ in samples.pairs()) == SIX
    classifier = Classifier.load(tmp_path / "taught_edgetpu.tflite")
    assert classifier.device.startswith("edgetpu")
    assert {prediction.label for prediction in classifier.classify(listed(photos)[0].path)} == set(SIX)
    classifier.close()
