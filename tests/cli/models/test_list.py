"""`mobiclass models list`: the table that people read, and the JSON that programs do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mobiclass.cli.terminal.text import text_width
from mobiclass.hub.catalog import catalog_entries
from tests.support.program import run

HOSTILE = "my\x1b[2J\u202emodel"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a cache with files that are not what their names say, and one of nobody's."""
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setenv("MOBICLASS_CACHE", str(folder))
    (folder / "mobilenet_v1_0.5_160_quant.tflite").write_bytes(b"other bytes")
    (folder / "mobilenet_v1_0.25_128_quant_edgetpu.tflite").write_bytes(b"other bytes")
    (folder / "mobilenet_v2_1.0_224_quant.tflite.part").write_bytes(b"a part")
    (folder / f"{HOSTILE}.tflite").write_bytes(bytes(1_260_000))
    return folder


def table(*arguments: str) -> list[str]:
    outcome = run("models", "list", *arguments)
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    return outcome.stdout.splitlines()


def line_of(lines: list[str], name: str) -> str:
    [line] = [line for line in lines if f" {name} " in f"{line} "]
    return line


def test_the_table_fits_80_columns(cache: Path) -> None:
    assert max(text_width(line) for line in table()) <= 80


def test_each_model_has_its_line(cache: Path) -> None:
    lines = table()
    assert line_of(lines, "efficientnet_lite0").split() == [
        "●", "efficientnet_lite0", "1.00", "224", "5.3", "74.4", "Apache-2.0", "–",
    ]  # fmt: skip
    assert line_of(lines, "mobilenet_v1_0.75_192_quant").split() == [
        "mobilenet_v1_0.75_192_quant", "0.75", "192", "2.7", "66.1", "Apache-2.0", "○",
    ]  # fmt: skip
    assert line_of(lines, "mobilenet_v2_1.0_224_inat_bird_quant").split()[-2:] == ["Apache-2.0*", "–"]
    for name, entry in catalog_entries().items():
        assert any(name in line for line in lines) != entry.edgetpu_compiled
    assert {"EfficientNet Lite0", "MobileNet V1", "MobileNet V2"} <= set(lines)


def test_what_is_wrong_is_marked_and_explained(cache: Path) -> None:
    lines = table()
    assert line_of(lines, "mobilenet_v1_0.5_160_quant").startswith("✗ ")
    assert line_of(lines, "mobilenet_v1_0.25_128_quant").endswith("✗")
    assert line_of(lines, "mobilenet_v2_1.0_224_quant").startswith("◐ ")
    assert any(line.startswith("✗ damaged, or not the file of that name") for line in lines)
    assert any(line.startswith("◐ partly fetched") for line in lines)


def test_a_name_too_long_for_its_column_is_whole_on_a_line_of_its_own(cache: Path) -> None:
    lines = table()
    place = lines.index("  mobilenet_v1_1.0_224_quant_embedding_extractor")
    assert lines[place + 1].split() == ["1.00", "224", "3.3", "†", "Apache-2.0", "–"]


def test_models_of_ones_own_are_listed_and_their_names_are_not_obeyed(cache: Path) -> None:
    lines = table()
    assert "Your own, in the cache" in lines
    assert any(line.startswith("● my\ufffd[2J\ufffdmodel ") and line.endswith(" 1.3") for line in lines)
    assert not set("".join(lines)) & {"\x1b", "\u202e"}


def test_json_has_all_that_is_known(cache: Path) -> None:
    outcome = run("models", "list", "--format", "json")
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    models = {model["name"]: model for model in json.loads(outcome.stdout)}
    assert set(models) == {*catalog_entries(), HOSTILE}
    birds = models["mobilenet_v2_1.0_224_inat_bird_quant"]
    assert (birds["state"], birds["path"], birds["classes"], birds["too_big"]) == ("not here", None, 965, False)
    assert "non-commercial" in birds["data_terms"]
    assert models["mobilenet_v1_0.5_160_quant"]["state"] == "damaged"
    assert models["mobilenet_v1_0.25_128_quant"]["edgetpu"] == "mobilenet_v1_0.25_128_quant_edgetpu"
    assert models["efficientnet_lite0"]["state"] == "built-in"
    assert Path(models["efficientnet_lite0"]["path"]).is_file()
    assert models[HOSTILE]["bytes"] == 1_260_000


def test_quiet_leaves_the_legend_out(cache: Path) -> None:
    whole, bare = table(), table("-q")
    assert whole[: len(bare)] == bare
    assert any(line.startswith("TPU: ") for line in whole[len(bare) :])
    assert not any(line.startswith("TPU: ") for line in bare)


@pytest.mark.parametrize(
    ("settings", "source"),
    [
        ({}, "the URLs in the catalogue"),
        ({"MOBICLASS_MIRROR": "https://mirror.example/tflite/"}, "https://mirror.example/tflite (MOBICLASS_MIRROR)"),
        ({"MOBICLASS_MIRROR": "https://me:secret@mirror.example"}, "MOBICLASS_MIRROR must be a plain base URL, "),
        ({"MOBICLASS_OFFLINE": "1"}, "the URLs in the catalogue; MOBICLASS_OFFLINE is set"),
    ],
)
def test_verbose_reports_the_cache_and_the_source(settings: dict[str, str], source: str, cache: Path) -> None:
    outcome = run("models", "list", "-v", env=settings)
    cache_line, source_line, memory_line = outcome.stderr.splitlines()
    assert cache_line == f"cache        {cache}"
    assert source_line.startswith(f"source       {source}")
    assert memory_line.startswith("free memory  ")
    assert "secret" not in outcome.stderr
    assert outcome.stdout == run("models", "list", env=settings).stdout


def test_what_is_too_big_for_the_free_memory_is_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    from mobiclass._system import machine
    from mobiclass.cli import program

    monkeypatch.setattr(machine, "available_bytes", lambda: 66_000_000)
    lines = CliRunner().invoke(program, ["models", "list"]).output.splitlines()
    assert line_of(lines, "efficientnet_lite0").startswith("! ")
    assert not line_of(lines, "mobilenet_v1_0.25_128_quant").startswith("!")
    assert any(line.startswith("! needs more than the 66 MB of memory that are free now") for line in lines)
    models = json.loads(CliRunner().invoke(program, ["models", "list", "--format", "json"]).output)
    assert (models[0]["too_big"], models[0]["available_memory_bytes"]) == (True, 66_000_000)


@pytest.mark.parametrize("arguments", [["x"], ["--format", "csv"]])
def test_usage_errors(arguments: list[str]) -> None:
    outcome = run("models", "list", *arguments)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
