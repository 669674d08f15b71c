"""Which model is recommended, which are on the front, and which are dropped before the end."""

from __future__ import annotations

import random
from pathlib import Path

from PIL import Image

from mobiclass.classifier import Classifier
from mobiclass.errors import ModelError
from mobiclass.evaluation.dataset import list_class_folders
from mobiclass.evaluation.recommendation import (
    BLOCK_PHOTOS,
    Candidate,
    Judge,
    Limits,
    recommend,
    recommendation_json,
)
from mobiclass.evaluation.truth import match_folders
from tests.support.tiny_models import colour_model

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}


def candidate(name: str, right: int, of: int = 100, *, ms: float = 10.0, size: int = 1_000_000) -> Candidate:
    answers = {str(number).encode(): number < right for number in range(of)}
    return Candidate(name, size, Path(name), ms, 60.0, answers)


def test_the_most_accurate_is_recommended_and_of_equals_the_fastest() -> None:
    models = [candidate("slow", 90, ms=20), candidate("fast", 90, ms=5), candidate("worse", 50, ms=1)]
    found = recommend(models, Limits())
    assert found.best is models[1]
    assert [each.name for each in found.candidates] == ["fast", "slow", "worse"]
    assert found.front == {"fast", "worse"}
    assert [found.verdict(each) for each in found.candidates] == [
        "recommended", "fast is as accurate, no slower, no larger", "on the front",
    ]  # fmt: skip


def test_models_that_are_not_worse_beyond_chance_are_told() -> None:
    found = recommend([candidate("best", 92, ms=20), candidate("near", 90, ms=5), candidate("bad", 40, ms=2)], Limits())
    assert [each.name for each in found.as_good] == ["near"]


def test_what_is_worse_names_the_model_that_beats_it() -> None:
    models = [candidate("best", 92, ms=5), candidate("near", 90, ms=20), candidate("bad", 40, ms=20)]
    found = recommend(models, Limits())
    assert found.verdict(models[1]) == "best is more accurate, no slower, no larger"
    assert found.verdict(models[2]) == "best is more accurate, beyond chance, no slower, no larger"
    assert found.verdict(Candidate("none read", 1, Path("n"), 1.0, 60.0)) == "has judged no photo"


def test_limits() -> None:
    models = [candidate("good", 90, ms=20, size=9_000_000), candidate("small", 80, ms=8, size=2_000_000)]
    assert recommend(models, Limits(latency_ms=10)).best is models[1]
    assert recommend(models, Limits(megabytes=5)).best is models[1]
    assert recommend(models, Limits(megabytes=1)).best is None
    assert Limits(megabytes=5).exceeded_by(models[0]) == "larger than 5 MB"
    assert Limits(latency_ms=10).exceeded_by(models[0]) == "slower than 10 ms"


def test_models_without_a_result_come_last_with_their_reason() -> None:
    other = Candidate("other", 1, Path("o"), excluded="it has other labels")
    dropped = candidate("dropped", 10, 50)
    dropped.beaten_by = "good"
    found = recommend([other, dropped, candidate("good", 90)], Limits())
    assert [each.name for each in found.candidates] == ["good", "other", "dropped"]
    assert found.verdict(other) == "it has other labels"
    assert found.verdict(dropped) == "dropped after 50 photos: good is better, no slower, no larger"
    fields = recommendation_json(found, 100, partial=False)
    assert (fields["recommended"], len(fields["models"]), fields["models"][1]["top1"]) == ("good", 3, None)


def photos_of_colours(folder: Path, count: int) -> None:
    chance = random.Random(1)
    for label, colour in COLOURS.items():
        (folder / label).mkdir(parents=True)
        for number in range(count):
            shade = tuple(max(0, min(255, channel + chance.randint(-60, 60))) for channel in colour)
            Image.new("RGB", (12, 12), shade).save(folder / label / f"{number}.png")


def judged(folder: Path, *models: tuple[str, bytes, float, int], stop_after: int | None = None) -> list[Candidate]:
    """Have models (name, content, milliseconds, bytes) judge the photos in `folder`."""
    photos = list_class_folders(str(folder))
    rows = []
    for name, content, ms, size in models:
        path = folder.parent / f"{name}.tflite"
        path.write_bytes(content)
        classifier = Classifier.load(path, num_threads=1)
        truth = match_folders(photos.names, classifier.model)
        rows.append((Candidate(name, size, path, ms, 60.0), classifier, truth))
    judge = Judge(photos, photos.names, jobs=2)
    whole = judge.run(rows, lambda count: judge.stop() if stop_after and count >= stop_after else None)
    assert whole == (stop_after is None)
    return [each for each, _, _ in rows]


