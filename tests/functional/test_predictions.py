"""``POST /v1/predictions`` with real API Gateway events, the real model and the real store."""

import dataclasses
import json

import pytest
from chalice.test import Client
from msgspec.structs import replace

import app as deployed
from app import app
from fuzz import files
from tests.forms import FORM_TYPE, form
from tests.gateway import call, call_text, event
from tests.samples import ANIMALS, SAMPLES, Sample

PANTANAL = {"decimalLatitude": "-17.36", "decimalLongitude": "-56.78"}
KRUGER = {"decimalLatitude": "-24.01", "decimalLongitude": "31.49"}
JAGUAR, LEOPARD = "n02128925", "n02128385"


def predict(content: bytes, **fields: str):
    body = form(("photo", content), *fields.items())
    return call("POST", "/v1/predictions", body, {"Content-Type": FORM_TYPE})


def by_taxon(body) -> dict:
    return {one["taxon"]["taxonID"]: one for one in body["predictions"]}


@pytest.mark.parametrize("sample", ANIMALS, ids=lambda sample: sample.file)
def test_each_sample_is_identified(sample: Sample):
    """Its animal comes first, at the place in its EXIF."""
    fields = {} if sample.latitude is not None else {"geo": "off"}
    answer = predict(sample.content, **fields)
    assert answer.status == 200
    first = answer.body["predictions"][0]
    assert first["taxon"]["taxonID"] == sample.taxon_id
    assert first["expectedHere"] is not False
    assert answer.body["animalScore"] > 0.5
    assert answer.body["photo"]["eventDate"] == sample.event_date
    if sample.latitude is not None:
        location = answer.body["location"]
        assert location["source"] == "exif"
        assert location["decimalLatitude"] == pytest.approx(sample.latitude, abs=1e-5)
        assert location["decimalLongitude"] == pytest.approx(sample.longitude, abs=1e-5)
        assert answer.body["geo"]["status"] == "applied"


def test_an_animal_that_the_model_lacks_and_that_lives_here_is_named_beside_the_wider_group():
    """A red panda is no more likely in Berlin than a raccoon, which the model does not know."""
    berlin = {"decimalLatitude": "52.5", "decimalLongitude": "13.4"}
    body = predict(SAMPLES["red-panda.jpg"].content, **berlin).body
    decision = body["decision"]
    assert body["predictions"][0]["taxon"]["scientificName"] == "Ailurus fulgens"
    assert decision["kind"] == "rolledUp"
    assert decision["name"]["scientificName"] == "Carnivora"
    raccoon = next(
        one for one in decision["lookalikes"] if one["scientificName"] == "Procyon lotor"
    )
    assert raccoon == {
        "scientificName": "Procyon lotor",
        "vernacularName": "common raccoon",
        "taxonRank": "species",
        "commonTaxon": "Carnivora",
        "commonRank": "order",
        "expectedHere": True,
        "taxonID": "inat:41663",
    }


def test_where_no_lookalike_lives_the_animal_is_named():
    """Raccoons and their kin live neither in the Himalaya nor in Sydney's zoo."""
    himalaya = {"decimalLatitude": "27.5", "decimalLongitude": "88.2"}
    decision = predict(SAMPLES["red-panda.jpg"].content, **himalaya).body["decision"]
    assert decision["name"]["scientificName"] == "Ailurus fulgens"
    assert "Procyon lotor" not in {one["scientificName"] for one in decision["lookalikes"]}


def test_a_photo_without_an_animal_has_a_low_animal_score():
    """The response has predictions all the same; animalScore says how little they mean."""
    answer = predict(SAMPLES["trees-without-animal.jpg"].content)
    assert answer.status == 200
    assert answer.body["animalScore"] < 0.5


