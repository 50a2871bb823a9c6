import time

import pytest

from chalicelib.http import parameters
from chalicelib.http.unknown_fields import MAXIMUM_REPORTED, unknown_fields

PREDICTION = parameters.PREDICTION_REQUEST.names


def detail(name: str, schema: parameters.RequestSchema = parameters.PREDICTION_REQUEST) -> str:
    (error,) = unknown_fields([name], schema.names, has_photo=schema.has_photo)
    assert error.field == name
    return error.detail


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("lat", "decimalLatitude"),
        ("latitude", "decimalLatitude"),
        ("decimallatitude", "decimalLatitude"),
        ("decimal_latitude", "decimalLatitude"),
        ("lng", "decimalLongitude"),
        ("lon", "decimalLongitude"),
        ("long", "decimalLongitude"),
        ("Longitude", "decimalLongitude"),
        ("decimalLongtitude", "decimalLongitude"),
        ("uncertainty", "coordinateUncertaintyInMeters"),
        ("coordinateUncertaintyInMetres", "coordinateUncertaintyInMeters"),
        ("accuracy", "coordinateUncertaintyInMeters"),
        ("date", "eventDate"),
        ("event_date", "eventDate"),
        ("language", "lang"),
        ("Limit", "limit"),
        ("GEO", "geo"),
    ],
)
def test_the_nearest_field_is_named(name, nearest):
    """Short forms, typing errors and the names of other services lead to the right field."""
    assert detail(name) == f"is not a field of this request. Did you mean `{nearest}`?"


@pytest.mark.parametrize("name", ["image", "file", "Photo", "photos", "photo", "img", "picture"])
def test_a_photo_by_another_name_is_told_where_it_goes(name):
    """``photo`` itself is no parameter: it is a part of a form, or the body."""
    assert "Send the photo in the form field `photo`, or as the body." in detail(name)


def test_the_key_of_an_upload_is_told_where_it_goes():
    """Only JSON has it: a form has the photo itself."""
    assert "as application/json" in detail("upload")
    assert "json" not in detail("upload", parameters.UPLOAD_REQUEST)


def test_a_request_without_a_photo_does_not_ask_for_one():
    """The species of a place need none."""
    assert "photo" not in detail("image", parameters.SPECIES_REQUEST)


def test_the_media_type_of_an_upload_is_found():
    """The header's own spelling leads to ``contentType``."""
    assert "`contentType`" in detail("Content-Type", parameters.UPLOAD_REQUEST)


def test_without_a_near_one_all_fields_are_named():
    """A client then sees what the request accepts."""
    assert detail("month").endswith(f"which accepts {', '.join(PREDICTION)}.")


@pytest.mark.parametrize("name", ["", "_", "_charset_", "x-trace", "X-Amz-Date"])
def test_free_names_are_ignored(name):
    """Browsers, libraries and caches use them."""
    assert unknown_fields([name], PREDICTION, has_photo=True) == []


def test_a_name_can_be_written_as_json():
    """Halves of surrogate pairs cannot; long names are cut."""
    (error,) = unknown_fields(["\ud800" + "x" * 1_000], PREDICTION, has_photo=True)
    assert error.field == "?" + "x" * 63


def test_many_unknown_names_cost_little():
    """Only the first are compared and reported."""
    start = time.process_time()
    errors = unknown_fields((f"{n}latitude" for n in range(50_000)), PREDICTION, has_photo=True)
    assert len(errors) == MAXIMUM_REPORTED
    assert time.process_time() - start < 0.5
