"""`mobiclass evaluate` as a process: its figures against counting by hand, and what it takes, writes and refuses."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeModel
from tests.support.batch_runs import COLOURS, jpeg, names_in, patched, read_rows
from tests.support.program import Outcome, run
from tests.support.report_pages import Page

SEVEN = ("red", "green", "blue", "black", "white", "grey", "pink")
ROWS = Path("rows.jsonl")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_model: MakeModel) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOBICLASS_MODEL", str(make_model(name="seven", classes=7, labels=SEVEN)))


def put(path: str, content: bytes) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(content)


@pytest.fixture
def mixed() -> str:
    """Photos in folders that are theirs, and in others; broken ones too.

    Of 11 that can be classified 7 are right; of the others two are black's, the fourth of the predictions.
    """
    for number in range(3):
        put(f"d/red/r{number}.jpg", jpeg("red"))
        put(f"d/Green/sub/g{number}.jpg", jpeg("green"))
    put("d/2/b.jpg", jpeg("blue"))
    put("d/red/in fact green.jpg", jpeg("green"))
    put("d/pink/in fact red.jpg", jpeg("red"))  # pink is never among the five
    put("d/black/one.jpg", jpeg("blue"))
    put("d/black/two.jpg", jpeg("green"))
    put("d/red/broken.jpg", b"no image")
    put("d/Green/cut.jpg", jpeg("green", side=64)[:300])
    put("d/Green/notes.txt", b"no image either")
    return "d"


def evaluate(*arguments: str | Path, **how: Any) -> Outcome:
    return run("evaluate", *arguments, **how)


def found(*arguments: str | Path, exit_code: int = 0) -> dict[str, Any]:
    """Evaluate, and give the JSON object that stdout holds and nothing else."""
    outcome = evaluate(*arguments, "--format", "json")
    assert outcome.exit_code == exit_code, outcome.stderr
    result: dict[str, Any] = json.loads(outcome.stdout)
    return result


# The figures


def test_the_figures_are_those_of_counting_predicts_rows(mixed: str) -> None:
    folders = {"red": 0, "Green": 1, "2": 2, "pink": 6, "black": 3}
    paths = sorted(str(path) for path in Path(mixed).rglob("*.jpg"))
    rows = [json.loads(line) for line in run("predict", *paths, "--format", "jsonl").stdout.splitlines()]
    by_class: dict[int, list[list[int]]] = {}
    errors: dict[int, int] = {}
    for row in rows:
        truth = folders[row["path"].split("/")[1]]
        if row["error"]:
            errors[truth] = errors.get(truth, 0) + 1
        else:
            by_class.setdefault(truth, []).append([prediction["index"] for prediction in row["predictions"]])
    all_found = [(truth, indices) for truth, each in by_class.items() for indices in each]

    result = found(mixed, exit_code=4)
    assert result["images"] == len(all_found) == 11
    assert result["errors"] == sum(errors.values()) == 2
    assert result["top1"] == sum(indices[0] == truth for truth, indices in all_found) / 11 == 7 / 11
    assert result["top5"] == sum(truth in indices[:5] for truth, indices in all_found) / 11 == 10 / 11
    assert [(each["index"], each["images"], each["errors"]) for each in result["classes"]] == [
        (truth, len(by_class[truth]), errors.get(truth, 0)) for truth in sorted(by_class)
    ]
    for each in result["classes"]:
        of_class = by_class[each["index"]]
        assert each["top1"] == sum(indices[0] == each["index"] for indices in of_class) / len(of_class)
        assert each["top5"] == sum(each["index"] in indices[:5] for indices in of_class) / len(of_class)


def test_the_json_object(mixed: str) -> None:
    result = found(mixed, exit_code=4)
    assert list(result)[:7] == ["model", "images", "errors", "top1", "top5", "top1_interval", "top5_interval"]
    assert result["model"] == "seven"
    assert result["top1_interval"] == [pytest.approx(0.3538, abs=1e-4), pytest.approx(0.8483, abs=1e-4)]
    assert result["partial"] is False
    assert result["failures"] == {"not_an_image": 1, "truncated": 1}
    assert [(each["path"], each["kind"]) for each in result["failed"]] == [
        ("d/Green/cut.jpg", "truncated"),
        ("d/red/broken.jpg", "not_an_image"),
    ]
    assert result["classes"][1] == {
        "name": "green", "index": 1, "folders": ["Green"], "images": 3, "errors": 1, "top1": 1.0, "top5": 1.0
    }  # fmt: skip
    confusion = {(each["truth"]["label"], each["prediction"]["label"]): each["images"] for each in result["confusion"]}
    assert confusion == {
        ("red", "red"): 3, ("red", "green"): 1, ("green", "green"): 3, ("blue", "blue"): 1, ("pink", "red"): 1,
        ("black", "blue"): 1, ("black", "green"): 1,
    }  # fmt: skip
    assert {each["path"] for each in result["mistakes"]} == {
        "d/red/in fact green.jpg", "d/pink/in fact red.jpg", "d/black/one.jpg", "d/black/two.jpg"
    }  # fmt: skip
    scores = [each["prediction"]["score"] for each in result["mistakes"]]
    assert scores == sorted(scores, reverse=True)
    assert result["invoke_p50_ms"] > 0
    assert result["model_bytes"] == Path(os.environ["MOBICLASS_MODEL"]).stat().st_size
    assert "against" not in result


@pytest.mark.parametrize("jobs", ["1", "3"])
def test_the_number_of_workers_changes_nothing(mixed: str, jobs: str) -> None:
    changing = ("jobs", "invoke_p50_ms", "images_per_second")
    one, other = found(mixed, exit_code=4), found(mixed, "--jobs", jobs, exit_code=4)
    assert {key: one[key] for key in one if key not in changing} == {
        key: other[key] for key in other if key not in changing
    }


def test_csv_has_a_line_a_class(mixed: str) -> None:
    outcome = evaluate(mixed, "--format", "csv")
    assert list(csv.reader(io.StringIO(outcome.stdout)))[:3] == [
        ["index", "name", "images", "errors", "top1", "top5"],
        ["0", "red", "4", "1", "0.75", "1.0"],
        ["1", "green", "3", "1", "1.0", "1.0"],
    ]


def test_the_table(mixed: str) -> None:
    outcome = evaluate(mixed)
    assert outcome.exit_code == 4
    lines = outcome.stdout.splitlines()
    assert lines[:5] == [
        "seven",
        "11 photos of 5 of the model's 7 classes; folders matched: 4 by label, 1 by index",
        "",
        "top-1   63.6 %   95 % interval 35.4–84.8",
        "top-5   90.9 %   95 % interval 62.3–98.4",
    ]
    assert "Could not be classified (in no other figure): 1 truncated, 1 not_an_image" in lines
    assert "  pink              1    0.0 %    0.0 %" in lines
    assert "       1  red    taken for green" in lines
    assert "           red, not pink" in lines
    assert max(map(len, lines)) <= 80
    assert outcome.stderr.startswith("13 images in ")


def test_quiet_says_nothing_and_verbose_says_what_folders_are(mixed: str) -> None:
    assert evaluate(mixed, "-q").stderr == ""
    stderr = evaluate(mixed, "-v").stderr
    assert "  2: blue (2)" in stderr
    assert "  Green: green (1)" in stderr


def test_few_classes_are_all_among_five(make_model: MakeModel) -> None:
    put("d/red/a.jpg", jpeg("blue"))
    model = make_model(name="three")
    assert found("d", "-m", model)["top5"] == 1.0
    assert "trivial: the model has 3 classes" in evaluate("d", "-m", model).stdout


def test_none_can_be_classified() -> None:
    put("d/red/a.jpg", b"")
    result = found("d", exit_code=4)
    assert (result["images"], result["errors"], result["top1"], result["top1_interval"]) == (0, 1, None, None)
    assert "No photo could be classified." in evaluate("d").stdout


def test_photos_cut_short_count_with_allow_truncated() -> None:
    put("d/red/a.jpg", jpeg("red", side=640)[:-200])
    assert found("d", exit_code=4)["errors"] == 1
    assert found("d", "--allow-truncated")["images"] == 1


# Folders


@pytest.mark.parametrize("folder", ["rde", "9", "n01440764", "$(touch hacked)", "<b>", "\N{RIGHT-TO-LEFT OVERRIDE}der"])
def test_a_folder_that_is_no_class_is_an_error_before_any_work(folder: str) -> None:
    put("d/red/a.jpg", jpeg("red"))
    put(f"d/{folder}/a.jpg", jpeg("red"))
    outcome = evaluate("d", "--predictions", ROWS, "--report", "page.html")
    assert (outcome.exit_code, outcome.stdout) == (3, "")
    first, second = outcome.stderr.splitlines()
    assert first.startswith("mobiclass: error: 1 of 2 folders are no classes of seven, or are ambiguous; name each by")
    assert second.startswith("  '")
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in outcome.stderr
    assert names_in() == ["d", "seven.tflite"]


def test_near_misses_are_listed_for_each() -> None:
    put("d/rde/a.jpg", jpeg("red"))
    put("d/Gren/a.jpg", jpeg("red"))
    lines = evaluate("d").stderr.splitlines()
    assert lines[1:] == ["  'Gren': no class; near are green (1), grey (5)", "  'rde': no class; near are red (0)"]


def test_a_map_says_what_folders_are() -> None:
    put("d/a/a.jpg", jpeg("red"))
    put("d/b/b.jpg", jpeg("blue"))
    put("d/trash/c.jpg", jpeg("blue"))
    Path("map.csv").write_text("a,red\nb,2\ntrash,\nother,green\n")
    outcome = evaluate("d", "--map", "map.csv", "--format", "json")
    assert outcome.exit_code == 0
    assert json.loads(outcome.stdout)["top1"] == 1.0
    assert json.loads(outcome.stdout)["images"] == 2
    assert "mobiclass: folders excluded by the map: 1" in outcome.stderr
    assert "mobiclass: folders of the map that do not exist: 'other'" in outcome.stderr


def test_what_lies_beside_the_folders_and_empty_folders_are_told() -> None:
    put("d/red/a.jpg", jpeg("red"))
    put("d/loose.jpg", jpeg("red"))
    Path("d/green").mkdir()
    Path("d/.hidden").mkdir()
    outcome = evaluate("d")
    assert outcome.exit_code == 0
    assert "mobiclass: images directly in d, in no class folder, are ignored: 1" in outcome.stderr
    assert "mobiclass: folders without images: 'green'" in outcome.stderr


def test_folders_without_any_photo_are_an_error() -> None:
    Path("d/red").mkdir(parents=True)
    outcome = evaluate("d", "--predictions", ROWS)
    assert (outcome.exit_code, outcome.stdout) == (3, "")
    assert "no images in its 1 class folders; --all-files tries files of any suffix" in outcome.stderr
    assert not ROWS.exists()
    put("d/red/photo", jpeg("red"))
    assert found("d", "--all-files")["images"] == 1


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        ((), 2, "Missing argument 'DIR'"),
        (("gone",), 3, "gone: cannot be read (No such file or directory)"),
        (("seven.tflite",), 3, "seven.tflite: not a folder"),
        (("d", "--map", "gone.csv"), 3, "gone.csv: the map cannot be read"),
        (("d", "-m", "gone.tflite"), 3, "gone.tflite: there is no such model file"),
        (("d", "--resume"), 2, "--resume needs the rows of the earlier run"),
        (("d", "--overwrite"), 2, "--overwrite needs something to replace"),
        (("d", "--resume", "--overwrite", "--predictions", "p.jsonl"), 2, "exclude each other"),
        (("d", "--predictions", "p.txt"), 2, "--predictions p.txt: the suffix must be one of .jsonl, .csv, .parquet"),
        (("d", "--predictions", "no/p.csv"), 3, "no/p.csv: the folder no does not exist"),
        (("d", "--report", "page.txt"), 2, "--report page.txt: the suffix must be .html"),
        (("d", "--report", "a.html", "--predictions", "a.html"), 2, "the suffix must be one of"),
        (("d", "--against-map", "m.csv"), 2, "--against-labels and --against-map need --against"),
        (("d", "--against", "gone.tflite"), 3, "gone.tflite: there is no such model file"),
        (("d", "-k", "3"), 2, "No such option"),
    ],
)
def test_what_cannot_work_is_refused(arguments: tuple[str, ...], exit_code: int, message: str) -> None:
    put("d/red/a.jpg", jpeg("red"))
    outcome = evaluate(*arguments)
    assert (outcome.exit_code, outcome.stdout) == (exit_code, "")
    assert message in " ".join(outcome.stderr.split())
    assert "Traceback" not in outcome.stderr


# Rows and the page


def test_the_rows_are_batchs_with_the_truth(mixed: str) -> None:
    result = found(mixed, "--predictions", ROWS, exit_code=4)
    rows = read_rows(ROWS)
    assert len(rows) == result["images"] + result["errors"]
    assert {row["path"].split("/")[1]: row["truth"] for row in rows} == {
        "2": {"index": 2, "label": "blue"},
        "Green": {"index": 1, "label": "green"},
        "black": {"index": 3, "label": "black"},
        "pink": {"index": 6, "label": "pink"},
        "red": {"index": 0, "label": "red"},
    }
    paths = [row["path"] for row in rows]
    run("batch", *sorted(Path("d").iterdir()), "-o", "batch.jsonl", "--timing")
    others = read_rows(Path("batch.jsonl"))
    assert paths == [row["path"] for row in others]
    for row, other in zip(rows, others, strict=True):
        assert {**row, "timing_ms": None} == {**other, "timing_ms": None, "truth": row["truth"]}


def test_tables_of_predictions_are_as_batch_has_them(mixed: str) -> None:
    evaluate(mixed, "--predictions", "rows.csv")
    run("batch", *sorted(Path("d").iterdir()), "-o", "batch.csv")
    assert Path("rows.csv").read_bytes() == Path("batch.csv").read_bytes()
    parquet = pytest.importorskip("pyarrow.parquet")
    assert evaluate(mixed, "--predictions", "rows.parquet").exit_code == 4
    assert parquet.read_table("rows.parquet").num_rows == 11 * 5 + 2


def test_going_on_gives_what_one_run_gives(mixed: str) -> None:
    whole = found(mixed, "--predictions", "whole.jsonl", exit_code=4)
    Path(mixed, "red").rename("red")
    found(mixed, "--predictions", ROWS, exit_code=4)
    Path("red").rename(f"{mixed}/red")
    outcome = evaluate(mixed, "--predictions", ROWS)
    assert outcome.exit_code == 3
    assert "--resume continues them, --overwrite replaces them" in outcome.stderr
    gone_on = found(mixed, "--predictions", ROWS, "--resume", exit_code=4)
    for key in ("images", "errors", "top1", "top5", "classes", "confusion", "mistakes"):
        assert gone_on[key] == whole[key]
    assert [row["path"] for row in read_rows(ROWS)] == [row["path"] for row in read_rows(Path("whole.jsonl"))]


def test_rows_with_other_options_are_not_added_to(mixed: str) -> None:
    found(mixed, "--predictions", ROWS, exit_code=4)
    rows = ROWS.read_bytes()
    outcome = evaluate(mixed, "--predictions", ROWS, "--resume", "--resize", "squash", "--allow-truncated")
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert outcome.stderr.splitlines()[1:] == [
        "  --allow-truncated: off in the first run, on now",
        "  --resize: the default in the first run, squash now",
    ]
    assert ROWS.read_bytes() == rows
    arguments = ("--predictions", ROWS, "--resume", "--jobs", "1", "--device", "cpu", "--threads", "2")
    assert found(mixed, *arguments, exit_code=4)["jobs"] == 1


def test_rows_whose_truth_has_changed_are_made_anew() -> None:
    put("d/a/a.jpg", jpeg("red"))
    put("d/b/b.jpg", jpeg("blue"))
    Path("map.csv").write_text("a,red\nb,green\n")
    assert found("d", "--map", "map.csv", "--predictions", ROWS)["top1"] == 0.5
    Path("map.csv").write_text("a,red\nb,blue\n")
    assert found("d", "--map", "map.csv", "--predictions", ROWS, "--resume")["top1"] == 1.0
    assert [row["truth"]["label"] for row in read_rows(ROWS)] == ["red", "blue"]


def test_the_page_has_the_mistakes_first_and_needs_no_rows_to_be_kept(mixed: str) -> None:
    assert evaluate(mixed, "--report", "page.html").exit_code == 4
    assert names_in() == ["d", "page.html", "seven.tflite"]
    page = Page(Path("page.html"))
    labels = [name for _, name in page.labels]
    assert [row["path"] for row in page.rows[:5]] == [
        "d/black/one.jpg", "d/black/two.jpg", "d/pink/in fact red.jpg", "d/red/in fact green.jpg", "d/2/b.jpg"
    ]  # fmt: skip
    assert [labels[row["truth"]] for row in page.rows[:5]] == ["black", "black", "pink", "red", "blue"]
    assert ["top-1", "63.6 % (95 % interval 35.4–84.8)"] in json.loads(page.texts("script", id="page-facts")[0])[
        "summary"
    ]
    assert "Mistakes: 4" in page.source.replace("<bdi>", "").replace("</bdi>", "")
    outcome = evaluate(mixed, "--report", "page.html")
    assert (outcome.exit_code, outcome.stdout) == (3, "")
    assert evaluate(mixed, "--report", "page.html", "--overwrite").exit_code == 4


def test_names_that_are_not_utf_8() -> None:
    name = os.fsdecode(b"caf\xe9")
    put(f"d/red/{name}.jpg", jpeg("red"))
    put(f"d/red/{name}/a.jpg", jpeg("red"))
    assert found("d", "--predictions", ROWS)["top1"] == 1.0
    assert all("path_base64" in row for row in read_rows(ROWS))
    put(f"d/{name}/a.jpg", jpeg("red"))
    outcome = evaluate("d")
    assert outcome.exit_code == 3
    assert "'caf\\udce9': no class" in outcome.stderr


@pytest.mark.parametrize("kind", ["json", "csv", "table"])
def test_a_closed_pipe_ends_it_quietly(mixed: str, kind: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        outcome = evaluate(mixed, "-q", "--format", kind, stdout=writer)
    finally:
        os.close(writer)
    assert (outcome.exit_code, outcome.stderr) == (141, "")


# Two models


@pytest.fixture
def rival(make_model: MakeModel) -> Path:
    """A model that takes green for blue and blue for green, with a background class, so that all indices differ."""
    return make_model(name="rival", classes=4, labels=("red", "blue", "green", "background"))


def test_two_models_over_the_same_photos(rival: Path) -> None:
    for colour in COLOURS:
        for number in range(2):
            put(f"d/{colour}/{number}.jpg", jpeg(colour))
    put("d/red/2.jpg", jpeg("green"))  # both wrong
    put("d/green/2.jpg", jpeg("blue"))  # the rival says green
    put("d/red/bad.jpg", b"")
    result = found("d", "--against", rival, "--predictions", ROWS, exit_code=4)
    against = result["against"]
    assert (result["model"], result["images"], result["top1"]) == ("seven", 8, 6 / 8)
    assert (against["model"], against["images"], against["top1"], against["errors"]) == ("rival", 8, 3 / 8, 1)
    assert (against["compared"], against["both_right"]) == (8, 2)
    assert (against["only_first"], against["only_second"], against["both_wrong"]) == (4, 1, 1)
    assert against["mcnemar_p"] == pytest.approx(0.375)
    assert against["model_bytes"] == rival.stat().st_size
    assert against["invoke_p50_ms"] > 0
    assert against["disagreements"][0]["path"] == "d/blue/0.jpg"
    assert against["disagreements"][0]["first"]["truth"] == {"index": 2, "label": "blue"}
    assert against["disagreements"][0]["second"]["truth"] == {"index": 1, "label": "blue"}
    assert against["disagreements"][0]["second"]["prediction"]["label"] == "green"
    assert len(against["disagreements"]) == 5
    assert {row["model"] for row in read_rows(ROWS)} == {"seven"}
    # Each figure is what the model gets alone.
    alone = found("d", "-m", rival, exit_code=4)
    assert [alone[key] for key in ("images", "errors", "top1", "top5")] == [
        against[key] for key in ("images", "errors", "top1", "top5")
    ]


def test_the_comparison_as_a_table(rival: Path) -> None:
    for colour in COLOURS:
        put(f"d/{colour}/a.jpg", jpeg(colour))
    lines = evaluate("d", "--against", rival).stdout.splitlines()
    assert max(map(len, lines)) <= 80
    start = lines.index("Side by side")
    assert lines[start + 1].split() == ["seven", "rival"]
    assert lines[start + 2].split() == ["top-1", "100.0", "%", "(43.9–100.0)", "33.3", "%", "(6.1–79.2)"]
    assert "         2  only seven right" in lines
    assert "  The difference may be due to chance (McNemar's exact test: p = 0.5)." in lines
    assert "    second: green, not blue" in lines


def test_numbers_that_mean_other_classes_in_the_other_model_are_refused(rival: Path) -> None:
    put("d/1/a.jpg", jpeg("green"))
    outcome = evaluate("d", "--against", rival)
    assert (outcome.exit_code, outcome.stdout) == (3, "")
    assert "map them with --against-map FILE" in outcome.stderr
    assert outcome.stderr.splitlines()[-1] == "  '1': 'green' in one, 'blue' in the other"
    Path("there.csv").write_text("1,green\n")
    assert found("d", "--against", rival, "--against-map", "there.csv")["against"]["top1"] == 0.0


def test_labels_of_the_other_model_are_its_own(rival: Path) -> None:
    put("d/red/a.jpg", jpeg("red"))
    put("d/pink/a.jpg", jpeg("red"))
    outcome = evaluate("d", "--against", rival)
    assert outcome.exit_code == 3
    assert "1 of 2 folders are no classes of rival" in outcome.stderr
    Path("labels.txt").write_text("red\ngreen\nblue\npink\n")
    assert found("d", "--against", rival, "--against-labels", "labels.txt")["against"]["top1"] == 0.5


def test_folders_that_the_other_map_leaves_out_are_seen_by_neither(rival: Path) -> None:
    put("d/red/a.jpg", jpeg("red"))
    put("d/pink/a.jpg", jpeg("red"))
    Path("there.csv").write_text("pink,\n")
    result = found("d", "--against", rival, "--against-map", "there.csv")
    assert (result["images"], result["against"]["images"], result["against"]["compared"]) == (1, 1, 1)


def test_photos_that_vanish_between_two_models_cost_the_comparison_alone(rival: Path) -> None:
    for number in range(4):
        put(f"d/red/{number}.jpg", jpeg("red"))
    vanish = """
