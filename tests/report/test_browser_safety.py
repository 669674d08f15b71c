"""The report in a browser: whatever the rows say, nothing of it runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mobiclass.report.page import write_report
from tests.support.report_pages import failure, row

if TYPE_CHECKING:
    from tests.support.chromium import Browser

pytest_plugins = ["tests.support.chromium"]

PWNED = "<img src=x onerror=document.title='pwned'>"


def hostile_page(folder: Path, photo: Path) -> Path:
    name = folder / "<img src=x onerror=document.title='pwned'>.jpg"
    name.write_bytes(photo.read_bytes())
    script = "</script><script>document.title='pwned'</script>"
    odd = "a\u2028b\u202egpj\x00\x1b \ud800 " + "very long " * 300
    rows = [
        row(name, PWNED, fallback=PWNED, model=PWNED, device=script),
        row(name, script),
        row(odd, odd),
        row("j.jpg", "javascript:alert(1)"),
        row("n.jpg", None),
        row("__proto__", "__proto__"),
        failure(PWNED, "<b>kind</b>", script),
        failure(odd, "constructor", odd),
    ]
    write_report(rows, folder / "hostile.html", title=PWNED + script, summary={PWNED: script})
    return folder / "hostile.html"


def test_hostile_rows_stay_text(browser: Browser, tmp_path: Path, camera_photos: list[Path]) -> None:
    browser.open(hostile_page(tmp_path, camera_photos[0]))
    title = browser.driver.title
    assert title.startswith("<img src=x onerror")
    assert browser.one("h1").text == title
    assert browser.tops[0] == PWNED
    assert "class 7" in browser.tops
    assert browser.names[0] == "<img src=x onerror=document.title='pwned'>.jpg"
    for view in ("all", "groups", "failures"):
        browser.view(view)
        browser.all(".card, .failure")[0].click()
        for _ in range(8):
            browser.press("ARROW_RIGHT")
        browser.press("ESCAPE")
        for box in browser.all("#facet-list input"):
            box.click()
    browser.run("dispatchEvent(new Event('beforeprint'))")
    assert browser.run("return [...document.images].every((image) => image.src.startsWith('data:image/jpeg'))")
    assert browser.run("return document.querySelectorAll('bdi *, dd img, script:not([type]) ~ script').length") == 0
    assert browser.driver.title == title
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")


def test_hidden_characters_are_shown(browser: Browser, tmp_path: Path) -> None:
    write_report([row("invoice\u202egpj.exe", "a\x07b")], tmp_path / "r.html", title="t")
    browser.open(tmp_path / "r.html")
    assert browser.names == ["invoice⟨U+202E⟩gpj.exe"]
    assert browser.tops == ["a⟨U+0007⟩b"]


def test_the_policy_holds_against_what_is_put_in_later(unwatched_browser: Browser, garden_page: Path) -> None:
    browser = unwatched_browser
    browser.open(garden_page)
    assert "TrustedHTML" in browser.run(
        "try { document.body.innerHTML = '<b>' } catch (error) { return error.message }"
    )
    browser.run("const i = new Image(); i.src = 'file:///etc/hostname'; document.body.append(i)")
    browser.run("const i = new Image(); i.src = 'http://127.0.0.1:9/x'; document.body.append(i)")
    browser.wait("return spied.filter((s) => s === 'img-src').length === 2")
