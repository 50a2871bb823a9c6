"""Test each rule of the contract guard, in both directions."""

from typing import Any

import pytest

from tools.contract.changes import breaking_changes

JSON = "application/json"


def contract(
    parameter: dict[str, Any] | None = None,
    body: dict[str, Any] | None = None,
    response: dict[str, Any] | None = None,
    **operation: Any,
) -> dict[str, Any]:
    """Return a contract with one operation."""
    described: dict[str, Any] = {
        "operationId": "get",
        "responses": {"200": {"content": {JSON: {"schema": response or {}}}}},
        **operation,
    }
    if parameter is not None:
        described["parameters"] = [{"name": "p", "in": "query", **parameter}]
    if body is not None:
        described["requestBody"] = {"content": {JSON: {"schema": body}}}
    return {"paths": {"/": {"get": described}}}


def has_change(old: dict[str, Any], new: dict[str, Any]) -> bool:
    return bool(breaking_changes(old, new))


NUMBER = {"type": "number"}
STRING = {"type": "string"}
NULLABLE = {"anyOf": [STRING, {"type": "null"}]}

NARROWER = [
    ({"type": "number", "minimum": 0}, {"type": "number", "minimum": 1}),
    ({"type": "number", "minimum": 0}, {"type": "number", "exclusiveMinimum": 0}),
    (NUMBER, {"type": "number", "minimum": 0}),
    ({"type": "number", "maximum": 9}, {"type": "number", "maximum": 8}),
    ({"type": "number", "maximum": 9}, {"type": "number", "exclusiveMaximum": 9}),
    (NUMBER, {"type": "number", "exclusiveMaximum": 9}),
    ({"type": "string", "minLength": 1}, {"type": "string", "minLength": 2}),
    (STRING, {"type": "string", "minLength": 1}),
    ({"type": "string", "maxLength": 2}, {"type": "string", "maxLength": 1}),
    (STRING, {"type": "string", "maxLength": 9}),
    (STRING, {"type": "string", "pattern": "^a"}),
    (STRING, {"type": "string", "format": "uuid"}),
    (STRING, {"type": "string", "enum": ["a"]}),
    ({"type": "array", "maxItems": 9}, {"type": "array", "maxItems": 8}),
    ({"type": "array", "items": NUMBER}, {"type": "array", "items": {**NUMBER, "minimum": 0}}),
    ({"type": "object"}, {"type": "object", "additionalProperties": False}),
    ({"type": "object", "additionalProperties": True}, {"additionalProperties": False}),
]
"""A schema, and a narrower one."""


@pytest.mark.parametrize(("wide", "narrow"), NARROWER)
def test_a_request_must_not_become_narrower(wide, narrow):
    """A client may send what is refused now. A wider request breaks no client."""
    narrow = {"type": wide["type"], **narrow}
    for old, new in (
        (contract({"schema": wide}), contract({"schema": narrow})),
        (contract(body=wide), contract(body=narrow)),
        (
            contract(body={"type": "object", "properties": {"a": wide}}),
            contract(body={"type": "object", "properties": {"a": narrow}}),
        ),
    ):
        assert has_change(old, new)
        assert not has_change(new, old)


@pytest.mark.parametrize(("wide", "narrow"), NARROWER)
def test_a_response_must_not_become_wider(wide, narrow):
    """A client may get what it does not expect. A narrower response breaks no client."""
    narrow = {"type": wide["type"], **narrow}
    old, new = contract(response=narrow), contract(response=wide)
    assert has_change(old, new)
    assert not has_change(new, old)


@pytest.mark.parametrize(
    ("old", "new", "is_breaking"),
    [
        (NUMBER, {"type": "integer"}, True),
        ({"type": "integer"}, NUMBER, False),
        (NUMBER, STRING, True),
        (STRING, {}, False),
        ({}, STRING, True),
        ({"type": "array"}, {"type": "array", "items": STRING}, True),
        (STRING, NULLABLE, False),
        (NULLABLE, STRING, True),
        ({"anyOf": [NUMBER, STRING]}, {"anyOf": [{**NUMBER, "maximum": 1}, STRING]}, True),
    ],
)
def test_the_type_of_a_request_may_only_be_widened(old, new, is_breaking):
    """An integer is a number, and a schema without a type allows all types."""
    assert has_change(contract({"schema": old}), contract({"schema": new})) == is_breaking
    assert has_change(contract(body=old), contract(body=new)) == is_breaking


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (NUMBER, {"type": "integer"}),
        (NUMBER, STRING),
        (STRING, NULLABLE),
        (NULLABLE, STRING),
        (NULLABLE, {"anyOf": [*NULLABLE["anyOf"], NUMBER]}),
    ],
)
def test_the_type_of_a_response_must_not_change(old, new):
    """A member that becomes nullable is a change, too."""
    assert has_change(contract(response=old), contract(response=new))
    assert has_change(contract(response=new), contract(response=old))


