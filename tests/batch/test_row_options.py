"""The digest of the options that shape rows, and what is said where it is another."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

import click
import pytest

from mobiclass.batch.row_options import RowOptions
from mobiclass.cli.batch import batch
from mobiclass.cli.evaluate.command import evaluate
from mobiclass.errors import OptionsError

OTHERS: dict[str, Any] = {
    "top_k": 1,
    "threshold": 0.29,
    "allow_truncated": True,
    "timing": True,
    "labels": "0" * 64,
    "resize": "pad",
    "mean": (0.0,),
    "std": (255.0, 254.0, 253.0),
    "crop_fraction": 0.9,
    "channels": "bgr",
    "layout": "nchw",
    "resolution": (160, 192),
    "output_tensor": "scores",
    "output_kind": "multilabel",
    "decide": True,
    "thresholds": "1" * 64,
    "only": "2" * 64,
    "rules": "3" * 64,
    "exif": True,
}
SHAPES_NO_ROW = {
    # which photos, and where rows go
    "sources", "folder", "output", "predictions", "report", "resume", "overwrite", "no_recursive", "all_files", "null",
    "exclusion", "csv_bom", "explain",
    "output_format", "quiet", "verbose", "help",
    # how it runs
    "jobs", "device", "device_timeout", "runtime", "num_threads",
    # compared on its own, row by row: the model, and the truth
    "model", "map_file", "truth_file",
    # the second model's, whose rows are not kept
    "against", "against_labels", "against_map",
}  # fmt: skip


def details_of(then: RowOptions, now: RowOptions) -> tuple[str, ...]:
    with pytest.raises(OptionsError) as raised:
        now.check_earlier([then.sha256], "o.jsonl")
    return raised.value.details


@pytest.mark.parametrize("command", [batch, evaluate], ids=lambda command: command.name)
def test_every_option_of_a_command_shapes_rows_or_is_known_not_to(command: click.Command) -> None:
    names = {parameter.name for parameter in command.params}
    shaping = {field.name for field in dataclasses.fields(RowOptions)}
    assert names - shaping - SHAPES_NO_ROW == set()
    assert shaping & SHAPES_NO_ROW == set()


def test_the_digest_is_that_of_canonical_json_without_defaults() -> None:
    def digest(options: dict[str, Any]) -> str:
        return hashlib.sha256(json.dumps(options, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    assert RowOptions().sha256 == digest({})
    assert RowOptions(top_k=5, threshold=0.0, mean=None).sha256 == digest({})
    assert RowOptions(top_k=3, std=(1.5, 2.0, 3.0)).sha256 == digest({"--top-k": 3, "--std": [1.5, 2.0, 3.0]})
    assert RowOptions(allow_truncated=True, resize="pad").sha256 == digest(
        {"--allow-truncated": True, "--resize": "pad"}
    )


def test_every_option_changes_the_digest() -> None:
    assert OTHERS.keys() == {field.name for field in dataclasses.fields(RowOptions)}
    digests = {RowOptions(**{name: value}).sha256 for name, value in OTHERS.items()}
    assert len(digests | {RowOptions().sha256}) == len(OTHERS) + 1


def test_two_ways_to_write_one_value_are_one() -> None:
    assert RowOptions(mean=(127.5,)).sha256 == RowOptions(mean=(127.5, 127.5, 127.5)).sha256
    assert RowOptions(threshold=1).sha256 == RowOptions(threshold=1.0).sha256
    assert RowOptions(std=(255,)).sha256 == RowOptions(std=(255.0,)).sha256


def test_the_same_options_are_accepted() -> None:
    for options in (RowOptions(), RowOptions(**OTHERS)):
        options.check_earlier([options.sha256], "o.jsonl")
        options.check_earlier([], "o.jsonl")


@pytest.mark.parametrize(
    ("then", "now", "told"),
    [
        ({"top_k": 1001}, {}, ["--top-k: 1001 in the first run, 5 now"]),
        ({"threshold": 0.07}, {"threshold": 0.5}, ["--threshold: 0.07 in the first run, 0.5 now"]),
        ({}, {"threshold": 0.123456}, ["--threshold: 0.0 in the first run, 0.123456 now"]),
        ({"timing": True}, {}, ["--timing: on in the first run, off now"]),
        ({}, {"rules": "3" * 64}, ["set of rules and groups beside the model: none in the first run, a file now"]),
        ({"resize": "squash"}, {"resize": "pad"}, ["--resize: squash in the first run, pad now"]),
        ({"std": (5.0,)}, {"mean": (0.5,), "std": (5.0,)}, ["--mean: the default in the first run, 0.5 now"]),
        (
            {"top_k": 777, "threshold": 0.99},
            {},
            ["--top-k: 777 in the first run, 5 now", "--threshold: 0.99 in the first run, 0.0 now"],
        ),
        (
            {"allow_truncated": True, "labels": "0" * 64},
            {"labels": "1" * 64, "mean": (1.0, 2.0, 3.0)},
            None,
        ),
        ({"top_k": 1002}, {}, None),
        ({"threshold": 0.001}, {}, None),
        ({"mean": (1.0,)}, {}, None),
    ],
)
def test_one_or_two_options_that_differ_are_found(
    then: dict[str, Any], now: dict[str, Any], told: list[str] | None
) -> None:
    details = details_of(RowOptions(**then), RowOptions(**now))
    if told is not None:
        assert list(details) == told
    else:
        flags = [f"--{name.replace('_', '-')}" if name != "rules" else "set" for name in OTHERS]  # of rules and groups
        assert [line.split()[0] for line in details[1:]] == flags
        assert "does not tell which of these differ" in details[0]


def test_one_row_with_other_options_is_enough() -> None:
    now = RowOptions()
    with pytest.raises(OptionsError, match="another --top-k"):
        now.check_earlier([now.sha256, RowOptions(top_k=2).sha256], "o.jsonl")
    with pytest.raises(OptionsError, match="do not say which options"):
        now.check_earlier([now.sha256, None], "o.jsonl")
