"""Prints what must be bit-identical on every machine: run with mobiclass's Python, here and in a guest.

    python fingerprints.py PHOTO... -> {"inputs": {photo: SHA-256}, "output": SHA-256}

The inputs are the input tensors of the built-in model. The output is that of the first photo on the runtime's reference
kernels, which give the same result everywhere; the fast kernels round differently on different CPUs.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import sys

from mobiclass.hub import find_model
from mobiclass.images import Preprocessor, load_image
from mobiclass.runtime import choose_runtime
from mobiclass.tflite import read_model


def fingerprints(photos: list[str]) -> dict[str, object]:
    """Preprocess `photos` for the built-in model, and classify the first with the reference kernels."""
    file = find_model()
    model = read_model(file)
    preprocess = Preprocessor(model.input, model.preprocessing)
    tensors = {}
    for photo in photos:
        image = load_image(photo, min_height=preprocess.min_height, min_width=preprocess.min_width)
        tensors[photo] = preprocess(image)
    runtime = importlib.import_module(choose_runtime().module)
    interpreter = runtime.Interpreter(
        model_content=file.read_bytes(), experimental_op_resolver_type=runtime.OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], tensors[photos[0]])
    interpreter.invoke()
    output = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    return {
        "inputs": {photo: hashlib.sha256(tensor.tobytes()).hexdigest() for photo, tensor in tensors.items()},
        "output": hashlib.sha256(output.tobytes()).hexdigest(),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(fingerprints(sys.argv[1:])))
