"""A typical first script: full decoding, one interpreter with all threads, one photo at a time.

plain_batch.py MODEL FOLDER
"""

import os
import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

interpreter = Interpreter(model_path=sys.argv[1], num_threads=os.cpu_count())
interpreter.allocate_tensors()
image_input = interpreter.get_input_details()[0]["index"]
scores_output = interpreter.get_output_details()[0]["index"]
for path in sorted(Path(sys.argv[2]).rglob("*.jpg")):
    image = Image.open(path).convert("RGB").resize((224, 224), Image.Resampling.BICUBIC)
    interpreter.set_tensor(image_input, np.asarray(image)[None])
    interpreter.invoke()
    interpreter.get_tensor(scores_output)
