"""Fetching a model from a server that does all that servers do: the cache holds the right model, or none."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from mobiclass.errors import DownloadError
from mobiclass.hub import download
from mobiclass.hub import http as remote
from mobiclass.hub.download import Outcome, pull, source_url
from mobiclass.hub.entry import CatalogEntry
from tests.support import faulty_server
from tests.support.faulty_server import FaultyServer, redirects, serving, status
from tests.support.known_models import catalog_table

MODEL = random.Random(6).randbytes(300_000)
ENTRY = CatalogEntry(**catalog_table("birds", MODEL))
FILE, PART = ENTRY.file, f"{ENTRY.file}.part"


class Listener:
    """Notes what it hears."""

    def __init__(self) -> None:
        self.counts: list[int] = []
        self.reasons: list[str] = []
        self.waits = 0

    def received(self, count: int) -> None:
        self.counts.append(count)

    def retrying(self, reason: str, pause_seconds: float) -> None:
        self.reasons.append(reason)

    def waiting(self) -> None:
        self.waits += 1


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyServer]:
    """Serve the model on the mirror, and do not pause long between attempts."""
    for name in (
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "MOBICLASS_OFFLINE",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(download, "_FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(remote, "_MAX_RETRY_AFTER_SECONDS", 0.01)
    with serving({FILE: MODEL}) as server:
        monkeypatch.setenv("MOBICLASS_MIRROR", server.url)
        yield server


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait long for what does not come: on a busy machine perhaps not even for what would have."""
    monkeypatch.setattr(remote, "SILENCE_SECONDS", 0.4)
    monkeypatch.setattr(remote, "ANSWER_SECONDS", 0.8)
    monkeypatch.setattr(remote, "PACE_SECONDS", 0.3)


def fetch(folder: Path, listener: Listener | None = None) -> Outcome:
    return pull(ENTRY, folder, listener or Listener())


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_model_is_fetched_once(server: FaultyServer, tmp_path: Path) -> None:
    listener = Listener()
    assert fetch(tmp_path / "new" / "cache", listener) == "fetched"
    assert names(tmp_path / "new" / "cache") == [FILE]
    assert (tmp_path / "new" / "cache" / FILE).read_bytes() == MODEL
    assert (listener.counts[0], listener.counts[-1]) == (0, len(MODEL))
    assert listener.counts == sorted(listener.counts)
    assert fetch(tmp_path / "new" / "cache") == "present"
    assert server.requests == [(f"/{FILE}", None)]


