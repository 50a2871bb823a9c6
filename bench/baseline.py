"""The least that a prediction can be: decode, resize, run the model. By hand, and no more.

``python -m bench.floor SECONDS PHOTO...`` does so over and over and prints how often it could.
What remains between this and the service is what the service adds: HTTP, the place, names,
logs and metrics. It decodes JPEGs at the reduced scale that the service uses, since anybody
who cares for speed would.
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


class Floor:
    """The model of the service and Pillow, for JPEG and HEIC."""

    def __init__(self, threads: int | None, *, is_reduced: bool = True) -> None:
        self.is_reduced = is_reduced
        self.interpreter: Any = Interpreter(str(MODEL / CARD["file"]), num_threads=threads)
        self.interpreter.allocate_tensors()
        self.input = self.interpreter.get_input_details()[0]["index"]
        self.output = self.interpreter.get_output_details()[0]["index"]

    def decode(self, photo: bytes) -> NDArray[np.float32]:
        """The square in the middle of the photo, as the model wants it."""
        image: Image.Image = Image.open(io.BytesIO(photo))
        side, kept = CARD["input"]["width"], CARD["input"]["cropFraction"]
        if self.is_reduced:
            scale = 2 * side / kept / min(image.size)
            image.draft("RGB", (round(image.width * scale), round(image.height * scale)))
        square = kept * min(image.size)
        left, top = (image.width - square) / 2, (image.height - square) / 2
        box = (left, top, left + square, top + square)
        small = image.resize((side, side), Image.Resampling.BILINEAR, box)
        return np.asarray(small, np.float32)

    def __call__(self, photo: bytes) -> int:
        """The index of the likeliest class."""
        self.interpreter.set_tensor(self.input, self.decode(photo)[np.newaxis])
        self.interpreter.invoke()
        return int(self.interpreter.get_tensor(self.output)[0].argmax())


def main() -> None:
    """Predict with one thread until the time is over."""
    seconds, *paths = sys.argv[1:]
    floor, number = Floor(threads=1), 0
    photos = cycle([Path(path).read_bytes() for path in paths])
    floor(next(photos))
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        floor(next(photos))
        number += 1
    print(number)


if __name__ == "__main__":
    main()