import os, mobiclass.evaluation.rows as e
def rows_and_vanish(self, rows=e.TemporaryRows.rows):
    os.unlink("d/red/1.jpg")
    return rows(self)
e.TemporaryRows.rows = rows_and_vanish
"""
    outcome = evaluate("d", "--against", rival, "--format", "json", command=patched(vanish))
    assert outcome.exit_code == 3
    assert "d/red/2.jpg: photos were added or removed while they were evaluated" in outcome.stderr
    assert json.loads(outcome.stdout)["images"] == 4
    assert "against" not in json.loads(outcome.stdout)


def test_a_model_against_itself() -> None:
    put("d/red/a.jpg", jpeg("red"))
    outcome = evaluate("d", "--against", os.environ["MOBICLASS_MODEL"])
    assert outcome.exit_code == 0
    assert "first: seven" in outcome.stdout
    assert "difference" not in outcome.stdout


# Real photos and ImageNet's ids


def test_wnids_with_the_built_in_model(photos: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MOBICLASS_MODEL")
    for name, wnid in (("coffee.png", "n07920052"), ("chelsea.png", "n02123159_tiger_cat")):
        put(f"d/{wnid}/{name}", photos[name].read_bytes())
    result = found("d")
    assert (result["model"], result["images"], result["top1"]) == ("efficientnet_lite0", 2, 1.0)
    assert [each["name"] for each in result["classes"]] == ["tiger cat", "espresso"]


# Names with numbers


def test_a_folder_named_as_a_label_is_that_label_and_not_an_index(make_model: MakeModel) -> None:
    model = make_model(name="teachable", labels=None)
    Path("labels.txt").write_text("0 Class 1\n1 Class 2\n2 Class 3\n")
    put("d/Class 1/a.jpg", jpeg("red"))
    put("d/Class 2/b.jpg", jpeg("green"))
    put("d/2 Class 3/c.jpg", jpeg("blue"))
    for given in ("labels.txt", "class_indices.json"):
        Path("class_indices.json").write_text('{"Class 1": 0, "Class 2": 1, "Class 3": 2}')
        result = found("d", "--model", model, "--labels", given)
        assert (result["top1"], [each["name"] for each in result["classes"]]) == (
            1.0,
            ["Class 1", "Class 2", "Class 3"],
        )


def test_what_systems_keep_is_no_class_and_no_photo(mixed: str) -> None:
    before = found(mixed, exit_code=4)
    put("d/@eaDir/a.jpg", jpeg("red"))
    put("d/red/@eaDir/r0.jpg/thumb.jpg", jpeg("green"))
    put("d/red/raw/r0.jpg", jpeg("green"))
    outcome = evaluate(mixed, "--format", "json", "--exclude", "raw/")
    assert "folders skipped, as no classes: '@eaDir'" in outcome.stderr
    after = json.loads(outcome.stdout)
    assert (after["images"], after["top1"], after["errors"]) == (before["images"], before["top1"], before["errors"])


# Photos whose labels stand in a table


def test_a_flat_folder_is_evaluated_by_a_table() -> None:
    for name in ("red", "green", "blue", "pink"):
        put(f"flat/{name}.jpg", jpeg(name if name != "pink" else "red"))
    Path("truth.csv").write_text("photo,label\nred.jpg,Red\ngreen.jpg,1\nblue.jpg,green\nnone.jpg,red\n")
    outcome = evaluate("flat", "--truth", "truth.csv", "--format", "json", "--predictions", ROWS)
    assert outcome.exit_code == 0, outcome.stderr
    assert "photos of the table that do not exist: 1 ('none.jpg')" in outcome.stderr
    assert "images in flat that are not in the table are ignored: 1" in outcome.stderr
    result = json.loads(outcome.stdout)
    assert (result["images"], result["top1"]) == (3, pytest.approx(2 / 3))
    assert {row["path"]: row["truth"]["index"] for row in read_rows(ROWS)} == {
        "flat/blue.jpg": 1, "flat/green.jpg": 1, "flat/red.jpg": 0,
    }  # fmt: skip


def test_labels_of_a_table_that_are_no_classes_are_refused_and_may_be_mapped() -> None:
    put("flat/a.jpg", jpeg("red"))
    put("flat/b.jpg", jpeg("green"))
    Path("truth.csv").write_text("a.jpg,rot\nb.jpg,green\n")
    outcome = evaluate("flat", "--truth", "truth.csv")
    assert outcome.exit_code == 3
    assert "1 of 2 labels are no classes of seven" in outcome.stderr
    Path("map.csv").write_text("label,class\nrot,red\n")
    assert found("flat", "--truth", "truth.csv", "--map", "map.csv")["top1"] == 1.0
    outcome = evaluate("none", "--truth", "truth.csv")
    assert (outcome.exit_code, "none: not a folder" in outcome.stderr) == (3, True)


def test_csv_for_spreadsheets_has_a_mark(mixed: str) -> None:
    plain = evaluate(mixed, "--format", "csv").stdout
    assert evaluate(mixed, "--format", "csv", "--csv-bom").stdout == f"\ufeff{plain}"
    evaluate(mixed, "--predictions", "rows.csv", "--csv-bom")
    assert Path("rows.csv").read_bytes().startswith(b"\xef\xbb\xbfpath,")
    assert evaluate(mixed, "--csv-bom").exit_code == 2