@pytest.mark.parametrize("there", [b"", MODEL[:-1], b"x" * len(MODEL), MODEL + b"x"])
def test_other_bytes_under_its_name_are_replaced(there: bytes, server: FaultyServer, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(there)
    assert fetch(tmp_path) == "replaced"
    assert (tmp_path / FILE).read_bytes() == MODEL


@pytest.mark.parametrize("cuts", [1, 4, 10])
def test_what_was_cut_short_goes_on(cuts: int, server: FaultyServer, tmp_path: Path) -> None:
    server.faults = [faulty_server.cut_short] * min(cuts, 4)
    listener = Listener()
    assert fetch(tmp_path, listener) == "fetched"
    assert (tmp_path / FILE).read_bytes() == MODEL
    assert server.ranges[:2] == [None, f"bytes={len(MODEL) // 2}-"]
    assert len(listener.reasons) == min(cuts, 4)
    assert "the connection ended after 150,000 of 300,000 bytes" in listener.reasons[0]


def test_a_partial_file_of_an_earlier_run_goes_on(server: FaultyServer, tmp_path: Path) -> None:
    (tmp_path / PART).write_bytes(MODEL[:1000])
    assert fetch(tmp_path) == "fetched"
    assert server.ranges == ["bytes=1000-"]
    assert names(tmp_path) == [FILE]


def test_a_partial_file_that_is_whole_is_not_fetched_again(server: FaultyServer, tmp_path: Path) -> None:
    (tmp_path / PART).write_bytes(MODEL)
    assert fetch(tmp_path) == "fetched"
    assert server.requests == []
    assert names(tmp_path) == [FILE]


@pytest.mark.parametrize("there", [b"y" * 1000, b"y" * len(MODEL), b"y" * (len(MODEL) + 9)])
def test_a_wrong_partial_file_is_begun_again(there: bytes, server: FaultyServer, tmp_path: Path) -> None:
    (tmp_path / PART).write_bytes(there)
    assert fetch(tmp_path) == "fetched"
    assert server.ranges[-1] is None
    assert (tmp_path / FILE).read_bytes() == MODEL


@pytest.mark.parametrize("fault", [faulty_server.whole, faulty_server.other_range, faulty_server.no_such_range])
def test_a_server_without_ranges_is_asked_for_all(
    fault: faulty_server.Fault, server: FaultyServer, tmp_path: Path
) -> None:
    (tmp_path / PART).write_bytes(MODEL[:1000])
    server.faults = [fault]
    assert fetch(tmp_path) == "fetched"
    assert (tmp_path / FILE).read_bytes() == MODEL
    assert server.ranges[0] == "bytes=1000-"
    assert server.ranges[1:] in ([], [None])


TRANSIENT = {
    "silent": faulty_server.resets,
    "without length": faulty_server.cut_short_without_length,
    **{str(code): status(code) for code in (408, 429, 500, 502, 503, 504)},
    "Retry-After": status(503, Retry_After="1000000"),
    "Retry-After of another kind": status(503, Retry_After="Wed, 21 Oct 2015 07:28:00 GMT"),
}


@pytest.mark.parametrize("fault", TRANSIENT.values(), ids=TRANSIENT)
def test_what_passes_is_tried_again(fault: faulty_server.Fault, server: FaultyServer, tmp_path: Path) -> None:
    server.faults = [fault]
    listener = Listener()
    assert fetch(tmp_path, listener) == "fetched"
    assert len(listener.reasons) == 1
    assert (tmp_path / FILE).read_bytes() == MODEL


WAITED_FOR = {
    "sent nothing for 0 s": faulty_server.stalls,
    "sends only": faulty_server.drips,
    "does not answer within 1 s": faulty_server.drips_headers,
}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("reason", "fault"), WAITED_FOR.items())
def test_what_does_not_come_is_not_waited_for(
    reason: str, fault: faulty_server.Fault, server: FaultyServer, tmp_path: Path
) -> None:
    server.faults = [fault]
    listener = Listener()
    assert fetch(tmp_path, listener) == "fetched"
    assert reason in listener.reasons[0]
    assert (tmp_path / FILE).read_bytes() == MODEL


@pytest.mark.usefixtures("impatient")
def test_who_never_answers_is_given_up(server: FaultyServer, tmp_path: Path) -> None:
    server.faults = [faulty_server.drips_headers] * 100
    with pytest.raises(DownloadError, match="^birds could not be fetched from .*: localhost:.* does not answer within"):
        fetch(tmp_path)
    assert len(server.requests) == 5
    assert names(tmp_path) == []


@pytest.mark.parametrize("fault", [faulty_server.resets, status(503)])
def test_what_does_not_pass_ends(fault: faulty_server.Fault, server: FaultyServer, tmp_path: Path) -> None:
    server.faults = [fault] * 100
    with pytest.raises(DownloadError, match=f"^birds could not be fetched from {server.url}/birds.tflite: localhost:"):
        fetch(tmp_path)
    assert len(server.requests) == 5
    assert names(tmp_path) == []


def test_a_server_that_always_begins_again_and_never_ends_is_given_up(server: FaultyServer, tmp_path: Path) -> None:
    server.faults = [faulty_server.cut_short_without_length] * 100
    with pytest.raises(DownloadError, match="ended after 150,000 of 300,000"):
        fetch(tmp_path)
    assert len(server.requests) <= 7
    assert names(tmp_path) == [PART]


PERMANENT = {
    "flipped bit": (faulty_server.flipped_bit, "is not birds (SHA-256 mismatch); the download was deleted"),
    "too long": (faulty_server.too_long, "is not birds: 300,001 bytes long, not 300,000"),
    "too short": (faulty_server.too_short, "is not birds: 299,999 bytes long, not 300,000"),
    "endless": (faulty_server.endless, "is not birds: longer than 300,000 bytes; the download was deleted"),
    "login page": (faulty_server.login_page, "20 bytes long, not 300,000: perhaps a login page"),
    "compressed": (faulty_server.compressed, "comes gzip-encoded"),
    "403": (status(403), "the server refuses (403"),
    "410": (status(410), "there is no such file (410"),
    "redirect without a target": (status(302), "the server refuses|too many redirects"),
    "redirect loop": (redirects(f"/{FILE}"), "too many redirects"),
    "redirect to ftp": (redirects("ftp://localhost/x"), "redirects to ftp://localhost/x, which is less secure"),
    "redirect to file": (redirects("file:///etc/passwd"), "or one that cannot be followed (302)"),
    "a range that was not asked for": (faulty_server.other_range, ""),
}


