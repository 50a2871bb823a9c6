import json
from functools import partial

import pytest
from chalice.app import Request
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.domain import MAX_UNCERTAINTY_METRES, Coordinates, EventDate
from chalicelib.errors import (
    InvalidInput,
    MalformedRequest,
    PhotoTooLarge,
    RangefinderError,
    UnsupportedMediaType,
)
from chalicelib.http import body as bodies
from chalicelib.http import parameters, requests
from chalicelib.http.body import RequestLimits
from chalicelib.http.requests import ResponseOptions
from chalicelib.identify import IdentifyRequest
from tests.forms import BOUNDARY, FORM_TYPE, form
from tests.strategies import form_bodies

LIMITS = RequestLimits(
    photo_bytes=1_000_000, form_parts=16, part_header_bytes=4_096, field_bytes=256
)
PHOTO = b"\xff\xd8\xff photo \r\n--not-a-boundary\r\n"


def request(
    content: bytes = b"", content_type: str | None = "image/jpeg", query: dict | None = None
) -> Request:
    return Request(
        {
            "multiValueQueryStringParameters": query,
            "headers": {"content-type": content_type} if content_type else {},
            "pathParameters": {},
            "requestContext": {"httpMethod": "POST", "resourcePath": "/"},
            "body": content,
            "stageVariables": {},
        }
    )


def ask(content: bytes = PHOTO, content_type: str = "image/jpeg", **query: str):
    query_parameters = {name: [value] for name, value in query.items()}
    return requests.read_prediction(
        request(content, content_type, query_parameters or None), LIMITS
    )


def ask_form(*fields: tuple[str, bytes | str]):
    return ask(form(*fields), FORM_TYPE)


def ask_json(**members: object):
    return ask(json.dumps(members).encode(), "application/json")


def faults(call, *arguments, **query) -> dict[str, str]:
    with pytest.raises(InvalidInput) as caught:
        call(*arguments, **query)
    return dict(caught.value.errors)


def test_a_form_and_a_raw_body_give_the_same_request():
    """A client may use either."""
    fields = {
        "decimalLatitude": "-17.36",
        "decimalLongitude": "-56.78",
        "coordinateUncertaintyInMeters": "30",
        "eventDate": "2024-08-19",
        "geo": "off",
        "limit": "3",
        "lang": "pt-BR",
    }
    by_form, options = ask_form(("photo", PHOTO), *fields.items())
    assert (by_form, options) == ask(PHOTO, **fields)
    assert by_form.photo == PHOTO
    assert by_form.coordinates == Coordinates(-17.36, -56.78)
    assert by_form.uncertainty == 30
    assert by_form.event_date == EventDate("2024-08-19", 8)
    assert by_form.use_geo is False
    assert options == ResponseOptions(3, "pt-BR")


def test_a_photo_alone_is_enough():
    """All other fields have defaults; an empty field counts as absent."""
    identify_request, options = ask_form(
        ("photo", PHOTO), ("decimalLatitude", ""), ("eventDate", " ")
    )
    assert identify_request == IdentifyRequest(PHOTO)
    assert options == ResponseOptions(parameters.CANDIDATES.default, "en")


def test_a_form_may_put_its_fields_in_the_query():
    """Each field must be given only once."""
    content = form(("photo", PHOTO), ("geo", "off"))
    identify_request, options = ask(content, FORM_TYPE, limit="2")
    assert (identify_request.use_geo, options.limit) == (False, 2)
    assert "only once" in faults(ask, content, FORM_TYPE, geo="on")["geo"]


def test_every_faulty_field_is_named_at_once():
    """A client can correct them together."""
    details = faults(
        ask,
        decimalLatitude="91",
        decimalLongitude="east",
        coordinateUncertaintyInMeters="0",
        eventDate="yesterday",
        geo="maybe",
        limit="0",
        lang="-",
    )
    assert list(details) == [
        "decimalLatitude",
        "decimalLongitude",
        "coordinateUncertaintyInMeters",
        "eventDate",
        "geo",
        "limit",
        "lang",
    ]


@pytest.mark.parametrize("text", ["nan", "inf", "1e999", "0x10", "1_0", "٣", "1,5", "--1", "+"])
def test_python_s_own_number_formats_are_refused(text):
    """NaN, infinities, underscores and other digits than ASCII are not numbers."""
    assert "decimalLatitude" in faults(ask, decimalLatitude=text, decimalLongitude="0")