GOOD = colour_model()
WRONG = colour_model(labels=("green", "blue", "red"))


def test_a_model_that_cannot_win_is_dropped_early(tmp_path: Path) -> None:
    photos_of_colours(tmp_path / "photos", 60)
    good, wrong = judged(tmp_path / "photos", ("good", GOOD, 5.0, 1000), ("wrong", WRONG, 5.0, 1000))
    assert (good.photos, good.top1, good.beaten_by) == (180, 1.0, "")
    assert (wrong.photos, wrong.beaten_by) == (BLOCK_PHOTOS, "good")


def test_a_model_that_is_worse_but_faster_may_still_win(tmp_path: Path) -> None:
    photos_of_colours(tmp_path / "photos", 40)
    good, wrong = judged(tmp_path / "photos", ("good", GOOD, 5.0, 1000), ("wrong", WRONG, 1.0, 1000))
    assert (good.photos, wrong.photos, wrong.beaten_by) == (120, 120, "")
    assert recommend([good, wrong], Limits()).front == {"good", "wrong"}


def test_what_was_judged_before_it_was_stopped_is_there(tmp_path: Path) -> None:
    photos_of_colours(tmp_path / "photos", 60)
    (good,) = judged(tmp_path / "photos", ("good", GOOD, 5.0, 1000), stop_after=BLOCK_PHOTOS)
    assert good.photos >= BLOCK_PHOTOS
    assert good.top1 == 1.0


def test_a_photo_that_cannot_be_read_is_nobodys_mistake(tmp_path: Path) -> None:
    photos_of_colours(tmp_path / "photos", 3)
    (tmp_path / "photos" / "red" / "broken.png").write_bytes(b"no photo")
    (good,) = judged(tmp_path / "photos", ("good", GOOD, 5.0, 1000))
    assert (good.photos, good.top1) == (9, 1.0)


def test_models_that_were_interrupted_are_compared_on_the_same_photos(tmp_path: Path) -> None:
    photos_of_colours(tmp_path / "photos", 60)
    photos = list_class_folders(str(tmp_path / "photos"))
    (tmp_path / "good.tflite").write_bytes(GOOD)
    classifier = Classifier.load(tmp_path / "good.tflite", num_threads=1)
    truth = match_folders(photos.names, classifier.model)
    first, second, third = (Candidate(name, 1000, tmp_path, 5.0, 60.0) for name in ("first", "second", "third"))
    judge = Judge(photos, photos.names, jobs=2)

    class Stopping(dict[bytes, bool]):
        def __setitem__(self, path: bytes, right: bool) -> None:
            super().__setitem__(path, right)
            if len(self) == BLOCK_PHOTOS + 10:
                judge.stop()

    second.right = Stopping()
    assert not judge.run([(each, classifier, truth) for each in (first, second, third)])
    assert first.right.keys() == second.right.keys() == third.right.keys()
    assert first.photos == BLOCK_PHOTOS


def test_a_model_that_cannot_be_run_any_more_does_not_stop_the_others(tmp_path: Path) -> None:
    photos_of_colours(tmp_path / "photos", 3)
    photos = list_class_folders(str(tmp_path / "photos"))
    (tmp_path / "good.tflite").write_bytes(GOOD)
    classifier = Classifier.load(tmp_path / "good.tflite", num_threads=1)
    truth = match_folders(photos.names, classifier.model)
    good = Candidate("good", 1000, tmp_path, 5.0, 60.0)

    class Failing(dict[bytes, bool]):
        def __setitem__(self, path: bytes, right: bool) -> None:
            raise ModelError("bad.tflite: the runtime failed")

    bad = Candidate("bad", 1000, tmp_path, 5.0, 60.0, Failing())
    assert Judge(photos, photos.names, jobs=2).run([(bad, classifier, truth), (good, classifier, truth)])
    assert (good.photos, bad.excluded) == (9, "bad.tflite: the runtime failed")
    found = recommend([bad, good], Limits())
    assert found.best is good
    assert found.verdict(bad) == "bad.tflite: the runtime failed"