def test_the_place_changes_the_answer():
    """The same photo is a jaguar in the Pantanal; in the Kruger park, leopard scores rise."""
    photo = SAMPLES["jaguar.jpg"].content
    home, away = (
        by_taxon(predict(photo, **place, limit="400").body) for place in (PANTANAL, KRUGER)
    )
    assert home[JAGUAR]["score"] > home[LEOPARD]["score"]
    assert home[JAGUAR]["expectedHere"] is True
    assert home[LEOPARD]["expectedHere"] is False
    assert away[JAGUAR]["expectedHere"] is False
    assert away[LEOPARD]["expectedHere"] is True
    assert away[LEOPARD]["score"] > home[LEOPARD]["score"]
    assert away[JAGUAR]["visionScore"] == home[JAGUAR]["visionScore"]


def test_the_answer_says_if_the_place_rejects_the_first_choice():
    """It has the first choice, an animal that lives here, and a name for both."""
    decision = predict(SAMPLES["jaguar.jpg"].content, **KRUGER).body["decision"]
    rejected = decision["rejectedByPlace"]
    assert rejected["firstByLook"]["scientificName"] == "Panthera onca"
    assert rejected["instead"]["scientificName"] == "Panthera pardus"
    both = {"genus": "Panthera", "family": "Felidae", "order": "Carnivora", "class": "Mammalia"}
    assert rejected["rolledUp"]["scientificName"] == both[rejected["rolledUp"]["taxonRank"]]
    assert decision["kind"] == "rolledUp"


def test_an_animal_in_a_zoo_is_named_and_does_not_live_here():
    """A koala in London is a koala; the answer says that it does not live there in the wild."""
    home = predict(SAMPLES["koala.jpg"].content).body["decision"]
    away = predict(
        SAMPLES["koala.jpg"].content, decimalLatitude="51.5", decimalLongitude="-0.1"
    ).body["decision"]
    assert home["name"]["scientificName"] == away["name"]["scientificName"]
    assert (home["livesHere"], away["livesHere"]) == (True, False)
    assert home["rejectedByPlace"] is None
    assert away["rejectedByPlace"]["firstByLook"]["scientificName"] == "Phascolarctos cinereus"


def test_the_decision_on_a_photo_without_an_animal_names_none():
    """Trees are not an animal, whatever the scores of the animals are."""
    decision = predict(SAMPLES["trees-without-animal.jpg"].content).body["decision"]
    assert decision["kind"] in ("notAnAnimal", "unknown")
    assert decision["name"] is None


def test_the_answer_has_every_documented_field():
    """The test checks them field by field, with types and ranges."""
    body = predict(SAMPLES["jaguar.jpg"].content).body
    assert set(body) == {
        "predictionId", "model", "photo", "location", "geo",
        "predictions", "animalScore", "decision", "timings",
    }  # fmt: skip
    assert body["decision"]["kind"] == "species"
    assert body["decision"]["name"]["scientificName"] == "Panthera onca"
    assert body["decision"]["name"]["taxonRank"] == "species"
    assert body["decision"]["name"]["score"] == body["predictions"][0]["score"]
    assert body["decision"]["rejectedByPlace"] is None
    assert body["model"] == {
        "name": "efficientnet-lite2", "version": "1.0.0", "calibrated": True, "specialists": [],
    }  # fmt: skip
    assert body["photo"] == {
        "format": "JPEG",
        "width": 1024,
        "height": 683,
        "truncated": False,
        "eventDate": "2024-08-19T16:31:05-04:00",
        "crop": None,
    }
    assert body["location"] == {
        "decimalLatitude": -17.364,
        "decimalLongitude": -56.777,
        "coordinateUncertaintyInMeters": 6.0,
        "source": "exif",
        "cell": body["location"]["cell"],
    }
    assert body["geo"]["source"] in ("embedded", "memory")
    assert body["geo"]["dataset"].startswith("ranges-")
    assert body["geo"]["candidates"] > 10
    assert [one["rank"] for one in body["predictions"]] == [1, 2, 3, 4, 5]
    assert set(body["predictions"][0]) == {
        "rank", "taxon", "score", "visionScore", "geoWeight", "expectedHere",
    }  # fmt: skip
    assert body["predictions"][0]["taxon"] == {
        "scientificName": "Panthera onca",
        "vernacularName": "jaguar",
        "language": "en",
        "taxonRank": "species",
        "taxonID": JAGUAR,
        "identifiers": {"inaturalist": 41970},
    }
    assert set(body["timings"]) == {
        "read", "locate", "features", "decode", "classify", "wait", "combine", "total",
    }  # fmt: skip


