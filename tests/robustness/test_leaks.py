"""Requests leak no descriptors, threads or connections, whether they succeed or fail."""

import os
import threading

from chalicelib.bootstrap import LOOKUP_THREADS, Services
from chalicelib.domain import WHOLE_YEAR, GeoStatus
from chalicelib.identify import IdentifyRequest
from chalicelib.settings import Settings
from tests.conftest import PLACES, load_places
from tests.forms import FORM_TYPE, form
from tests.gateway import call
from tests.samples import SAMPLES
from tests.servers import mariadb

JPEG = SAMPLES["jaguar.jpg"].content
QUESTIONS = (
    (200, form(("photo", JPEG)), FORM_TYPE),
    (200, SAMPLES["koala.heic"].content, "image/heic"),
    (200, SAMPLES["scarlet-macaw.png"].content, "image/png"),
    (422, SAMPLES["sheep-without-gps.jpg"].content, "image/jpeg"),
    (422, form(("photo", JPEG[:2_000])), FORM_TYPE),
    (400, form(("photo", JPEG))[:-40], FORM_TYPE),
    (415, b"no photo at all", "image/jpeg"),
)
"""Status, body and media type of requests that succeed or fail in different ways."""


def test_requests_leak_no_descriptor_and_no_thread():
    """175 requests, failed requests included, leave only the threads of the lookup pool behind."""

    def send_all() -> None:
        for status, body, media_type in QUESTIONS:
            answer = call("POST", "/v1/predictions", body, {"Content-Type": media_type})
            assert answer.status == status

    for _ in range(5):  # Opens everything that stays open.
        send_all()
    descriptors, threads = os.listdir("/proc/self/fd"), set(threading.enumerate())  # noqa: PTH208
    for _ in range(25):
        send_all()
    assert os.listdir("/proc/self/fd") == descriptors  # noqa: PTH208
    added = [thread.name for thread in threading.enumerate() if thread not in threads]
    assert all(name.startswith("features") for name in added)
    assert len(added) <= LOOKUP_THREADS


def test_an_environment_opens_one_connection_to_the_database(tmp_path):
    """After forty lookups, the server has one more connection than before."""
    with mariadb(tmp_path / "mariadb") as server:
        load_places(server.url)
        settings = {"RANGEFINDER_MYSQL_URL": server.url, "RANGEFINDER_MEMORY_CACHE_ENTRIES": "0"}
        services = Services.build(Settings.from_environment(settings))
        own = server.counters()["Threads_connected"]
        for place in list(PLACES.values()) * 10:
            answer = services.identify(IdentifyRequest(JPEG, place))
            assert answer.geo.status is GeoStatus.APPLIED
        assert server.counters()["Threads_connected"] == own + 1
        assert services.places.look_up(PLACES["Elbe"], WHOLE_YEAR).status is GeoStatus.APPLIED