@pytest.mark.parametrize("text", ["-90", "+90.0", "0", ".5", "4e1"])
def test_every_decimal_number_is_accepted(text):
    """The poles are valid latitudes."""
    identify_request, _ = ask(decimalLatitude=text, decimalLongitude="180")
    assert identify_request.coordinates == Coordinates(float(text), 180.0)


@pytest.mark.parametrize(
    ("given", "missing"),
    [("decimalLatitude", "decimalLongitude"), ("decimalLongitude", "decimalLatitude")],
)
def test_one_coordinate_is_not_a_place(given, missing):
    """The error names the missing coordinate."""
    assert list(faults(ask, **{given: "10"})) == [missing]


@pytest.mark.parametrize(
    ("text", "month"),
    [
        ("2024", None),
        ("2024-02", 2),
        ("2024-02-29", 2),
        ("2024-12-31T23:59:59Z", 12),
        ("2024-07-01T12:00:00+02:00", 7),
    ],
)
def test_a_date_may_be_incomplete(text, month):
    """Darwin Core allows a year or a month alone."""
    assert ask(eventDate=text)[0].event_date == EventDate(text, month)


@pytest.mark.parametrize("text", ["2023-02-29", "2024-13", "24-1-1", "2024-01T10:00", "0000"])
def test_an_invalid_date_is_refused(text):
    """The error has an example of a valid date."""
    assert "ISO 8601" in faults(ask, eventDate=text)["eventDate"]


def test_a_form_without_a_photo_names_the_photo():
    """It does so also if other fields are faulty."""
    assert set(faults(ask_form, ("limit", "x"))) == {"photo", "limit"}


def test_two_photos_are_refused():
    """The service could not know which photo to use."""
    assert set(faults(ask_form, ("photo", PHOTO), ("photo", PHOTO))) == {"photo"}


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (form(("photo", PHOTO)), "multipart/form-data"),
        (form(("photo", PHOTO))[:-10], FORM_TYPE),
        (form(("photo", PHOTO)), "multipart/form-data; boundary=another"),
        (b"", FORM_TYPE),
        (b"photo=1", FORM_TYPE),
        (form(*((f"field{i}", "x") for i in range(10_000))), FORM_TYPE),
        (b"--" + BOUNDARY + b"\r\n" + b"X: " + b"y" * 100_000, FORM_TYPE),
    ],
)
def test_an_invalid_form_is_malformed(body, content_type):
    """No boundary, cut off, empty, ten thousand parts: no field can be trusted."""
    with pytest.raises(MalformedRequest):
        ask(body, content_type)


def test_a_body_that_is_too_large_is_refused_before_it_is_parsed():
    """It may be malformed as well."""
    with pytest.raises(PhotoTooLarge):
        ask(b"x" * (LIMITS.body_bytes + 1), FORM_TYPE)


@pytest.mark.parametrize("value", [b"\xff\xfe", b"9" * 1000])
def test_a_field_that_is_not_a_short_text_is_named(value):
    """Only the photo may be long and binary."""
    assert set(faults(ask_form, ("photo", PHOTO), ("limit", value))) == {"limit"}


PART_HEAD = b"--" + BOUNDARY + b"\r\nContent-Disposition: form-data; name="
VALID_FORM = form(("photo", PHOTO))


@given(st.binary(max_size=2000))
@example(VALID_FORM)
@example(VALID_FORM.removeprefix(PART_HEAD))
def test_any_body_gives_a_request_or_an_error_of_ours(content):
    """No parser's own exception escapes, and a valid form is not refused."""
    for candidate in (content, PART_HEAD + content):
        try:
            ask(candidate, FORM_TYPE)
        except RangefinderError:
            assert candidate != VALID_FORM


@given(form_bodies())
@example(VALID_FORM)
def test_any_form_gives_a_request_or_an_error_of_ours(content):
    """A photo is a part of the form that was sent. A valid form is not refused."""
    try:
        identify_request, _ = ask(content, FORM_TYPE)
    except RangefinderError:
        assert content != VALID_FORM
        return
    assert identify_request.photo
    assert identify_request.photo in content


