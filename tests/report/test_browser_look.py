"""The report in a browser: light, dark, small and long."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mobiclass.report.page import write_report
from tests.support.report_pages import row

if TYPE_CHECKING:
    from tests.support.chromium import Browser

pytest_plugins = ["tests.support.chromium"]


def luminance(color: str) -> float:
    channels = [int(part) / 255 for part in color[color.index("(") + 1 : -1].split(",")[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]  # WCAG 2.2, relative luminance


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark_are_readable(browser: Browser, garden_page: Path, scheme: str) -> None:
    browser.open(garden_page, scheme=scheme)
    ground = luminance(browser.run("return getComputedStyle(document.body).backgroundColor"))
    assert (ground > 0.8) == (scheme == "light")
    browser.choose("owl")
    pairs = browser.run("""
        const ground = (e) => { for (; e; e = e.parentElement) {
          const color = getComputedStyle(e).backgroundColor; if (!color.endsWith(", 0)")) return color; } };
        const shown = ["h1", ".facts", "#counts dt", "#counts .alarm dd", ".segments span", "#status", ".card .top bdi",
          ".card .others bdi", ".card .file", ".absent", ".facet .tally", ".chips button", ".quiet"];
        const pair = (s) => [s, getComputedStyle(document.querySelector(s)).color, ground(document.querySelector(s))];
        const pairs = shown.map(pair);
        document.querySelector("[value=failures]").click();
        return [...pairs, pair(".kind"), pair(".reason")];""")
    assert len(pairs) >= 14
    for selector, color, behind in pairs:
        low, high = sorted([luminance(color), luminance(behind)])
        assert (high + 0.05) / (low + 0.05) >= 4.5, f"{selector}: {color} on {behind}"


def test_the_light_can_be_switched_and_is_remembered(browser: Browser, garden_page: Path) -> None:
    browser.open(garden_page, scheme="dark")
    ground = "return getComputedStyle(document.body).backgroundColor"
    dark = browser.run(ground)
    assert browser.one("#theme").text == "Light"
    browser.one("#theme").click()
    assert luminance(browser.run(ground)) > 0.8
    browser.driver.refresh()
    assert luminance(browser.run(ground)) > 0.8
    browser.one("#theme").click()
    assert browser.run(ground) == dark


def test_a_phone(browser: Browser, garden_page: Path) -> None:
    browser.open(garden_page, width=360, height=740)
    fits = "return document.documentElement.scrollWidth <= 360 && innerWidth === 360"
    assert browser.run(fits)
    assert browser.one("#grid").get_attribute("aria-colcount") == "2"
    assert not browser.one("#facet").is_displayed()
    browser.one("#filter-toggle").click()
    browser.choose("owl")
    assert browser.tops == ["owl"] * 3
    for view in ("groups", "failures", "all"):
        browser.view(view)
        assert browser.run(fits)
    browser.one(".card").click()
    box = browser.run("const b = document.getElementById('detail').getBoundingClientRect(); return [b.left, b.right]")
    assert box[0] >= 0
    assert box[1] <= 360


@pytest.fixture(scope="module")
def long_page(tmp_path_factory: pytest.TempPathFactory, camera_photos: list[Path]) -> Path:
    path = tmp_path_factory.mktemp("long") / "report.html"
    found = (row(camera_photos[n % 12], f"label {n % 400}", score=(n * 7919 % 5000) / 5000) for n in range(5000))
    write_report(found, path, title="Many")
    return path


def test_five_thousand_photos_keep_few_cards(browser: Browser, long_page: Path) -> None:
    browser.open(long_page)
    assert browser.status == "5,000 photos"
    most = 0
    height = browser.run("return document.documentElement.scrollHeight")
    for part in range(20):
        browser.run("scrollTo(0, arguments[0])", height * part / 20)
        browser.driver.execute_async_script("requestAnimationFrame(() => setTimeout(arguments[0]))")
        # One of the two is not in the gap between two lines.
        seen = browser.run("return [600, 620].some((y) => document.elementFromPoint(640, y).closest('.card'))")
        assert seen, f"an empty window at {part}/20"
        most = max(most, len(browser.all(".card")))
    assert most <= 80
    browser.view("groups")
    assert len(browser.all(".card")) <= 80
    assert len(browser.all("#facet-list li")) == 200
    browser.search("label 39", "#facet-search")
    assert [item.text.split("\n")[0] for item in browser.all("#facet-list li")][:2] == ["label 39", "label 390"]


def test_the_focus_outlives_scrolling_and_the_ends(browser: Browser, long_page: Path) -> None:
    browser.open(long_page)
    browser.all(".card")[0].click()
    browser.press("ESCAPE")
    first = browser.focused
    browser.run("scrollTo(0, 100000)")
    browser.driver.execute_async_script("requestAnimationFrame(() => setTimeout(arguments[0]))")
    assert browser.focused == first
    browser.press("CONTROL+END")
    assert browser.focused.startswith("label 199,")  # 5,000 photos, 400 labels: the last is number 4,999
    assert browser.run(
        "const b = document.activeElement.getBoundingClientRect(); return b.top >= 0 && b.bottom <= innerHeight"
    )
    browser.press("ARROW_DOWN", "PAGE_UP")
    assert browser.focused


def test_filtering_five_thousand_is_quick(browser: Browser, long_page: Path) -> None:
    browser.open(long_page)
    elapsed_ms = browser.run("""
        const search = document.getElementById("search"), started = performance.now();
        for (const text of ["1", "12", "no", ""]) {
          search.value = text; search.dispatchEvent(new Event("input")); document.body.offsetHeight; }
        return performance.now() - started;""")
    assert elapsed_ms < 2000  # about 60 on a laptop; far more would mean that every card is built