@pytest.mark.parametrize(("fault", "reason"), PERMANENT.values(), ids=PERMANENT)
def test_what_is_wrong_is_refused(
    fault: faulty_server.Fault, reason: str, server: FaultyServer, tmp_path: Path
) -> None:
    server.faults = [fault] * 100
    if not reason:  # a needless 206 that holds the whole file does no harm
        assert fetch(tmp_path) == "fetched"
        return
    with pytest.raises(DownloadError) as caught:
        fetch(tmp_path)
    assert any(part in str(caught.value) for part in reason.split("|"))
    assert names(tmp_path) == []
    assert len(server.requests) <= 11


def test_what_is_wrong_does_not_cost_what_came_before(server: FaultyServer, tmp_path: Path) -> None:
    (tmp_path / PART).write_bytes(MODEL[:1000])
    server.faults = [faulty_server.login_page]
    with pytest.raises(DownloadError, match="perhaps a login page"):
        fetch(tmp_path)
    assert (tmp_path / PART).read_bytes() == MODEL[:1000]


def test_a_bit_flipped_in_one_of_several_pieces_costs_a_second_download(server: FaultyServer, tmp_path: Path) -> None:
    server.faults = [faulty_server.cut_short, faulty_server.flipped_bit]
    assert fetch(tmp_path) == "fetched"
    assert server.ranges == [None, "bytes=150000-", None]
    assert (tmp_path / FILE).read_bytes() == MODEL


def test_bits_flipped_in_all_pieces_are_refused(server: FaultyServer, tmp_path: Path) -> None:
    server.faults = [faulty_server.cut_short, *[faulty_server.flipped_bit] * 100]
    with pytest.raises(DownloadError, match="SHA-256 mismatch"):
        fetch(tmp_path)
    assert names(tmp_path) == []
    assert len(server.requests) == 3


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed_from_where_it_stopped(code: int, server: FaultyServer, tmp_path: Path) -> None:
    server.files["elsewhere/with space"] = MODEL
    (tmp_path / PART).write_bytes(MODEL[:1000])
    server.faults = [redirects(f"{server.url}/elsewhere/with space", code)]
    assert fetch(tmp_path) == "fetched"
    assert server.requests[-1] == ("/elsewhere/with%20space", "bytes=1000-")


def test_no_such_file(server: FaultyServer, tmp_path: Path) -> None:
    server.files.clear()
    with pytest.raises(DownloadError, match=r"/birds\.tflite: there is no such file \(404"):
        fetch(tmp_path)
    assert names(tmp_path) == []