@pytest.mark.parametrize(
    ("limits", "body"),
    [
        ({"form_parts": 2}, form(("photo", PHOTO), ("geo", "off"), ("limit", "3"))),
        ({"part_header_bytes": 40}, form(("photo", PHOTO), ("geo", "off"), ("limit", "3"))),
        ({"field_bytes": 2}, form(("photo", PHOTO), ("geo", "off"), ("limit", "3"))),
    ],
)
def test_each_limit_of_a_form_is_the_one_that_was_set(limits, body):
    """The same form is accepted under higher limits."""
    assert ask(body, FORM_TYPE)[1].limit == 3
    with pytest.raises((MalformedRequest, InvalidInput)):
        requests.read_prediction(request(body, FORM_TYPE), LIMITS._replace(**limits))


@pytest.mark.parametrize("body", ["not base64", "é", "A", "\ud800"])
@pytest.mark.parametrize("is_base64", [True, False])
def test_a_body_that_is_not_as_the_event_says_is_malformed(body, is_base64):
    """API Gateway does not send such a body, but a direct invocation can."""
    event = request(b"", FORM_TYPE).to_original_event()
    event |= {"body": body, "isBase64Encoded": is_base64}
    with pytest.raises(MalformedRequest):
        requests.read_prediction(Request(event), LIMITS)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"upload": ' * 90_000,
        b'{"upload": {"key": "x"}}',
        b'{"upload": "x", "limit": ' + b"9" * 100_000 + b"}",
        b'{"upload": "x", "decimalLatitude": 1e999}',
        b'{"upload": "x", "decimalLatitude": NaN}',
        b'{"upload": "\\ud800"}',
        b'{"upload": true}',
        b"\xff\xfe",
        b"",
    ],
)
def test_json_that_is_not_a_flat_object_is_malformed(body):
    """This holds for deep nesting, long bodies and large numbers."""
    with pytest.raises(MalformedRequest):
        ask(body, "application/json")


@pytest.mark.parametrize("text", ["\ud800", "1\udfff", "\0", "1" * 5_000, "-" * 5_000, "1e999999"])
def test_a_parameter_of_any_text_is_refused_by_its_name(text):
    """This includes halves of surrogate pairs, which API Gateway's JSON can have."""
    fields = ("decimalLatitude", "coordinateUncertaintyInMeters", "eventDate", "geo", "limit")
    assert set(faults(ask, **dict.fromkeys(fields, text))) == {*fields, "decimalLongitude"}


@pytest.mark.parametrize(
    "text",
    ["1_0", "+5", "-5", "5.0", "5e0", "٣", "0x5", "0", "401", "9" * 5_000, "0" * 8 + "1999"],
)
def test_only_decimal_digits_are_a_whole_number(text):
    """Python's own notations are refused, and so is what is out of range."""
    assert faults(ask, limit=text) == {"limit": "must be a whole number from 1 to 400."}
    query = {"month": [text]}
    assert list(faults(lambda: requests.read_range(request(query=query)))) == ["month"]


@pytest.mark.parametrize(("text", "number"), [("1", 1), ("400", 400), ("007", 7), (" 12 ", 12)])
def test_the_first_and_the_last_whole_number_are_accepted(text, number):
    """The bounds belong to the range; spaces around a value do not count."""
    assert ask(limit=text)[1].limit == number


@pytest.mark.parametrize(("text", "month"), [("1", 1), ("12", 12)])
def test_january_and_december_are_months(text, month):
    """The bounds belong to the range."""
    assert requests.read_range(request(query={"month": [text]})) == (month, "en")
    assert "month" in faults(lambda: requests.read_range(request(query={"month": ["13"]})))


@pytest.mark.parametrize(
    ("uncertainty", "is_accepted"),
    [("0", False), ("0.01", True), (str(MAX_UNCERTAINTY_METRES), True),
     (str(MAX_UNCERTAINTY_METRES + 1), False)],
)  # fmt: skip
def test_an_uncertainty_is_above_zero_and_at_most_half_the_earth_s_girth(uncertainty, is_accepted):
    """No position is exact."""
    call = partial(ask, decimalLatitude="1", decimalLongitude="2")
    if is_accepted:
        identify_request, _ = call(coordinateUncertaintyInMeters=uncertainty)
        assert identify_request.uncertainty == float(uncertainty)
    else:
        details = faults(call, coordinateUncertaintyInMeters=uncertainty)
        assert list(details) == ["coordinateUncertaintyInMeters"]


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/xml", "application/pdf", "image/gif; charset=x", "video/mp4"],
)
def test_a_photo_of_another_declared_type_is_refused(content_type):
    """Its bytes are a photo, so nothing but the type is wrong with it."""
    with pytest.raises(UnsupportedMediaType, match="is not an accepted Content-Type") as caught:
        ask(PHOTO, content_type)
    assert "image/jpeg" in caught.value.accepted


