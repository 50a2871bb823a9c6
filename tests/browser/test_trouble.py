"""Errors on the way: the page reports them, and keeps what the visitor entered."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.visit import Visit
from tests.fake_aws import Account
from tests.samples import SAMPLES
from tools.show.serving import free_port, serving

BUCKET = "rangefinder-uploads"


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Return a photo larger than the API accepts."""
    file = tmp_path_factory.mktemp("photos") / "large.jpg"
    file.write_bytes(SAMPLES["jaguar.jpg"].content + bytes(5_000_000))
    return file


@pytest.fixture
def account(account: Account) -> Account:
    """Return an AWS account with the bucket."""
    account.client("s3").create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    return account


@pytest.fixture
def visit_with_bucket(browser, account) -> Iterator[Visit]:
    """Open the page of a deployment that has the bucket."""
    environment = {**account.environment, "RANGEFINDER_UPLOADS_BUCKET": BUCKET}
    with (
        serving(environment) as base,
        Visit.begin(browser, base, hosts=(account.url,)) as visit,
    ):
        yield visit


def test_a_file_that_is_not_a_photo_is_refused(visit, tmp_path):
    """The page shows the service's error and its advice, and moves the focus there."""
    file = tmp_path / "notes.jpg"
    file.write_text("no photo")
    visit.upload(file)
    expect(visit.sees("#error-title")).to_have_text("This media type is not supported")
    expect(visit.sees("#error-help")).to_contain_text("Send JPEG, PNG, WebP or HEIC")
    assert visit.page.evaluate("document.activeElement.id") == "error"
    visit.look("no-photo")


def test_a_photo_can_be_sent_again_after_a_lost_connection(visit):
    """Once the connection is back, the page sends the same photo with the same place."""
    visit.place(-24.01, 31.49)
    visit.page.context.set_offline(True)
    visit.upload("jaguar.jpg")
    expect(visit.sees("#error-title")).to_have_text("No connection to the service")
    visit.look("offline")
    visit.page.context.set_offline(False)
    visit.press("Try again")
    expect(visit.sees("#geo")).to_contain_text("24.010° S")
    expect(visit.page.locator("#error")).to_be_hidden()


def test_an_error_of_the_gateway_is_reported(browser, base):
    """The page reports the status of API Gateway's own errors, and the visitor can try again."""

    def failing(page):
        page.route(
            "**/v1/predictions",
            lambda route: route.fulfill(status=502, json={"message": "Internal server error"}),
            times=1,
        )

    with Visit.begin(browser, base, setup=failing) as visit:
        visit.upload("jaguar.jpg")
        expect(visit.sees("#error-detail")).to_contain_text("status 502")
        visit.press("Try again")
        visit.answer("Jaguar")


def test_a_request_can_be_cancelled(browser, base):
    """After cancelling a request, the visitor can send another photo."""
    held = []

    def hold(route):
        held.append(route)

    with Visit.begin(
        browser, base, setup=lambda page: page.route("**/v1/predictions", hold, times=1)
    ) as visit:
        visit.upload("jaguar.jpg")
        visit.sees("#progress")
        visit.look("under-way")
        visit.press("Cancel")
        expect(visit.page.locator("#progress")).to_be_hidden()
        expect(visit.page.locator("#status")).to_have_text("Cancelled.")
        visit.upload("koala.jpg")
        visit.answer("Koala")
    assert len(held) == 1


def test_a_large_photo_is_uploaded_to_the_bucket(visit_with_bucket, account, large):
    """The page identifies a large photo through a presigned upload, and the bucket ends empty."""
    visit = visit_with_bucket
    visit.upload(large)
    visit.answer("Jaguar")
    assert [len(visit.asked(path)) for path in ("/v1/uploads", "/v1/predictions")] == [1, 1]
    visit.page.get_by_role("switch").check()
    expect(visit.sees("#geo")).to_contain_text("The location was ignored")
    objects = account.client("s3").list_objects_v2(Bucket=BUCKET)
    assert objects["KeyCount"] == 0


def test_a_large_photo_without_a_place_is_uploaded_once(visit_with_bucket, tmp_path):
    """After the visitor adds the place, the page identifies the photo without another upload."""
    file = tmp_path / "large.jpg"
    file.write_bytes(SAMPLES["sheep-without-gps.jpg"].content + bytes(5_000_000))
    visit = visit_with_bucket
    visit.upload(file)
    visit.sees("#place.needed")
    visit.place(52.1, -3.6)
    visit.press("Identify with this place")
    visit.sees("#results")
    assert [len(visit.asked(path)) for path in ("/v1/uploads", "/v1/predictions")] == [1, 2]


def test_without_a_bucket_a_smaller_copy_is_offered(visit, large):
    """The smaller copy has no position, so the page asks for one before it sends the copy."""
    visit.upload(large)
    expect(visit.sees("#error-detail")).to_contain_text("5.1 MB. The limit is 4.7 MB")
    visit.look("too-large")
    visit.press("Send a smaller copy")
    visit.sees("#place.needed")
    visit.place(-17.36, -56.78)
    visit.press("Identify with this place")
    visit.answer("Jaguar")


def test_a_service_without_its_database_is_reported(browser):
    """The page says that the data on places and the range are unavailable."""
    environment = {
        "RANGEFINDER_MYSQL_URL": f"mysql://a:b@127.0.0.1:{free_port()}/rangefinder",
        "RANGEFINDER_EMBEDDED_FALLBACK": "off",
    }
    with serving(environment) as base, Visit.begin(browser, base) as visit:
        visit.upload("jaguar.jpg")
        expect(visit.sees("#geo")).to_contain_text("The data on places are unavailable")
        expect(visit.sees("#range-status")).to_contain_text(re.compile("could not be loaded"))
        visit.look("degraded")