@pytest.mark.parametrize(
    ("old", "new", "is_breaking"),
    [
        ({"pattern": "^a"}, {"pattern": "^[ab]"}, True),
        ({"pattern": "^a"}, {}, False),
        ({"default": "a"}, {"default": "b"}, True),
        ({"default": "a"}, {}, True),
        ({}, {"default": "a"}, True),
        ({"enum": ["a", "b"]}, {"enum": ["a"]}, True),
        ({"enum": ["a"]}, {"enum": ["a", "b"]}, False),
        ({"enum": ["a"]}, {}, False),
        ({"description": "a", "example": "a"}, {"description": "b"}, False),
    ],
)
def test_a_request_keeps_its_defaults_patterns_and_values(old, new, is_breaking):
    """Any change of a pattern counts, because nothing says which texts match both."""
    before, after = ({**STRING, **keywords} for keywords in (old, new))
    assert has_change(contract({"schema": before}), contract({"schema": after})) == is_breaking
    assert has_change(contract(body=before), contract(body=after)) == is_breaking


@pytest.mark.parametrize(
    ("old", "new", "is_breaking"),
    [
        ({"enum": ["a", "b"]}, {"enum": ["a"]}, True),
        ({"enum": ["a"]}, {"enum": ["a", "b"]}, False),
        ({"enum": ["a"]}, {}, True),
        ({"default": "a"}, {"default": "b"}, False),
    ],
)
def test_a_response_keeps_its_values(old, new, is_breaking):
    """It may get new ones: clients are told to expect words that they do not know."""
    before, after = ({**STRING, **keywords} for keywords in (old, new))
    assert has_change(contract(response=before), contract(response=after)) == is_breaking


@pytest.mark.parametrize(
    ("old", "new", "is_breaking"),
    [
        ({"required": False}, {"required": True}, True),
        ({"required": True}, {"required": False}, False),
        ({}, None, True),
        (None, {"required": True}, True),
        (None, {}, False),
    ],
)
def test_a_parameter_must_not_be_removed_or_become_required(old, new, is_breaking):
    """A new parameter must be optional."""
    before, after = (part if part is None else {"schema": STRING, **part} for part in (old, new))
    assert has_change(contract(before), contract(after)) == is_breaking


MEMBER = {"type": "object", "properties": {"a": STRING}}


@pytest.mark.parametrize(
    ("old", "new", "in_request", "in_response"),
    [
        (MEMBER, {**MEMBER, "required": ["a"]}, True, False),
        ({**MEMBER, "required": ["a"]}, MEMBER, False, True),
        (MEMBER, {"type": "object"}, True, True),
        ({"type": "object"}, MEMBER, False, False),
        ({"type": "object"}, {**MEMBER, "required": ["a"]}, True, False),
    ],
)
def test_members_of_a_request_stay_optional_and_those_of_a_response_required(
    old, new, in_request, in_response
):
    """A member of either may not be removed."""
    assert has_change(contract(body=old), contract(body=new)) == in_request
    assert has_change(contract(response=old), contract(response=new)) == in_response


def body(*media_types: str, **members: Any) -> dict[str, Any]:
    return {"requestBody": {"content": {media_type: {} for media_type in media_types}, **members}}


def responses(**statuses: Any) -> dict[str, Any]:
    return {"responses": {name.removeprefix("s"): value for name, value in statuses.items()}}


PROBLEMS: dict[str, Any] = {"examples": {"x": {}, "y": {}}}


@pytest.mark.parametrize(
    ("more", "fewer"),
    [
        (body("image/png", "image/jpeg"), body("image/png")),
        (responses(s200={}, s404={}), responses(s200={})),
        (
            responses(s200={"content": {JSON: {}, "text/csv": {}}}),
            responses(s200={"content": {JSON: {}}}),
        ),
        (
            responses(s404={"content": {JSON: PROBLEMS}}),
            responses(s404={"content": {JSON: {"examples": {"x": {}}}}}),
        ),
        (responses(s200={"headers": {"ETag": {}}}), responses(s200={})),
        ({"security": [{}, {"apiKey": []}]}, {"security": [{"apiKey": []}]}),
        ({}, {"security": [{"apiKey": []}]}),
    ],
    ids=["body", "status", "response", "problem", "header", "no key", "new key"],
)
def test_only_more_may_be_accepted_or_answered(more, fewer):
    """Media types, statuses, problem types, headers and ways of access must not be removed."""
    assert has_change(contract(**more), contract(**fewer))
    assert not has_change(contract(**fewer), contract(**{**fewer, **more}))


def test_a_body_must_not_become_required():
    """A client may send none."""
    optional, required = contract(**body(JSON)), contract(**body(JSON, required=True))
    assert has_change(optional, required)
    assert not has_change(required, optional)


def test_an_operation_keeps_its_name():
    """Generated clients name their methods after it."""
    assert has_change(contract(), contract(operationId="other"))


def test_references_are_followed():
    """A changed component counts wherever it is used."""
    old, new = (
        {
            **contract(response={"$ref": "#/components/schemas/Name"}),
            "components": {"schemas": {"Name": {"title": "Name", "properties": members}}},
        }
        for members in ({"a": STRING}, {})
    )
    assert breaking_changes(old, new) == [f"GET / response > 200 {JSON} > a was removed"]