def test_a_photo_and_a_body_of_the_largest_size_are_accepted():
    """One byte more is too large."""
    largest = bytes(LIMITS.photo_bytes)
    assert ask(largest)[0].photo == largest
    assert ask(form(("photo", largest)), FORM_TYPE)[0].photo == largest
    for content, kind in (
        (largest + b"x", "image/jpeg"),
        (form(("photo", largest + b"x")), FORM_TYPE),
    ):
        with pytest.raises(PhotoTooLarge) as caught:
            ask(content, kind)
        assert (caught.value.actual, caught.value.limit) == (1_000_001, 1_000_000)
    padded = form(("photo", PHOTO)).ljust(LIMITS.body_bytes, b"\n")
    assert ask(padded, FORM_TYPE)[0].photo == PHOTO
    with pytest.raises(PhotoTooLarge):
        ask(padded + b"\n", FORM_TYPE)


def test_a_field_and_a_json_body_of_the_largest_size_are_accepted():
    """One byte more is refused."""
    longest = "a" * LIMITS.field_bytes
    assert ask_json(upload=longest)[0].upload == longest
    assert list(faults(ask_json, upload=longest + "a")) == ["upload"]
    content = b'{"upload": "x"}'.ljust(LIMITS.fields_bytes)
    assert ask(content, "application/json")[0].upload == "x"
    with pytest.raises(MalformedRequest):
        ask(content + b" ", "application/json")


def test_a_species_list_needs_a_place():
    """If both coordinates are missing, both are named."""
    details = faults(lambda: requests.read_species(request(query=None)))
    assert set(details) == {"decimalLatitude", "decimalLongitude"}


def test_a_species_list_takes_uncertainty_month_and_limit():
    """Without them, the list has all animals of the whole year."""
    query = {"decimalLatitude": ["1"], "decimalLongitude": ["2"]}
    assert requests.read_species(request(query=query)) == (
        Coordinates(1.0, 2.0),
        0,
        ResponseOptions(parameters.MAXIMUM_LIMIT, "en"),
    )
    query |= {"coordinateUncertaintyInMeters": ["9000"], "month": ["6"], "limit": ["7"]}
    point = Coordinates(1.0, 2.0, 9000.0)
    assert requests.read_species(request(query=query)) == (
        point,
        6,
        ResponseOptions(7, "en"),
    )
    assert "month" in faults(
        lambda: requests.read_species(request(query=query | {"month": ["13"]}))
    )


def part(head: str, content: bytes = b"") -> bytes:
    """Return a form of one part more than a photo, with the part's Content-Disposition as given."""
    lines = [b"--" + BOUNDARY, f"Content-Disposition: form-data; {head}".encode(), b"", content]
    return b"\r\n".join([*lines, form(("photo", PHOTO))])


@pytest.mark.parametrize("content_type", [*bodies.BINARY_TYPES[1:], "IMAGE/JPEG", None])
def test_a_raw_body_is_read_whatever_it_is_called(content_type):
    """The bytes tell the format, so old names, curl's default and no type are all accepted."""
    identify_request, _ = requests.read_prediction(request(PHOTO, content_type), LIMITS)
    assert identify_request.photo == PHOTO


@pytest.mark.parametrize(
    ("content_type", "body"),
    [(None, "hello"), ("image/jpeg", "\ufffd\ufffd\ufffd"), (FORM_TYPE, "--x\r\n\ufffd")],
)
def test_a_photo_that_arrived_as_text_is_not_taken_for_a_damaged_one(content_type, body):
    """API Gateway passes on as text what it does not know as binary. The error says what helps."""
    event = request(b"", content_type).to_original_event() | {"body": body}
    with pytest.raises(UnsupportedMediaType, match="Send a Content-Type") as caught:
        requests.read_prediction(Request(event), LIMITS)
    assert "image/jpeg" in caught.value.accepted


@pytest.mark.parametrize(
    "name", [b"J\xe4ger.jpg", b"\xff\xfe.jpg", "Jäger.jpg".encode(), b"%", b""]
)
def test_a_file_name_of_any_encoding_is_not_used(name):
    """Windows sends names in its own code page."""
    content = form(("photo", PHOTO)).replace(b"photo.jpg", name)
    assert ask(content, FORM_TYPE)[0].photo == PHOTO


