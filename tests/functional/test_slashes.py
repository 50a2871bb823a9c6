"""An address with an empty segment is another one, as API Gateway sees it."""

import pytest

from tests import gateway
from tests.samples import SAMPLES


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "//v1/predictions"),
        ("POST", "/v1//predictions"),
        ("GET", "//v1/species?decimalLatitude=0&decimalLongitude=0"),
        ("GET", "//"),
    ],
)
def test_an_empty_segment_is_not_found(method, path):
    """API Gateway hands it to ``/{proxy+}``, whose answer is a problem that says so."""
    photo = SAMPLES["jaguar.jpg"].content if method == "POST" else None
    answer = gateway.call(
        method, f"https://api.invalid{path}", photo, {"Content-Type": "image/jpeg"}
    )
    assert answer.status == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.body["type"] == "/v1/problems/not-found"