def test_a_dead_server(server: FaultyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOBICLASS_MIRROR", "http://127.0.0.1:9")
    listener = Listener()
    with pytest.raises(DownloadError, match=r"birds could not be fetched from .*127\.0\.0\.1:9 cannot be reached"):
        fetch(tmp_path, listener)
    assert len(listener.reasons) == 4
    assert names(tmp_path) == []


def test_a_host_that_is_not_found(server: FaultyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MOBICLASS_MIRROR")
    with pytest.raises(DownloadError, match=r"the host models\.invalid cannot be resolved: is there a network\?"):
        fetch(tmp_path)


def test_a_proxy_is_used_and_named(server: FaultyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    with pytest.raises(DownloadError, match="cannot be reached or read through the proxy of the environment"):
        fetch(tmp_path)
    assert server.requests == []
    monkeypatch.setenv("no_proxy", "localhost")
    assert fetch(tmp_path) == "fetched"


def test_a_proxy_fetches(server: FaultyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("MOBICLASS_MIRROR", "http://models.invalid")
    server.files[f"http://models.invalid/{FILE}"] = MODEL  # a proxy is asked with the whole URL
    assert fetch(tmp_path) == "fetched"


@pytest.mark.parametrize("value", ["1", "yes"])
def test_offline_says_what_would_have_been_fetched(
    value: str, server: FaultyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOBICLASS_OFFLINE", value)
    with pytest.raises(DownloadError) as caught:
        fetch(tmp_path / "cache")
    assert str(caught.value) == (
        f"MOBICLASS_OFFLINE is set: birds is not fetched; its source is {server.url}/{FILE} (300,000 bytes)"
    )
    assert server.requests == []
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("value", ["", "0"])
def test_offline_can_be_off(value: str, server: FaultyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOBICLASS_OFFLINE", value)
    assert fetch(tmp_path) == "fetched"


def test_a_folder_can_be_the_mirror_even_offline(
    server: FaultyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stick, cache = tmp_path / "a stick", tmp_path / "cache"
    stick.mkdir()
    cache.mkdir()
    monkeypatch.setenv("MOBICLASS_MIRROR", f"{stick.as_uri()}/")
    monkeypatch.setenv("MOBICLASS_OFFLINE", "1")
    with pytest.raises(DownloadError, match="a stick/birds.tflite: there is no such file"):
        fetch(cache)
    (stick / FILE).mkdir()
    with pytest.raises(DownloadError, match="there is no such file"):
        fetch(cache)
    (stick / FILE).rmdir()
    (stick / FILE).write_bytes(MODEL[:-1] + b"x")
    with pytest.raises(DownloadError, match="SHA-256 mismatch"):
        fetch(cache)
    assert names(cache) == []
    (stick / FILE).write_bytes(MODEL)
    (cache / PART).write_bytes(MODEL[:1000])
    assert fetch(cache) == "fetched"
    assert (cache / FILE).read_bytes() == MODEL
    assert server.requests == []


def test_the_mirror_takes_the_place_of_the_catalogues_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MOBICLASS_MIRROR", raising=False)
    assert source_url(ENTRY) == "https://models.invalid/birds.tflite"
    monkeypatch.setenv("MOBICLASS_MIRROR", "https://mirror.example/a/b/")
    assert source_url(ENTRY) == "https://mirror.example/a/b/birds.tflite"


@pytest.mark.parametrize(
    "mirror", ["/media/usb", "mirror.example", "ftp://mirror.example", "https://", "http://[::1", "data:,x", "https:/x"]
)
def test_a_mirror_that_is_no_url_is_refused(mirror: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOBICLASS_MIRROR", mirror)
    with pytest.raises(DownloadError, match="^MOBICLASS_MIRROR must be a URL"):
        source_url(ENTRY)


@pytest.mark.parametrize("mirror", ["https://me:secret@mirror.example", "https://mirror.example?token=secret"])
def test_secrets_of_a_mirror_are_not_repeated(mirror: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOBICLASS_MIRROR", mirror)
    with pytest.raises(DownloadError, match="without user name, password") as caught:
        source_url(ENTRY)
    assert "secret" not in str(caught.value)


def test_the_built_in_model_is_not_fetched(tmp_path: Path) -> None:
    entry = CatalogEntry(**catalog_table("built_in", MODEL, url=None))
    with pytest.raises(DownloadError, match="built_in is built in"):
        pull(entry, tmp_path, Listener())


def test_a_full_disk_is_told_before_anything_is_fetched(
    server: FaultyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = download.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(DownloadError, match=r"300,000 bytes are needed and 1,000 are free: .*MOBICLASS_CACHE"):
        fetch(tmp_path)
    assert (names(tmp_path), server.requests) == ([], [])


def test_a_cache_that_cannot_be_a_folder_is_named(server: FaultyServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DownloadError, match=r"file/cache: the model cannot be written .*MOBICLASS_CACHE"):
        fetch(tmp_path / "file" / "cache")


def test_a_folder_in_the_models_place_stays(server: FaultyServer, tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(DownloadError, match="cannot be written"):
        fetch(tmp_path)
    assert names(tmp_path) == [FILE]


def test_nothing_is_written_through_a_link(server: FaultyServer, tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / PART).symlink_to("precious")
    with pytest.raises(DownloadError, match="cannot be written"):
        fetch(tmp_path)
    assert (tmp_path / "precious").read_bytes() == b"precious"
