"""A minimal loop that times a model on one thread with a constant input; prints the median in milliseconds.

bare_latency.py MODEL SECONDS
"""

import sys
from statistics import median
from time import perf_counter

import numpy as np
from ai_edge_litert.interpreter import Interpreter

interpreter = Interpreter(model_path=sys.argv[1], num_threads=1)
interpreter.allocate_tensors()
image_input = interpreter.get_input_details()[0]
scores_output = interpreter.get_output_details()[0]["index"]
tensor = np.full(image_input["shape"], 127, image_input["dtype"])
times = []
end = perf_counter() + float(sys.argv[2])
while perf_counter() < end:
    started = perf_counter()
    interpreter.set_tensor(image_input["index"], tensor)
    interpreter.invoke()
    interpreter.get_tensor(scores_output)
    times.append(perf_counter() - started)
print(median(times[len(times) // 10 :]) * 1000)  # noqa: T201 - the first tenth warms up