def test_scores_sum_to_one_over_all_animals():
    """There are 398, if the limit allows."""
    predictions = predict(SAMPLES["jaguar.jpg"].content, limit="400").body["predictions"]
    assert len(predictions) == 398
    for score in ("score", "visionScore"):
        assert sum(one[score] for one in predictions) == pytest.approx(1, abs=1e-3)


def test_a_form_a_raw_body_and_the_test_client_agree():
    """Lambda gets base64 events; chalice local gets raw bytes."""
    sample = SAMPLES["komodo-dragon.jpg"]
    by_form = predict(sample.content).body["predictions"]
    raw = call(
        "POST", "/v1/predictions?limit=5", sample.content, {"Content-Type": sample.media_type}
    )
    with Client(app) as client:
        response = client.http.post(
            "/v1/predictions",
            body=form(("photo", sample.content)),
            headers={"Content-Type": FORM_TYPE},
        )
    assert raw.body["predictions"] == by_form
    assert json.loads(response.body)["predictions"] == by_form


def test_coordinates_of_the_request_win_over_those_of_the_photo():
    """The answer says where the coordinates come from."""
    location = predict(SAMPLES["jaguar.jpg"].content, **KRUGER).body["location"]
    assert location["source"] == "request"
    assert location["decimalLongitude"] == 31.49


def test_without_a_place_the_problem_says_how_to_give_one():
    """location-required names both fields, and geo=off."""
    answer = predict(SAMPLES["sheep-without-gps.jpg"].content)
    assert answer.status == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.body["type"] == "/v1/problems/location-required"
    assert answer.fields == ["decimalLatitude", "decimalLongitude"]
    assert "geo=off" in answer.body["detail"]


def test_geo_off_needs_no_place_and_uses_none():
    """The scores are then those of the picture."""
    body = predict(SAMPLES["sheep-without-gps.jpg"].content, geo="off").body
    assert body["geo"]["status"] == "disabled"
    assert body["location"]["source"] == "none"
    assert body["location"]["exif"] == "noPosition"
    first = body["predictions"][0]
    assert first["score"] == first["visionScore"]


def test_the_open_ocean_has_no_data():
    """The answer says so, and no animal is unexpected."""
    body = predict(SAMPLES["koala.jpg"].content, decimalLatitude="30", decimalLongitude="-40").body
    assert body["geo"]["status"] == "noData"
    assert body["predictions"][0]["expectedHere"] is None


def test_an_uncertain_place_uses_a_coarser_cell():
    """20 km of uncertainty give an H3 cell of resolution 3, with its own animals."""
    sure = predict(SAMPLES["koala.jpg"].content).body
    vague = predict(SAMPLES["koala.jpg"].content, coordinateUncertaintyInMeters="20000").body
    assert (sure["location"]["cell"][1], vague["location"]["cell"][1]) == ("4", "3")
    assert vague["geo"]["status"] == "applied"
    assert vague["predictions"][0]["taxon"]["vernacularName"] == "koala"


