"""A page for review in a browser: answers by key and by click, kept, and taken away as a table that evaluate reads."""

from __future__ import annotations

import json
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from mobiclass.report.page import Review, write_report
from tests.support.program import run
from tests.support.report_pages import row
from tests.support.tiny_models import COLOURS, colour_model

if TYPE_CHECKING:
    from tests.support.chromium import Browser

pytest_plugins = ["tests.support.chromium"]
RGB = {"red": (220, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 220)}


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Two red photos and a blue one, and one with a name that a table must quote."""
    names = {"one.png": "red", "two.png": "red", "three.png": "blue", 'a "b", c.png': "green"}
    (tmp_path / "photos").mkdir()
    for name, colour in names.items():
        Image.new("RGB", (40, 40), RGB[colour]).save(tmp_path / "photos" / name)
    return [tmp_path / "photos" / name for name in names]


@pytest.fixture
def page(photos: list[Path], tmp_path: Path) -> Path:
    rows = []
    for path in photos:
        found = row(path, "red", score=0.6)
        found["predictions"] = [
            {"index": index, "label": label, "score": 0.6 - index / 5} for index, label in enumerate(COLOURS)
        ]
        rows.append(found | {"review": {"photo": path.name, "reason": "among the least sure"}})
    path = tmp_path / "review.html"
    review = Review([*COLOURS, "<script>window.spied.push(1)</script>"], "none", "corrections.csv")
    write_report(rows, path, title="Review", review=review)
    return path


def download(browser: Browser, folder: Path) -> str:
    """Click the download and read what the browser has written."""
    browser.driver.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder), "eventsEnabled": False}
    )
    browser.one(".review-bar button").click()
    path = folder / "corrections.csv"
    deadline = monotonic() + 10
    while not path.exists() and monotonic() < deadline:
        sleep(0.05)
    browser.requested()  # the blob that was downloaded
    return path.read_text(encoding="utf-8")


def progress(browser: Browser) -> str:
    return browser.one(".review-bar [role=status]").text


def type_keys(browser: Browser, text: str) -> None:
    for key in text:
        browser.driver.switch_to.active_element.send_keys(key)


def test_keys_answer_and_go_on_and_the_table_is_what_was_answered(browser: Browser, page: Path, tmp_path: Path) -> None:
    browser.open(page)
    assert progress(browser) == "0 of 4 reviewed"
    browser.all(".card")[0].click()
    type_keys(browser, "1302")  # one.png red, two.png blue, three.png none, the last green
    assert progress(browser) == "4 of 4 reviewed"
    browser.press("ESCAPE")
    marks = [mark.text.replace("\n", " ") for mark in browser.all(".card .reviewed")]
    assert marks == ["✓ confirmed", "✓ corrected: blue", "✓ corrected: none", "✓ corrected: green"]
    assert download(browser, tmp_path) == (
        'photo,label\none.png,red\ntwo.png,blue\nthree.png,none\n"a ""b"", c.png",green\n'
    )


def test_a_label_can_be_typed_and_an_answer_taken_back(browser: Browser, page: Path, tmp_path: Path) -> None:
    browser.open(page)
    browser.all(".card")[1].click()
    field = browser.one(".review-panel input")
    field.send_keys("green 2")  # the digit is text here
    assert progress(browser) == "0 of 4 reviewed"
    browser.press("ENTER")
    assert progress(browser) == "1 of 4 reviewed"
    browser.press("ARROW_LEFT")
    assert "green 2" in browser.one(".review-panel").text
    browser.press("BACKSPACE")
    assert progress(browser) == "0 of 4 reviewed"
    browser.all(".review-panel button")[2].click()
    assert progress(browser) == "1 of 4 reviewed"
    browser.press("ESCAPE")
    assert download(browser, tmp_path) == "photo,label\ntwo.png,blue\n"


def test_answers_outlive_a_reload(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.all(".card")[0].click()
    type_keys(browser, "2")
    browser.driver.refresh()
    assert progress(browser) == "1 of 4 reviewed"
    assert browser.all(".card .reviewed")[0].text.endswith("corrected: green")


def test_a_screen_reader_hears_the_answer_and_which_button_is_pressed(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.all(".card")[0].click()
    type_keys(browser, "1")
    browser.press("ARROW_LEFT")
    pressed = [button.get_attribute("aria-pressed") for button in browser.all(".review-panel button")]
    assert pressed == ["true", "false", "false", "false"]
    browser.press("ESCAPE")
    assert browser.all(".card")[0].get_attribute("aria-label") == "red, 60%, confirmed, one.png"


def test_other_keys_and_chords_answer_nothing(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.all(".card")[0].click()
    type_keys(browser, "9x")
    browser.press("ARROW_RIGHT", "ARROW_LEFT")
    assert progress(browser) == "0 of 4 reviewed"


def test_the_buttons_fit_a_phone(browser: Browser, page: Path) -> None:
    browser.open(page, width=390, height=800)
    browser.all(".card")[0].click()
    wide = browser.run("return document.documentElement.scrollWidth")
    assert wide <= 390
    assert all(button.size["height"] >= 36 for button in browser.all(".review-panel button"))


def test_corrections_change_the_numbers_of_evaluate(
    browser: Browser, page: Path, photos: list[Path], tmp_path: Path
) -> None:
    model = tmp_path / "colours.tflite"
    model.write_bytes(colour_model())
    browser.open(page)
    browser.all(".card")[0].click()
    type_keys(browser, "1132")  # two.png and one.png are red, three.png blue, the last green: all as the model says
    browser.press("ESCAPE")
    right = _top1(download(browser, tmp_path), photos, model, tmp_path)
    assert right["top1"] == 1.0
    browser.all(".card")[1].click()
    type_keys(browser, "2")  # a person says that two.png is green
    (tmp_path / "corrections.csv").unlink()
    browser.press("ESCAPE")
    wrong = _top1(download(browser, tmp_path), photos, model, tmp_path)
    assert (wrong["images"], wrong["top1"]) == (4, 0.75)


def _top1(table: str, photos: list[Path], model: Path, folder: Path) -> dict[str, Any]:
    truth = folder / "truth.csv"
    truth.write_text(table, encoding="utf-8")
    done = run("evaluate", photos[0].parent, "--truth", truth, "--model", model, "--format", "json")
    result: dict[str, Any] = json.loads(done.stdout)
    return result
