"""LitServe: a server process and a worker process."""

import sys

import litserve
from fastapi import Request

from bench.floor import Floor
from bench.frameworks.shared import model


class Classify(litserve.LitAPI):
    """The class of the photo."""

    predictor: Floor

    def setup(self, device: str) -> None:
        """Load the model in the worker."""
        del device
        self.predictor = model()

    def decode_request(self, request: Request) -> bytes:
        """The photo of the form: what arrives here is the form already."""
        content: bytes = request["photo"].file.read()
        return content

    def predict(self, x: bytes) -> int:
        """The index of its class."""
        return self.predictor(x)

    def encode_response(self, output: int) -> dict[str, int]:
        """As the others answer."""
        return {"classIndex": output}


if __name__ == "__main__":
    server = litserve.LitServer(Classify(), accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False)