@pytest.mark.parametrize(
    ("content", "status", "name"),
    [
        (b"", 422, "invalid-input"),
        (b"GIF89a" + b"\0" * 100, 415, "unsupported-media-type"),
        (b"\xff\xd8\xff" + b"\0" * 100, 422, "invalid-input"),
        (SAMPLES["jaguar.jpg"].content[:30_000], 422, "invalid-input"),
        (b"\xff\xd8\xff" + b"\0" * 4_700_000, 413, "photo-too-large"),
    ],
    ids=["empty", "another format", "no photo at all", "cut off", "too large"],
)
def test_content_that_is_not_a_photo_is_refused(content, status, name):
    """Its name and declared type do not matter."""
    answer = predict(content, **PANTANAL)
    assert (answer.status, answer.body["status"]) == (status, status)
    assert answer.body["type"] == f"/v1/problems/{name}"
    assert answer.headers["Content-Type"] == "application/problem+json"
    if name == "invalid-input":
        assert answer.fields == ["photo"]


def test_the_declared_type_may_be_wrong_if_it_is_accepted():
    """A HEIC that is declared as JPEG is read as HEIC."""
    content = SAMPLES["koala.heic"].content
    answer = call("POST", "/v1/predictions", content, {"Content-Type": "image/jpeg"})
    assert answer.status == 200
    assert answer.body["photo"]["format"] == "HEIF"


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "application/pdf"])
def test_other_declared_types_are_refused(content_type):
    """The body is a photo, and arrives unchanged, so nothing but its type is wrong."""
    photo = SAMPLES["jaguar.jpg"].content
    request = event("POST", "/v1/predictions", photo, {"Content-Type": "image/jpeg"})
    assert call_text(request).status == 200
    request["headers"]["Content-Type"] = content_type
    request["multiValueHeaders"]["Content-Type"] = [content_type]
    answer = call_text(request)
    assert answer.status == 415
    problem = json.loads(answer.body)
    assert problem["type"] == "/v1/problems/unsupported-media-type"
    assert content_type in problem["detail"]


@pytest.mark.parametrize(
    "content_type",
    [
        "image/jpg", "image/pjpeg", "image/x-png", "binary/octet-stream",
        "application/octet-stream", "application/x-www-form-urlencoded", "image/jpeg; charset=x",
    ],
)  # fmt: skip
def test_a_raw_body_is_read_under_the_types_that_clients_send(content_type):
    """API Gateway knows all of them as binary, so the bytes arrive whole."""
    answer = call(
        "POST", "/v1/predictions?limit=1", SAMPLES["jaguar.jpg"].content,
        {"Content-Type": content_type},
    )  # fmt: skip
    assert answer.status == 200
    assert answer.body["photo"]["format"] == "JPEG"
    assert by_taxon(answer.body).keys() == {JAGUAR}


def test_a_raw_body_without_a_type_is_destroyed_by_api_gateway():
    """It arrives as text. The problem says so, and what to send."""
    answer = call("POST", "/v1/predictions", SAMPLES["jaguar.jpg"].content)
    assert answer.status == 415
    assert "Send a Content-Type" in answer.body["detail"]
    assert "image/jpeg" in answer.body["accepted"]


def test_a_raw_body_without_a_type_is_read_if_it_arrives_as_bytes():
    """Another front end than API Gateway may pass it on so."""
    request = event("POST", "/v1/predictions", SAMPLES["jaguar.jpg"].content, {
        "Content-Type": "image/jpeg"
    })  # fmt: skip
    response = app(request | {"headers": {}}, None)
    assert response["statusCode"] == 200


def test_a_file_name_that_is_not_utf_8_does_not_matter():
    """Windows sends file names in its own code page; the photo is identified all the same."""
    body = form(("photo", SAMPLES["jaguar.jpg"].content)).replace(b"photo.jpg", b"J\xe4ger.jpg")
    answer = call("POST", "/v1/predictions", body, {"Content-Type": FORM_TYPE})
    assert answer.status == 200
    assert answer.body["predictions"][0]["taxon"]["taxonID"] == JAGUAR


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("lat", "decimalLatitude"),
        ("lng", "decimalLongitude"),
        ("latitude", "decimalLatitude"),
        ("decimallatitude", "decimalLatitude"),
    ],
)
def test_a_misspelt_coordinate_is_refused(name, nearest):
    """The place of the photo would be used silently."""
    answer = predict(SAMPLES["jaguar.jpg"].content, **{name: "-24.01"})
    assert (answer.status, answer.fields) == (422, [name])
    assert answer.body["type"] == "/v1/problems/invalid-input"
    assert f"`{nearest}`" in answer.body["errors"][0]["detail"]


