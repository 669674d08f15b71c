"""The page of an evaluation in a browser: the truth beside each photo, the mistakes first and by themselves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mobiclass.images import load_image
from mobiclass.report.page import write_report
from tests.support.report_pages import failure, row

if TYPE_CHECKING:
    from tests.support.chromium import Browser

pytest_plugins = ["tests.support.chromium"]
CAT, DOG, OWL = ({"index": index, "label": label} for index, label in ((7, "cat"), (8, "dog"), (9, "owl")))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, camera_photos: list[Path]) -> Path:
    """Cats: two right, two mistakes (a dog, surely; an owl, hardly); and a dog that cannot be read."""
    rows = [
        row(camera_photos[0], "cat", score=0.6, truth=OWL),
        row(camera_photos[1], "cat", score=0.9, truth=DOG),
        row(camera_photos[2], "cat", score=0.99, truth=CAT),
        row(camera_photos[3], "cat", score=0.4, truth=CAT),
        {**failure("cut.jpg"), "truth": DOG},
    ]
    rows[1]["predictions"] += [{"index": 8, "label": "dog", "score": 0.05}, {"index": 9, "label": "owl", "score": 0.01}]
    path = tmp_path_factory.mktemp("report") / "truth.html"
    write_report(rows, path, title="Judged")
    return path


def verdicts(browser: Browser) -> list[str]:
    return [verdict.text.replace("\n", " ") for verdict in browser.all(".card .verdict")]


def test_the_surest_mistakes_come_first_and_the_truth_stands_beside(browser: Browser, page: Path) -> None:
    browser.open(page)
    tiles = [tile.text.split("\n") for tile in browser.all("#counts div")]
    assert tiles == [["Images", "5"], ["Classified", "4"], ["Failures", "1"], ["Mistakes", "2"]]
    assert browser.names == ["IMG_2.jpg", "IMG_1.jpg", "IMG_4.jpg", "IMG_3.jpg"]
    assert verdicts(browser) == ["✗ actually dog", "✗ actually owl", "✓ correct", "✓ correct"]
    assert browser.all(".card")[0].get_attribute("aria-label") == "cat, 90%, wrong, actually dog, IMG_2.jpg"
    assert browser.all(".card")[2].get_attribute("aria-label") == "cat, 40%, correct, IMG_4.jpg"
    wrong, right = (browser.all(".verdict")[place].value_of_css_property("color") for place in (0, 2))
    assert wrong != right
    # The truth takes the place of the third prediction: no card grows.
    assert [other.text.replace("\n", " ") for other in browser.all(".card .others")][0] == "✗ actually dog dog 5%"
    assert browser.run(
        "return [...document.querySelectorAll('.others')].every(o => o.scrollHeight <= o.clientHeight + 1)"
    )


def test_sorting_otherwise_and_back(browser: Browser, page: Path) -> None:
    browser.open(page)
    options = browser.run("return [...document.querySelectorAll('#sort option')].map((option) => option.textContent)")
    assert options == ["Mistakes first", "Name", "Highest score first", "Least confident first"]
    browser.sort("score")
    assert browser.names[0] == "IMG_3.jpg"
    browser.sort("mistakes")
    assert browser.names[0] == "IMG_2.jpg"


def test_mistakes_by_themselves_by_their_true_label(browser: Browser, page: Path) -> None:
    browser.open(page)
    assert browser.one("#mistakes-view").text == "Mistakes 2"
    browser.view("mistakes")
    assert browser.status == "2 mistakes"
    assert browser.one("#facet-title").text == "True labels"
    assert [item.text.split("\n") for item in browser.all("#facet-list li")] == [["dog", "1"], ["owl", "1"]]
    browser.choose("owl")
    assert browser.names == ["IMG_1.jpg"]
    browser.view("failures")
    assert browser.names == ["cut.jpg"]
    browser.view("all")
    assert browser.names[0] == "IMG_2.jpg"


def test_the_dialog_says_what_is_true(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.all(".card")[0].click()
    assert browser.one("#detail-body dd").text.replace("\n", " ") == "✗ dog"
    browser.press("ARROW_RIGHT", "ARROW_RIGHT")
    assert browser.one("#detail-body dd").text.replace("\n", " ") == "✓ cat"
    browser.press("ESCAPE")
    browser.view("failures")
    browser.one(".failure").click()
    fields = browser.one("#detail-body dl").text.split("\n")
    assert fields[fields.index("True label") + 1] == "dog"


def test_a_page_without_truth_has_none_of_it(browser: Browser, garden_page: Path) -> None:
    browser.open(garden_page)
    assert not browser.one("#mistakes-view").is_displayed()
    assert verdicts(browser) == []
    shown = "return [...document.querySelectorAll('#sort option')].filter((o) => !o.hidden).map((o) => o.value)"
    assert browser.run(shown) == ["order", "name", "score", "unsure"]
    assert browser.one("#sort").get_attribute("value") == "order"


def test_a_true_label_runs_nothing(browser: Browser, camera_photos: list[Path], tmp_path: Path) -> None:
    evil = "</script><img src=x onerror=alert(1)>\u202e"
    path = tmp_path / "evil.html"
    write_report([row(camera_photos[0], "cat", truth={"index": 3, "label": evil})], path, title="x")
    browser.open(path)
    assert verdicts(browser) == ["✗ actually </script><img src=x onerror=alert(1)>⟨U+202E⟩"]


def test_it_fits_a_phone(browser: Browser, page: Path) -> None:
    browser.open(page, width=360, height=740)
    assert browser.run("return document.documentElement.scrollWidth <= 360")
    assert browser.one("#mistakes-view").is_displayed()
    assert len(browser.all(".card")) == 4


def test_an_answer_that_is_no_class_is_not_called_wrong_for_the_best_prediction(
    browser: Browser, tmp_path: Path, camera_photos: list[Path]
) -> None:
    pet = {"label": "pet", "score": 0.95, "kind": "group"}
    unknown = {"label": "unknown", "score": 0.3, "kind": "unknown"}
    rows = [
        row(camera_photos[0], "cat", score=0.6, truth=DOG, decision=pet),
        row(camera_photos[1], "cat", score=0.3, truth=CAT, decision=unknown),
        row(camera_photos[2], "cat", score=0.9, truth=CAT, decision={**CAT, "score": 0.9, "kind": "class"}),
        row(camera_photos[3], "cat", score=0.5, truth={"index": None, "label": "unknown"}, decision=pet),
    ]
    path = tmp_path / "decided.html"
    write_report(rows, path, title="Decided")
    browser.open(path)
    assert browser.names == ["IMG_1.jpg", "IMG_4.jpg", "IMG_2.jpg", "IMG_3.jpg"]
    assert browser.tops == ["pet", "pet", "unknown", "cat"]
    assert verdicts(browser) == ["✗ cat, actually dog", "✗ actually unknown", "✓ cat is correct", "✓ correct"]
    assert browser.all(".card")[0].get_attribute("aria-label") == "pet, 95%, wrong, cat, actually dog, IMG_1.jpg"
    browser.choose("pet")
    assert browser.tops == ["pet"] * 2


def test_a_class_that_is_called_as_what_is_no_answer(
    browser: Browser, tmp_path: Path, camera_photos: list[Path]
) -> None:
    unknown = {"label": "unknown", "score": 0.3, "kind": "unknown"}
    rows = [row(photo, "unknown", score=0.9) for photo in camera_photos[:2]]
    rows[0]["decision"] = unknown
    path = tmp_path / "unknown.html"
    write_report(rows, path, title="Unknown")
    browser.open(path)
    assert sorted(browser.tops) == ["unknown", "unknown (7)"]


def test_the_caption_of_a_map_names_the_class_that_it_is_of(
    browser: Browser, tmp_path: Path, camera_photos: list[Path]
) -> None:
    pet = {"label": "pet", "score": 0.95, "kind": "group"}
    rows = [row(camera_photos[0], "cat", score=0.6, truth=DOG, decision=pet)]
    path = tmp_path / "explained.html"
    write_report(
        rows, path, title="Explained", explain=lambda row: load_image(camera_photos[0], min_height=64, min_width=64)
    )
    browser.open(path)
    browser.all(".card")[0].click()
    assert "Orange speaks for cat, blue against it." in browser.one("dialog").text
