"""Photos and places are private: nothing that is written or kept tells of them."""

import json
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
import redis
from chalice.app import Request, Response
from msgspec.structs import replace

from app import services as deployed
from chalicelib.domain import Coordinates
from chalicelib.features.cache_aside import CacheAside, CachePolicy
from chalicelib.features.cells import cell_chain
from chalicelib.features.place_service import Places
from chalicelib.features.redis_cache import RedisCache, RedisOptions
from chalicelib.features.shared_cache import SharedCachedFeatures
from chalicelib.features.sqlite import EmbeddedFeatures
from chalicelib.http import endpoints
from chalicelib.http.problems import with_problem_responses
from chalicelib.identify import IdentifyRequest
from chalicelib.ports import FeatureRepository, Runtime
from chalicelib.settings import Settings
from tests.fakes import FakeFeatures
from tests.forms import BOUNDARY, FORM_TYPE, form
from tests.gateway import call
from tests.samples import SAMPLES

JAGUAR = SAMPLES["jaguar.jpg"].content
PLACE: dict[str, Any] = {"decimalLatitude": "-23.987654", "decimalLongitude": "31.554321"}
CELLS = cell_chain(Coordinates(-23.987654, 31.554321))
KEY = "uploads/0123456789abcdef0123456789abcdef"

SECRETS = (
    "23.98", "31.55", "-17.36", "56.77",  # the caller's place, and the photo's own
    "photo.jpg", "2021-03", "Exif", "JFIF", BOUNDARY.decode(), "0123456789abcdef", "Panthera",
)  # fmt: skip


def predict(photo: bytes = JAGUAR, **fields: str):
    body = form(("photo", photo), *fields.items())
    return call("POST", "/v1/predictions", body, {"Content-Type": FORM_TYPE})


def request(**fields: str) -> Request:
    """The same to a service other than the deployed one."""
    return Request(
        {
            "multiValueQueryStringParameters": None,
            "headers": {"content-type": FORM_TYPE},
            "pathParameters": {},
            "requestContext": {"httpMethod": "POST", "resourcePath": "/v1/predictions"},
            "body": form(("photo", JAGUAR), *fields.items()),
            "stageVariables": {},
        }
    )


@pytest.fixture
def written(capsys, log) -> Callable[[], str]:
    """All logs and metrics since the test began."""
    return lambda: capsys.readouterr().out + json.dumps(log())


def assert_secret(text: str, *others: str) -> None:
    for secret in (*SECRETS, *others):
        assert secret not in text


def test_nothing_is_written_of_a_photo_or_its_place(written):
    """No coordinate, file name, date, cell, key or byte, whatever goes well or wrong."""
    predict(**PLACE, eventDate="2021-03-04")
    predict()
    problems = [
        predict(**{**PLACE, "limit": "many"}),
        predict(**{**PLACE, "decimalLatitude": "-123.987654"}),
        predict(decimalLatitude="-23.987654"),
        predict(JAGUAR[:5_000], **PLACE),
        predict(b"GIF89a photo.jpg", **PLACE),
        predict(SAMPLES["sheep-without-gps.jpg"].content),
        predict(JAGUAR * 40, **PLACE),
        call("GET", "/v1/species?decimalLatitude=-23.987654&decimalLongitude=331.554321"),
        call("POST", "/v1/predictions", form(("photo", JAGUAR))[:-9], {"Content-Type": FORM_TYPE}),
        call("POST", "/v1/predictions", JAGUAR, {"Content-Type": "image/gif"}),
        call("POST", "/v1/predictions", json.dumps({"upload": KEY}).encode(),
             {"Content-Type": "application/json"}),
    ]  # fmt: skip
    assert {one.status for one in problems} == {400, 413, 415, 422, 501}
    call("GET", "/v1/species?decimalLatitude=-23.987654&decimalLongitude=31.554321")
    text = written()
    assert text.count("answered") == 14
    assert_secret(text, *CELLS)
    for one in problems:
        assert_secret(json.dumps(one.body), *CELLS)


def test_a_file_name_is_nowhere(written):
    """Not in an answer and not in a log, whether the form can be parsed or not."""
    whole = form(("photo", JAGUAR)).replace(b"photo.jpg", b"J\xe4ger at -23.98.jpg")
    for body, status in (
        (whole, 200),
        (whole[:-9], 400),
        (whole.replace(b"\r\n\r\n", b"\r\nno colon \xe4\r\n\r\n", 1), 400),
        (whole.replace(b"form-data", b"attachment"), 400),
        (whole.replace(b'name="photo"', b'name="picture"'), 422),
    ):
        answer = call("POST", "/v1/predictions", body, {"Content-Type": FORM_TYPE})
        assert answer.status == status
        text = json.dumps(answer.body, ensure_ascii=False) + written()
        assert not any(part in text for part in ("ger at", "23.98", "\\xe4", "multipart stream"))


def test_a_crash_tells_where_and_not_what(written):
    """An exception's message may hold all that was asked."""

    def crash(query: IdentifyRequest):
        raise ValueError(query)

    # The deployed services with a pipeline that fails; Identify is a class, this a function.
    broken = replace(deployed, identify=crash)
    predict = with_problem_responses(endpoints.predict)
    answer = predict(request(**PLACE, eventDate="2021-03-04"), broken)
    assert answer.status_code == 500
    text = written()
    assert "ValueError" in text
    assert "in crash" in text
    assert_secret(text + answer.body, *CELLS)


def predict_with(features: FeatureRepository) -> Response:
    """Ask the deployed services, but for where the features come from."""
    places = Places(features)
    services = replace(deployed, identify=replace(deployed.identify, places=places))
    return endpoints.predict(request(**PLACE), services)


def test_caches_know_no_more_than_the_cell(empty_redis, written):
    """Neither its keys nor its values, while it works; no line, once it is out of reach."""
    process = Runtime(lambda: "owner", time.time, time.sleep, lambda: 0.5)
    embedded = EmbeddedFeatures(Settings().features_file)
    with closing(embedded):
        for url in (empty_redis, "redis://127.0.0.1:1"):
            with closing(RedisCache(RedisOptions(url, timeout=5.0), time.monotonic)) as cache:
                aside = CacheAside(cache, CachePolicy(), process, lambda work: work())
                shared = SharedCachedFeatures(embedded, aside)
                assert predict_with(shared).status_code == 200
    with redis.Redis.from_url(empty_redis) as client:
        keys = list(client.scan_iter("*"))
        kept = repr([(key, client.get(key)) for key in keys])
    assert any(CELLS[0] in key.decode() for key in keys)
    assert_secret(kept)
    assert_secret(written(), *CELLS)


def test_without_features_neither_answer_nor_log_says_more(written):
    """Degraded: all stores are out of reach."""
    answer = predict_with(FakeFeatures(is_down=True))
    assert json.loads(answer.body)["geo"]["status"] == "degraded"
    assert_secret(written(), *CELLS)
