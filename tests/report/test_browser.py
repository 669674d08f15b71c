"""The report in a browser: what a person can do with it by mouse and by keyboard."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mobiclass.report.page import write_report
from tests.support.report_pages import row

if TYPE_CHECKING:
    from tests.support.chromium import Browser

pytest_plugins = ["tests.support.chromium"]


def test_what_it_says_first(browser: Browser, garden_page: Path) -> None:
    browser.open(garden_page)
    assert browser.driver.title == "Garden"
    tiles = [tile.text.split("\n") for tile in browser.all("#counts div")]
    assert tiles == [["Images", "16"], ["Classified", "13"], ["Failures", "3"], ["Labels", "3"]]
    assert browser.status == "13 photos"
    assert "Images a second: 61" in browser.one("#facts").text
    assert browser.names == [*(f"IMG_{number}.jpg" for number in range(1, 13)), "gone.jpg"]
    assert browser.tops[0] == "cat"
    assert browser.one(".card .percent").text == "95%"
    assert browser.run("return document.querySelector('.card .bar > span').style.width") == "95%"


def test_thumbnails_are_decoded_and_a_missing_one_says_so(browser: Browser, garden_page: Path) -> None:
    browser.open(garden_page)
    browser.wait("return [...document.querySelectorAll('.card img')].every((i) => i.naturalWidth === 176)")
    assert len(browser.all(".card img")) == 12
    assert browser.one(".card .absent").text == "No thumbnail: there is no such file"


def test_filtering_by_labels(browser: Browser, garden_page: Path) -> None:
    browser.open(garden_page)
    assert [item.text.split("\n") for item in browser.all("#facet-list li")] == [
        ["cat", "6"],
        ["dog", "4"],
        ["owl", "3"],
    ]
    browser.choose("dog")
    assert browser.tops == ["dog"] * 4
    assert browser.status == "4 of 13 photos"
    browser.choose("owl")
    assert browser.tops == ["dog"] * 4 + ["owl"] * 3
    browser.one("#chips button").click()
    assert browser.tops == ["owl"] * 3
    assert not browser.all("#facet-list input")[1].is_selected()
    browser.search("IMG_1.jpg")
    assert browser.status == "0 of 13 photos"
    browser.one("#clear").click()
    assert browser.status == "13 photos"


def test_searching_names(browser: Browser, garden_page: Path) -> None:
    browser.open(garden_page)
    browser.search("img_1")
    assert browser.names == ["IMG_1.jpg", "IMG_10.jpg", "IMG_11.jpg", "IMG_12.jpg"]
    assert browser.status == "4 of 13 photos"
    browser.search("nowhere")
    assert browser.names == []
    assert browser.one("#nothing-text").text == "Nothing matches."


def test_sorting(browser: Browser, garden_page: Path) -> None:
    browser.open(garden_page)
    browser.sort("unsure")
    assert browser.names[:3] == ["IMG_3.jpg", "IMG_12.jpg", "IMG_11.jpg"]
    browser.sort("score")
    assert browser.names[:3] == ["gone.jpg", "IMG_1.jpg", "IMG_2.jpg"]
    browser.sort("name")
    assert browser.names[:2] == ["gone.jpg", "IMG_1.jpg"]
    assert browser.names[-2:] == ["IMG_11.jpg", "IMG_12.jpg"]
    browser.sort("order")
    assert browser.names[0] == "IMG_1.jpg"


def test_groups_fold(browser: Browser, garden_page: Path) -> None:
    browser.open(garden_page)
    browser.view("groups")
    assert [head.text.split("\n") for head in browser.all(".section")] == [
        ["cat", "6 photos"], ["dog", "4 photos"], ["owl", "3 photos"],
    ]  # fmt: skip
    assert browser.tops == ["cat"] * 6 + ["dog"] * 4 + ["owl"] * 3
    browser.all(".section")[0].click()
    assert browser.tops == ["dog"] * 4 + ["owl"] * 3
    assert browser.all(".section")[0].get_attribute("aria-expanded") == "false"
    assert browser.driver.switch_to.active_element == browser.all(".section")[0]
    browser.one("#fold").click()
    assert browser.tops == []
    browser.one("#fold").click()
    assert len(browser.tops) == 13


def test_failures(browser: Browser, garden_page: Path) -> None:
    browser.open(garden_page)
    browser.view("failures")
    assert browser.status == "3 failures"
    assert browser.names == ["cut.jpg", "notes.txt", "cut too.jpg"]
    assert [kind.text for kind in browser.all(".failure .kind")] == ["truncated", "not an image", "truncated"]
    assert [reason.text for reason in browser.all(".failure .reason")] == ["cut short", "no image", "cut short"]
    browser.choose("not an image")
    assert browser.names == ["notes.txt"]
    browser.one(".failure").click()
    assert "no image" in browser.one("#detail-body").text
    browser.press("ESCAPE")
    browser.view("all")
    assert browser.status == "13 photos"


def test_the_keyboard_alone(browser: Browser, garden_page: Path) -> None:
    browser.open(garden_page)
    browser.run("document.getElementById('search').focus()")
    for _ in range(12):
        browser.press("TAB")
        if browser.focused.endswith("IMG_1.jpg"):
            break
    assert browser.focused == "cat, 95%, IMG_1.jpg"
    outline = browser.run("const s = getComputedStyle(document.activeElement); return s.outlineStyle + s.outlineWidth")
    assert outline == "solid3px"
    columns = int(browser.one("#grid").get_attribute("aria-colcount") or 0)
    assert columns == 5
    browser.press("ARROW_RIGHT", "ARROW_DOWN")
    assert browser.focused.endswith(f"IMG_{2 + columns}.jpg")
    browser.press("ENTER")
    assert browser.one("#detail").is_displayed()
    assert [line.text.split("\n")[0] for line in browser.all(".scores li")] == ["dog", "fox"]
    browser.press("ARROW_RIGHT")
    assert "IMG_8.jpg" in browser.one(".fields").text
    browser.press("ESCAPE")
    assert not browser.one("#detail").is_displayed()
    assert browser.focused.endswith("IMG_8.jpg")
    browser.press("HOME")
    assert browser.focused.endswith("IMG_6.jpg")
    assert len(browser.all(".grid [tabindex='0']")) == 1


def test_the_detail_names_the_file(browser: Browser, garden_page: Path, camera_photos: list[Path]) -> None:
    browser.open(garden_page)
    browser.one(".card").click()
    link = browser.one("#detail a")
    assert link.text == link.get_attribute("href") == camera_photos[0].as_uri()
    assert str(camera_photos[0]) in browser.one(".fields").text
    assert browser.one(".scores .percent").text == "95.0%"
    browser.one("#close").click()
    assert not browser.one("#detail").is_displayed()


def test_no_results(browser: Browser, tmp_path: Path) -> None:
    write_report([], tmp_path / "none.html", title="None")
    browser.open(tmp_path / "none.html")
    assert browser.status == "0 photos"
    assert browser.one("#nothing-text").text == "No photos."
    for view in ("groups", "failures"):
        browser.view(view)
    assert browser.one("#nothing-text").text == "No failures."


def test_photos_without_any_prediction(browser: Browser, tmp_path: Path) -> None:
    rows = [{**row("a.jpg"), "predictions": []}, row("b.jpg", "cat", score=0.2)]
    write_report(rows, tmp_path / "r.html", title="t")
    browser.open(tmp_path / "r.html")
    assert browser.tops == ["No prediction", "cat"]
    assert browser.all("#counts dd")[3].text == "1"
    browser.sort("unsure")
    assert browser.names == ["a.jpg", "b.jpg"]


def test_printing_shows_every_photo(browser: Browser, garden_page: Path) -> None:
    browser.open(garden_page)
    browser.choose("cat")
    browser.run("dispatchEvent(new Event('beforeprint'))")
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert len([card for card in browser.all("#print .card") if card.is_displayed()]) == 6
    assert not browser.one("#grid").is_displayed()
    browser.run("dispatchEvent(new Event('afterprint'))")
    assert not browser.all("#print .card")


def test_without_javascript(browser: Browser, garden_page: Path) -> None:
    browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.driver.get(garden_page.as_uri())
        assert "Images: 16" in browser.one("body").text
        assert "Failed: truncated: 2" in browser.one("body").text
        assert not browser.one("#app").is_displayed()
        assert "Reading" not in browser.one("body").text
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
        browser.driver.get(garden_page.as_uri())
