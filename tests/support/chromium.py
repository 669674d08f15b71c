"""A report in headless Chromium, and the photos and rows of one. Where there is no Chromium the tests are skipped."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from mobiclass.report.page import write_report
from tests.support.report_pages import failure, row

if TYPE_CHECKING:
    from selenium.webdriver import Chrome as WebDriver
    from selenium.webdriver.remote.webelement import WebElement

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CHROMEDRIVER = shutil.which("chromedriver")
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
]
# Set before the page's own scripts run: what would show that something from the rows has run.
SPY = """
window.spied = [];
for (const name of ["alert", "confirm", "prompt"]) window[name] = () => spied.push(name);
addEventListener("securitypolicyviolation", (event) => spied.push(event.violatedDirective));
addEventListener("error", (event) => spied.push(event.message));
"""


class Browser:
    """A page in Chromium, by what a person sees and presses."""

    def __init__(self, driver: WebDriver) -> None:
        self.driver = driver

    def open(self, page: Path, *, width: int = 1280, height: int = 900, scheme: str = "light") -> None:
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
        )
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": [feature]})
        self.driver.get(page.as_uri())
        self.run("localStorage.clear(); delete document.documentElement.dataset.theme")

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements("css selector", selector)

    def one(self, selector: str) -> WebElement:
        return self.driver.find_element("css selector", selector)

    def view(self, name: str) -> None:
        self.one(f"#views [value={name}]").click()

    def sort(self, value: str) -> None:
        self.one(f"#sort [value={value}]").click()

    def search(self, text: str, box: str = "#search") -> None:
        self.one(box).clear()
        self.one(box).send_keys(text)

    def choose(self, label: str) -> None:
        labels = self.all("#facet-list label")
        next(each for each in labels if each.find_element("tag name", "bdi").text == label).click()

    def press(self, *keys: str) -> None:
        """Press keys by their names (``ENTER``), or several at once (``CONTROL+END``)."""
        from selenium.webdriver.common.keys import Keys

        for key in keys:
            chord = "".join(getattr(Keys, name) for name in key.split("+"))
            self.driver.switch_to.active_element.send_keys(chord)

    def wait(self, script: str) -> None:
        """Wait until `script` returns true."""
        from selenium.webdriver.support.ui import WebDriverWait

        WebDriverWait(self.driver, 5).until(lambda _: self.run(script))

    @property
    def names(self) -> list[str]:
        return [card.text for card in self.all(".card .file, .failure .clip:not(.reason)")]

    @property
    def tops(self) -> list[str]:
        return [card.text for card in self.all(".card .top bdi")]

    @property
    def status(self) -> str:
        return self.one("#status").text

    @property
    def focused(self) -> str:
        return self.driver.switch_to.active_element.get_attribute("aria-label") or ""

    def requested(self) -> list[str]:
        """Every address that was asked for since the last call."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed: pip install selenium")
    if not (CHROMIUM and CHROMEDRIVER):
        pytest.skip("no Chromium or no chromedriver: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(CHROMEDRIVER)))
    try:
        driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": SPY})
        yield driver
    finally:
        driver.quit()


@pytest.fixture
def unwatched_browser(driver: WebDriver) -> Browser:
    browser = Browser(driver)
    browser.requested()
    driver.get_log("browser")
    return browser


@pytest.fixture
def browser(unwatched_browser: Browser) -> Iterator[Browser]:
    browser = unwatched_browser
    yield browser
    # Whatever a test did: no script of the rows ran, no error, no violation, no request.
    assert browser.run("return window.spied") == []
    assert browser.driver.get_log("browser") == []
    others = [url for url in browser.requested() if not re.match(r"data:|about:blank|file:///[^?]*\.html$", url)]
    assert others == []


@pytest.fixture(scope="module")
def camera_photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("photos")
    paths = [folder / f"IMG_{number}.jpg" for number in range(1, 13)]
    for number, path in enumerate(paths):
        Image.new("RGB", (320, 240), (20 * number, 90, 160)).save(path)
    return paths


@pytest.fixture(scope="module")
def garden_page(tmp_path_factory: pytest.TempPathFactory, camera_photos: list[Path]) -> Path:
    """Twelve photos (six cats, four dogs, two owls), three failures and a photo that has gone."""
    rows = []
    for number, path in enumerate(camera_photos):
        label = "cat" if number < 6 else "dog" if number < 10 else "owl"
        found = row(path, label, score=0.95 - number / 20)
        found["predictions"].append({"index": 8, "label": "fox", "score": 0.04 * (12 - number) / 12})
        rows.append(found)
    rows[2]["predictions"][1]["score"] = rows[2]["predictions"][0]["score"]  # IMG_3: cat or fox?
    rows[4:4] = [failure("cut.jpg"), failure("notes.txt", "not_an_image", "no image"), failure("cut too.jpg")]
    rows.append(row("photos/gone.jpg", "owl", score=0.99))
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(rows, path, title="Garden", summary={"Images a second": 61})
    return path
