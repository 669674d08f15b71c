"""The minimum work for a folder: decode at reduced scale, crop, run. Processes one of several parts.

bare_batch.py MODEL FOLDER PART PARTS
"""

import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

model, folder, part, parts = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
interpreter = Interpreter(model_path=model, num_threads=1)
interpreter.allocate_tensors()
image_input = interpreter.get_input_details()[0]["index"]
scores_output = interpreter.get_output_details()[0]["index"]
for path in sorted(Path(folder).rglob("*.jpg"))[part::parts]:
    file = Image.open(path)
    file.draft("RGB", (256, 256))
    image = file.convert("RGB")
    side = min(image.size) * 0.875
    left, upper = (image.width - side) / 2, (image.height - side) / 2
    box = (left, upper, left + side, upper + side)
    pixels = image.resize((224, 224), Image.Resampling.BICUBIC, box=box)
    interpreter.set_tensor(image_input, np.asarray(pixels)[None])
    interpreter.invoke()
    interpreter.get_tensor(scores_output)