@pytest.mark.parametrize(
    "content",
    [
        form(("photo", PHOTO)).replace(b"photo.jpg", b"secret.jpg")[:-10],
        form(("photo", PHOTO)).replace(b"; filename", b": secret\r\nsecret\r\n; filename"),
        form(("photo", PHOTO)).replace(b"form-data", b"secret"),
        part("name=secret\r\nContent-Length: secret"),
        form(*((f"secret{i}", "x") for i in range(100))),
        part("name=x\r\nsecret: " + "x" * 5_000),
    ],
)
def test_an_invalid_form_is_refused_in_our_own_words(content):
    """The parser's texts quote what was sent, such as file names."""
    with pytest.raises(
        MalformedRequest, match=r"The form (cannot be parsed|is too complex)"
    ) as caught:
        ask(content, FORM_TYPE)
    assert "secret" not in str(caught.value)


def test_a_boundary_that_is_not_text_is_malformed():
    """A header may have half a surrogate pair."""
    with pytest.raises(MalformedRequest):
        ask(form(("photo", PHOTO)), 'multipart/form-data; boundary="\udcff"')


@pytest.mark.parametrize(
    "extra",
    [
        part('name="_charset_"', b"UTF-8"),
        part('name=""', b"x"),
        part('name="other"; filename=""'),
        part('name="photo"; filename=""'),
        part('name="X-Request-Id"', b"x" * 1_000),
        part('name="_token"', b"\xff" * 1_000),
    ],
)
def test_parts_that_browsers_and_libraries_add_are_harmless(extra):
    """File inputs without a file, names that begin with _ or x-, and parts without a name."""
    assert ask(extra, FORM_TYPE)[0] == IdentifyRequest(PHOTO)


def test_the_same_names_are_free_in_the_query_and_in_json():
    """A client may add a number to get past a cache."""
    assert ask(PHOTO, **{"_": "1", "x-trace": "2"})[0] == IdentifyRequest(PHOTO)
    content = b'{"upload": "key", "_comment": "mine", "x-trace": 2}'
    assert ask(content, "application/json")[0] == IdentifyRequest(b"", upload="key")


def test_a_photo_under_another_name_is_named():
    """Both errors are given: the field that is unknown, and the one that is missing."""
    details = faults(ask_form, ("image", PHOTO * 1_000))
    assert set(details) == {"image", "photo"}
    assert "form field `photo`" in details["image"]


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (lambda name: ask(PHOTO, "image/jpeg", **{name: "1"}), "query of a raw body"),
        (lambda name: ask_form(("photo", PHOTO), (name, "1")), "form"),
        (
            lambda name: ask(form(("photo", PHOTO)), FORM_TYPE, **{str(name): "1"}),
            "query of a form",
        ),
        (lambda name: ask_json(upload="x", **{name: 1}), "JSON"),
        (lambda name: ask_json(upload="x", **{name: None}), "JSON, null"),
        (lambda name: requests.read_species(request(query={name: ["1"]})), "species"),
        (lambda name: requests.read_range(request(query={name: ["1"]})), "range"),
        (lambda name: requests.read_upload(request(query={name: ["1"]}), LIMITS), "upload"),
        (
            lambda name: requests.read_upload(request(json.dumps({name: 1}).encode()), LIMITS),
            "upload, JSON",
        ),
    ],
)  # fmt: skip
def test_every_request_refuses_unknown_fields(call, kind):
    """No place where a field can be ignores an unknown one."""
    assert "is not a field of this request" in faults(call, "latitudes")["latitudes"], kind


def test_json_is_not_larger_than_a_form_s_fields():
    """A photo is not JSON; millions of members would take much memory."""
    content = b'{"upload": "x", %s}' % b",".join(b'"_%d": 1' % number for number in range(9_999))
    with pytest.raises(MalformedRequest, match="at most 69,632"):
        ask(content, "application/json")


def test_a_large_photo_is_shown_the_uploads_only_if_there_are_any():
    """Without a bucket, POST /v1/uploads answers 501."""
    for content, kind in (
        (PHOTO * 40_000, "image/jpeg"),
        (form(("photo", PHOTO * 40_000)), FORM_TYPE),
    ):
        for uploads in (None, "/v1/uploads"):
            limits = LIMITS._replace(uploads=uploads)
            with pytest.raises(PhotoTooLarge) as caught:
                requests.read_prediction(request(content, kind), limits)
            assert caught.value.uploads == uploads
            assert ("/v1/uploads" in str(caught.value)) == bool(uploads)
