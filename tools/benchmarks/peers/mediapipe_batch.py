"""MediaPipe's ImageClassifier on a folder, as in its guide.

mediapipe_batch.py MODEL FOLDER
"""

import sys
from pathlib import Path

import mediapipe as mp
from mediapipe.tasks.python import BaseOptions
from mediapipe.tasks.python.vision import ImageClassifier, ImageClassifierOptions

options = ImageClassifierOptions(base_options=BaseOptions(model_asset_path=sys.argv[1]), max_results=5)
with ImageClassifier.create_from_options(options) as classifier:
    for path in sorted(Path(sys.argv[2]).rglob("*.jpg")):
        classifier.classify(mp.Image.create_from_file(str(path)))
