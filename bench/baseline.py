"""The baseline of the benchmarks: decode, resize and run the model, and nothing else.

``python -m bench.baseline SECONDS PHOTO...`` repeats this and prints the number of predictions. The
service adds HTTP, the place, names, logs and metrics; the difference to the baseline is their
cost. The baseline decodes JPEGs at a reduced scale, as the service does.
"""

import io
import json
import sys
import time
from itertools import cycle
from pathlib import Path
from typing import Any, Final

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from PIL import Image

MODEL: Final = Path(__file__).parent.parent / "chalicelib" / "data" / "model"
CARD: Final = json.loads((MODEL / "model.json").read_bytes())


class Baseline:
    """Predicts with Pillow and the model of the service, from JPEG and HEIC."""

    def __init__(self, threads: int | None, *, is_reduced: bool = True) -> None:
        self.is_reduced = is_reduced
        self.interpreter: Any = Interpreter(str(MODEL / CARD["file"]), num_threads=threads)
        self.interpreter.allocate_tensors()
        self.input = self.interpreter.get_input_details()[0]["index"]
        self.output = self.interpreter.get_output_details()[0]["index"]

    def decode(self, photo: bytes) -> NDArray[np.float32]:
        """Return the central square of the photo at the size of the model's input."""
        image: Image.Image = Image.open(io.BytesIO(photo))
        side, crop = CARD["input"]["width"], CARD["input"]["cropFraction"]
        if self.is_reduced:
            scale = 2 * side / crop / min(image.size)
            image.draft("RGB", (round(image.width * scale), round(image.height * scale)))
        square = crop * min(image.size)
        left, top = (image.width - square) / 2, (image.height - square) / 2
        box = (left, top, left + square, top + square)
        small = image.resize((side, side), Image.Resampling.BILINEAR, box)
        return np.asarray(small, np.float32)

    def __call__(self, photo: bytes) -> int:
        """Return the index of the likeliest class."""
        self.interpreter.set_tensor(self.input, self.decode(photo)[np.newaxis])
        self.interpreter.invoke()
        return int(self.interpreter.get_tensor(self.output)[0].argmax())


def main() -> None:
    """Predict with one thread until the time is over, and print the number of predictions."""
    seconds, *paths = sys.argv[1:]
    predict, number = Baseline(threads=1), 0
    photos = cycle([Path(path).read_bytes() for path in paths])
    predict(next(photos))
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        predict(next(photos))
        number += 1
    print(number)


if __name__ == "__main__":
    main()
