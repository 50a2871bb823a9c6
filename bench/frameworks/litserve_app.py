"""A LitServe server: one server process and one worker process."""

import sys

import litserve
from fastapi import Request

from bench.baseline import Baseline
from bench.frameworks.shared import model


class Classify(litserve.LitAPI):
    """Returns the class of the photo."""

    predictor: Baseline

    def setup(self, device: str) -> None:
        """Load the model in the worker."""
        del device
        self.predictor = model()

    def decode_request(self, request: Request) -> bytes:
        """Return the photo; ``request`` is the parsed form."""
        content: bytes = request["photo"].file.read()
        return content

    def predict(self, x: bytes) -> int:
        """Return the index of the class."""
        return self.predictor(x)

    def encode_response(self, output: int) -> dict[str, int]:
        """Return the same JSON as the other frameworks."""
        return {"classIndex": output}


if __name__ == "__main__":
    server = litserve.LitServer(Classify(), accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False)
