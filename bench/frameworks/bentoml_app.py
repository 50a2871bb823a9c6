"""BentoML: one worker."""

from pathlib import Path

import bentoml

from bench.frameworks.shared import model


@bentoml.service(workers=1)
class Classify:
    """The class of the photo."""

    def __init__(self) -> None:
        self.predictor = model()

    @bentoml.api
    def predict(self, photo: Path) -> dict[str, int]:
        """BentoML writes an upload to a file."""
        return {"classIndex": self.predictor(photo.read_bytes())}