def test_a_photo_in_another_field_is_refused_by_its_name():
    """The answer says which field is right."""
    body = form(("image", SAMPLES["jaguar.jpg"].content))
    answer = call("POST", "/v1/predictions", body, {"Content-Type": FORM_TYPE})
    assert (answer.status, answer.fields) == (422, ["image", "photo"])


def test_fields_of_browsers_and_libraries_are_harmless():
    """The names that begin with _ or x- are theirs."""
    answer = predict(SAMPLES["jaguar.jpg"].content, _charset_="UTF-8", **{"x-sdk": "1.2"})
    assert answer.status == 200


@pytest.mark.parametrize("bucket", ["", "photos"])
@pytest.mark.parametrize("photo", [b"\xff\xd8\xff" + b"\0" * 4_700_000, bytes(4_900_000)])
def test_a_photo_of_too_many_bytes_is_shown_the_uploads_if_there_are_any(
    monkeypatch, bucket, photo
):
    """Without a bucket, that way ends in 501."""
    settings = dataclasses.replace(deployed.services.settings, uploads_bucket=bucket)
    monkeypatch.setattr(deployed, "services", replace(deployed.services, settings=settings))
    for answer in (
        predict(photo),
        call("POST", "/v1/predictions", photo, {"Content-Type": "image/jpeg"}),
    ):
        assert (answer.status, answer.body["unit"]) == (413, "bytes")
        assert answer.body.get("uploads") == ("/v1/uploads" if bucket else None)
        assert ("/v1/uploads" in answer.body["detail"]) == bool(bucket)


def test_a_photo_of_too_many_pixels_is_not_shown_the_uploads(monkeypatch):
    """The limit is the same there."""
    settings = dataclasses.replace(deployed.services.settings, uploads_bucket="photos")
    monkeypatch.setattr(deployed, "services", replace(deployed.services, settings=settings))
    answer = predict(files.patch_frame(files.sample(), b"\x08\xff\xdc\xff\xdc"))
    assert (answer.status, answer.body["unit"]) == (413, "pixels")
    assert "uploads" not in json.dumps(answer.body)


def test_every_faulty_field_is_named():
    """One response has all of them."""
    answer = predict(
        SAMPLES["jaguar.jpg"].content, decimalLatitude="91", decimalLongitude="x", geo="maybe"
    )
    assert answer.status == 422
    assert answer.fields == ["decimalLatitude", "decimalLongitude", "geo"]


def test_a_broken_form_is_malformed():
    """The status is 400; the service does not guess."""
    body = form(("photo", SAMPLES["jaguar.jpg"].content))[:-50]
    answer = call("POST", "/v1/predictions", body, {"Content-Type": FORM_TYPE})
    assert answer.status == 400
    assert answer.body["type"] == "/v1/problems/malformed-request"


@pytest.mark.parametrize("body", ["no base64", "YQ", "YQ==\n", "\u00e9==", "\ud800"])
def test_a_body_that_is_not_base64_is_malformed(body):
    """API Gateway does not send such a body, but a direct invocation can."""
    request = event("POST", "/v1/predictions", b"photo", {"Content-Type": "image/jpeg"})
    response = app(request | {"body": body}, None)
    assert response["statusCode"] == 400
    assert json.loads(response["body"])["type"] == "/v1/problems/malformed-request"


def test_an_empty_body_is_an_empty_photo():
    """API Gateway sends null for an empty body."""
    request = event("POST", "/v1/predictions", b"photo", {"Content-Type": "image/jpeg"})
    response = app(request | {"body": None}, None)
    assert response["statusCode"] == 422
