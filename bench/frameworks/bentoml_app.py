"""A BentoML service with one worker."""

from pathlib import Path

import bentoml

from bench.frameworks.shared import model


@bentoml.service(workers=1)
class Classify:
    """Returns the class of the photo."""

    def __init__(self) -> None:
        self.predictor = model()

    @bentoml.api
    def predict(self, photo: Path) -> dict[str, int]:
        """Return the class; BentoML writes each upload to a file."""
        return {"classIndex": self.predictor(photo.read_bytes())}
