"""A model's accuracy on photos whose classes are known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobiclass._system import open_door

if TYPE_CHECKING:
    from mobiclass.evaluation.calibrated_model import calibrated_copy, calibration_json, fitted_rules
    from mobiclass.evaluation.calibration import FEWEST_OTHERS, Calibration, Outcome, fit_and_judge
    from mobiclass.evaluation.calibration_plot import write_calibration_plot
    from mobiclass.evaluation.class_map import ClassMap, read_class_map
    from mobiclass.evaluation.comparison import Comparison
    from mobiclass.evaluation.dataset import ClassFolders
    from mobiclass.evaluation.figures import PLOT_SUFFIXES, require_matplotlib
    from mobiclass.evaluation.labelled_photos import LabelledPhotos, Photos, list_photos, read_labelled_photos
    from mobiclass.evaluation.metrics import TOP, Answers, Count, Tally
    from mobiclass.evaluation.observations import Observation, Observer
    from mobiclass.evaluation.recommendation import (
        Candidate,
        Judge,
        Limits,
        Recommendation,
        candidate_fields,
        recommend,
        recommendation_json,
    )
    from mobiclass.evaluation.recommendation_plot import write_recommendation_plot
    from mobiclass.evaluation.rows import PhotoTruth, TemporaryRows, mistakes_first, pair_rows
    from mobiclass.evaluation.statistics import wilson_interval
    from mobiclass.evaluation.summary import Evaluation, evaluation_json, report_facts, write_classes_csv
    from mobiclass.evaluation.truth import Truth, match_folders, names_of_other_things

open_door(
    __name__,
    {
        "calibrated_model": ("calibrated_copy", "calibration_json", "fitted_rules"),
        "calibration": ("FEWEST_OTHERS", "Calibration", "Outcome", "fit_and_judge"),
        "calibration_plot": ("write_calibration_plot",),
        "class_map": ("ClassMap", "read_class_map"),
        "comparison": ("Comparison",),
        "dataset": ("ClassFolders",),
        "figures": ("PLOT_SUFFIXES", "require_matplotlib"),
        "labelled_photos": ("LabelledPhotos", "Photos", "list_photos", "read_labelled_photos"),
        "metrics": ("TOP", "Answers", "Count", "Tally"),
        "observations": ("Observation", "Observer"),
        "recommendation": (
            "Candidate",
            "Judge",
            "Limits",
            "Recommendation",
            "candidate_fields",
            "recommend",
            "recommendation_json",
        ),
        "recommendation_plot": ("write_recommendation_plot",),
        "rows": ("PhotoTruth", "TemporaryRows", "mistakes_first", "pair_rows"),
        "statistics": ("wilson_interval",),
        "summary": ("Evaluation", "evaluation_json", "report_facts", "write_classes_csv"),
        "truth": ("Truth", "match_folders", "names_of_other_things"),
    },
)
