"""A minimal script that classifies a photo: import, load, decode, run; without labels, checks and formats."""

import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

interpreter = Interpreter(model_path=sys.argv[1])
interpreter.allocate_tensors()
image_input, scores_output = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
_, height, width, _ = image_input["shape"]
image = Image.open(sys.argv[2]).convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
interpreter.set_tensor(image_input["index"], np.asarray(image)[None])
interpreter.invoke()
scores = interpreter.get_tensor(scores_output["index"])[0]
print(np.argsort(scores)[-5:])  # noqa: T201
