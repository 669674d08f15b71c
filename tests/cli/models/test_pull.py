"""`mobiclass models pull` as a process: what it says, and what kills, full disks, signals and rivals leave behind."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from tests.support import faulty_server
from tests.support.batch_runs import names_in, running, wait_until
from tests.support.faulty_server import FaultyServer, redirects, serving
from tests.support.known_models import catalog_table, copy_package
from tests.support.program import COMMAND, Outcome, run
from tests.support.tiny_models import colour_model

# Not compressible, and larger than what the system holds back between the two ends of a connection.
BIG = random.Random(7).randbytes(1_000_000)
MODELS = {
    "Birds_V2_1.0_224": colour_model(),
    "Birds_V2_1.0_224_edgetpu": colour_model(gain=5.0),
    "insects": colour_model(gain=6.0),
    "big": BIG,
}
BIRDS, BIRDS_EDGETPU = list(MODELS)[:2]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Copy the package, with a catalogue of models that these tests can serve."""
    changes = {
        BIRDS: {"edgetpu": BIRDS_EDGETPU},
        BIRDS_EDGETPU: {"cpu": BIRDS},
        "insects": {"data_terms": "of insects, for\u202e insects only"},
    }
    tables = [catalog_table(name, content, **changes.get(name, {})) for name, content in MODELS.items()]
    return copy_package(tmp_path_factory.mktemp("package"), tables)


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    """Serve the models."""
    with serving({f"{name}.tflite": content for name, content in MODELS.items()}) as server:
        yield server


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Name a cache folder that is not there yet."""
    return tmp_path / "cache"


@pytest.fixture
def env(package: Mapping[str, str], server: FaultyServer, cache: Path) -> dict[str, str]:
    """Give the environment of a program that knows the models, fetches them from the server, and has that cache."""
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY", "ALL_PROXY"), "")
    return {
        **package, **proxies, "MOBICLASS_CACHE": str(cache), "MOBICLASS_MIRROR": server.url, "MOBICLASS_OFFLINE": "",
    }  # fmt: skip


def pull(*arguments: str, env: Mapping[str, str]) -> Outcome:
    return run("models", "pull", *arguments, env=env)


@contextmanager
def half_way(env: Mapping[str, str], cache: Path, server: FaultyServer) -> Iterator[subprocess.Popen[bytes]]:
    """Give a process that has half of `big`, and gets the rest when the server may go on."""
    server.faults = [faulty_server.stalls]
    part = cache / "big.tflite.part"
    with running("models", "pull", "big", env=env) as process:
        wait_until(lambda: part.exists() and part.stat().st_size == 500_000, "half of the model")
        yield process


@contextmanager
def waiting(env: Mapping[str, str]) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    """Give a process that waits for another one to fetch `big`, and its stderr."""
    with running("models", "pull", "big", env=env) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == b"mobiclass: big: another process is fetching it; waiting for that\n"
        yield process, process.stderr


def test_a_model_is_fetched_found_and_used(env: dict[str, str], cache: Path, pictures: Path) -> None:
    outcome = pull("birds_v2_1.0_224", env=env)
    assert (outcome.exit_code, outcome.stdout) == (0, "")
    assert outcome.stderr == f"{BIRDS} fetched and verified ({len(MODELS[BIRDS]):,} bytes)\n"
    assert names_in(cache) == [f"{BIRDS}.tflite"]
    assert run("models", "path", "BIRDS_v2_1.0_224", env=env).stdout == f"{cache / BIRDS}.tflite\n"
    outcome = run("predict", "-m", BIRDS, "-k1", "--format", "csv", pictures / "green.png", env=env)
    assert ",1,1,green," in outcome.stdout


def test_what_is_here_is_not_fetched_again(env: dict[str, str], server: FaultyServer) -> None:
    assert pull(BIRDS, env=env).exit_code == 0
    server.requests.clear()
    outcome = pull(BIRDS, env={**env, "MOBICLASS_OFFLINE": "1"})
    assert (outcome.exit_code, outcome.stderr) == (0, f"{BIRDS} is already here, verified\n")
    assert server.requests == []


def test_a_damaged_model_is_refused_and_fetched_again(env: dict[str, str], cache: Path) -> None:
    assert pull(BIRDS, env=env).exit_code == 0
    path = cache / f"{BIRDS}.tflite"
    path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])
    for command in (["predict", "-m", BIRDS, "x.jpg"], ["models", "path", BIRDS]):
        outcome = run(*command, env=env)
        assert (outcome.exit_code, outcome.stdout) == (3, "")
        assert f"damaged, or not the catalogue's {BIRDS}" in outcome.stderr
    outcome = pull(BIRDS, env=env)
    assert outcome.exit_code == 0
    assert "fetched again and verified" in outcome.stderr
    assert path.read_bytes() == MODELS[BIRDS]


def test_the_edge_tpu_sibling_comes_along(env: dict[str, str], cache: Path, server: FaultyServer) -> None:
    assert pull("--edgetpu", BIRDS, BIRDS_EDGETPU, BIRDS.upper(), env=env).exit_code == 0
    assert names_in(cache) == [f"{BIRDS}.tflite", f"{BIRDS_EDGETPU}.tflite"]
    assert len(server.requests) == 2
    assert pull("--edgetpu", BIRDS_EDGETPU, env=env).exit_code == 0


def test_what_is_asked_for_in_vain_is_told_before_anything_is_fetched(
    env: dict[str, str], cache: Path, server: FaultyServer
) -> None:
    outcome = pull(BIRDS, "insekts", env=env)
    assert outcome.exit_code == 3
    assert "the catalogue has no model named 'insekts' (did you mean insects?)" in outcome.stderr
    outcome = pull(BIRDS, "insects", "--edgetpu", env=env)
    assert (outcome.exit_code, outcome.stderr) == (
        3, "mobiclass: error: the catalogue has no insects compiled for the Edge TPU\n",
    )  # fmt: skip
    assert server.requests == []
    assert not cache.exists()


def test_of_several_those_that_can_be_had_are_fetched(env: dict[str, str], cache: Path, server: FaultyServer) -> None:
    server.faults = [faulty_server.status(404), faulty_server.flipped_bit]
    outcome = pull(BIRDS, "insects", "big", "efficientnet_lite0", env=env)
    assert outcome.exit_code == 3
    assert outcome.stderr.count("mobiclass: error: ") == 2
    assert "there is no such file (404" in outcome.stderr
    assert "is not insects (SHA-256 mismatch)" in outcome.stderr
    assert "big fetched and verified (1,000,000 bytes)\nefficientnet_lite0 is built in\n" in outcome.stderr
    assert names_in(cache) == ["big.tflite"]


def test_terms_are_told_and_hostile_text_is_not_obeyed(env: dict[str, str], server: FaultyServer) -> None:
    outcome = pull("insects", env=env)
    assert outcome.stderr.endswith("\n  note: of insects, for\ufffd insects only\n")
    server.faults = [redirects("http://localhost/\x1b[2J")]
    assert "\x1b" not in pull("big", env=env).stderr


def test_quiet_is_quiet(env: dict[str, str], server: FaultyServer) -> None:
    server.faults = [faulty_server.cut_short]
    outcome = pull("-q", "big", env=env)
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (0, "", "")


def test_verbose_reports_source_and_destination(env: dict[str, str], server: FaultyServer, cache: Path) -> None:
    assert pull("-v", BIRDS, env=env).stderr.splitlines() == [
        f"{BIRDS}: {server.url}/{BIRDS}.tflite -> {cache / BIRDS}.tflite",
        f"{BIRDS} fetched and verified ({len(MODELS[BIRDS]):,} bytes)",
    ]


def test_another_attempt_is_told(env: dict[str, str], server: FaultyServer) -> None:
    server.faults = [faulty_server.cut_short]
    outcome = pull("big", env=env)
    assert outcome.stderr.splitlines() == [
        "mobiclass: big: the connection ended after 500,000 of 1,000,000 bytes; trying again in 0.5 s",
        "big fetched and verified (1,000,000 bytes)",
    ]


def test_offline_all_that_would_be_fetched_is_told(env: dict[str, str], cache: Path, server: FaultyServer) -> None:
    outcome = pull(BIRDS, "insects", env={**env, "MOBICLASS_OFFLINE": "1"})
    assert outcome.exit_code == 3
    for name in (BIRDS, "insects"):
        assert f"{name} is not fetched; its source is {server.url}/{name}.tflite (" in outcome.stderr
    assert server.requests == []
    assert not cache.exists()


@pytest.mark.parametrize(
    ("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_what_is_stopped_half_way_goes_on(
    number: int, exit_code: int, env: dict[str, str], cache: Path, server: FaultyServer
) -> None:
    with half_way(env, cache, server) as process:
        process.send_signal(number)
        _, stderr = process.communicate(timeout=60)
        assert process.returncode == exit_code
        assert b"Traceback" not in stderr
    assert names_in(cache) == ["big.tflite.part"]
    outcome = pull("big", env=env)
    assert outcome.exit_code == 0
    assert server.ranges == [None, "bytes=500000-"]
    assert names_in(cache) == ["big.tflite"]
    assert (cache / "big.tflite").read_bytes() == BIG


def test_two_at_once_fetch_it_once(env: dict[str, str], cache: Path, server: FaultyServer) -> None:
    with half_way(env, cache, server) as first, waiting(env) as (second, stderr):
        server.go_on.set()
        assert first.wait(60) == second.wait(60) == 0
        assert stderr.read() == b"big is already here, verified\n"
    assert len(server.requests) == 1
    assert names_in(cache) == ["big.tflite"]
    assert (cache / "big.tflite").read_bytes() == BIG


def test_who_waits_takes_over_from_who_is_killed(env: dict[str, str], cache: Path, server: FaultyServer) -> None:
    with half_way(env, cache, server) as first, waiting(env) as (second, _):
        first.kill()
        assert second.wait(60) == 0
    assert server.ranges == [None, "bytes=500000-"]
    assert names_in(cache) == ["big.tflite"]
    assert (cache / "big.tflite").read_bytes() == BIG


def test_eight_at_once(env: dict[str, str], cache: Path) -> None:
    processes = [
        subprocess.Popen(
            [*COMMAND, "models", "pull", BIRDS, "big"], env={**os.environ, **env}, stderr=subprocess.DEVNULL
        )
        for _ in range(8)
    ]
    assert [process.wait(100) for process in processes] == [0] * 8
    assert names_in(cache) == [f"{BIRDS}.tflite", "big.tflite"]
    assert (cache / "big.tflite").read_bytes() == BIG


class TestFullDisk:
    """The disk is a small file system in memory, and a limit to the size of files where nobody may mount one."""

    def test_a_limit_to_the_size_of_files(self, env: dict[str, str], cache: Path) -> None:
        limited = ("sh", "-c", 'ulimit -f 512; exec "$@"', "sh", *COMMAND)
        outcome = run("models", "pull", "big", env=env, command=limited)
        assert outcome.exit_code == 3
        assert f"{cache}: the model cannot be written (File too large): free space there" in outcome.stderr
        assert "MOBICLASS_CACHE" in outcome.stderr
        assert names_in(cache) == []

    def test_a_file_system_that_is_full(self, env: dict[str, str], cache: Path, server: FaultyServer) -> None:
        cache.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=1200k", "tmpfs", str(cache)]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("NOT TESTED on a file system that is full: mounting one is not allowed here")
        try:
            filler = cache / "filler"
            filler.write_bytes(bytes(1_100_000))
            outcome = pull("big", env=env)
            assert outcome.exit_code == 3
            assert "1,000,000 bytes are needed and" in outcome.stderr
            assert server.requests == []
            filler.unlink()
            with half_way(env, cache, server) as process:  # filled up while it comes
                filler.write_bytes(bytes(600_000))
                server.go_on.set()
                _, stderr = process.communicate(timeout=60)
                assert process.returncode == 3
            assert f"{cache}: the model cannot be written (No space left on device)".encode() in stderr
            assert names_in(cache) == ["filler"]
            filler.unlink()
            assert pull("big", env=env).exit_code == 0
            assert (cache / "big.tflite").read_bytes() == BIG
        finally:
            subprocess.run(["umount", "-l", cache], check=True)

    def test_a_cache_that_may_not_be_written(self, env: dict[str, str], tmp_path: Path) -> None:
        outcome = pull(BIRDS, env={**env, "MOBICLASS_CACHE": "/proc/nothing/here"})
        assert outcome.exit_code == 3
        assert outcome.stderr.startswith("mobiclass: error: /proc/nothing/here: the model cannot be written (")
        assert "set MOBICLASS_CACHE to another folder" in outcome.stderr


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a certificate for localhost that nobody has signed, with its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("NOT TESTED with https: there is no openssl here to make a certificate")
    path = tmp_path_factory.mktemp("certificate") / "localhost.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost", "-keyout", path, "-out", path.with_suffix(".crt")],
        check=True, capture_output=True,
    )  # fmt: skip
    with path.open("ab") as file:
        file.write(path.with_suffix(".crt").read_bytes())
    return path


def test_a_certificate_that_is_not_trusted_is_explained(env: dict[str, str], cache: Path, certificate: Path) -> None:
    with serving({"insects.tflite": MODELS["insects"]}, certificate) as server:
        outcome = pull("insects", env={**env, "MOBICLASS_MIRROR": server.url})
        assert outcome.exit_code == 3
        assert "the certificate of localhost:" in outcome.stderr
        assert "is not accepted (self" in outcome.stderr
        assert "the date is often wrong: here it is 2" in outcome.stderr
        assert server.requests == []
        assert names_in(cache) == []


def test_a_certificate_that_is_trusted_serves_and_never_leads_to_http(
    env: dict[str, str], cache: Path, certificate: Path, server: FaultyServer
) -> None:
    with serving({"insects.tflite": MODELS["insects"]}, certificate) as secure:
        env = {**env, "MOBICLASS_MIRROR": secure.url, "SSL_CERT_FILE": str(certificate)}
        secure.faults = [redirects(f"{server.url}/insects.tflite")]
        outcome = pull("insects", env=env)
        assert outcome.exit_code == 3
        assert f"redirects to {server.url}/insects.tflite, which is less secure; not followed" in outcome.stderr
        assert server.requests == []
        assert names_in(cache) == []
        assert pull("insects", env=env).exit_code == 0


@pytest.mark.parametrize("arguments", [[], ["--no-verify", "insects"], ["--force", "insects"]])
def test_usage_errors(arguments: list[str], env: dict[str, str]) -> None:
    outcome = pull(*arguments, env=env)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
