"""Render the contract as a page in Markdown: paths, fields, answers and examples."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

Json = Mapping[str, Any]

PROBLEM: Final = "application/problem+json"
EXAMPLE_MEMBERS: Final = 2
"""Members shown of each list in an example; ranges have hundreds of cells."""


def render(contract: Json) -> str:
    """Return the whole page."""
    return "\n".join(
        [
            "# API",
            "",
            contract["info"]["description"],
            "",
            f"Version {contract['info']['version']}, made from "
            "[openapi.json](../chalicelib/http/openapi.json), which each deployment serves at "
            "`GET /openapi.json`. Long lists of examples are cut.",
            "",
            *(
                line
                for path, methods in contract["paths"].items()
                for verb, operation in methods.items()
                for line in _operation(f"{verb.upper()} {path}", operation)
            ),
            "## Problems",
            "",
            "An example of each; [problems](problems.md) says what they mean.",
            "",
            *(
                line
                for name, example in contract["components"]["examples"].items()
                for line in _example(name, example["value"])
            ),
            "## Schemas",
            "",
            *(
                line
                for name, schema in contract["components"]["schemas"].items()
                for line in _schema(name, schema)
            ),
        ]
    )


def describe_type(schema: Json) -> str:
    """Return the values that a schema allows, in words."""
    match schema:
        case {"$ref": reference}:
            name = reference.rpartition("/")[2]
            return f"[{name}](#{name.lower()})"
        case {"anyOf": choices}:
            return " or ".join(describe_type(choice) for choice in choices)
        case {"enum": words}:
            return ", ".join(f"`{word}`" for word in words)
        case {"items": dict(items)}:
            return f"list of {describe_type(items)}"
        case {"type": name}:
            return f"{name}{_bounds(schema)}"
    return "any"


def _bounds(schema: Json) -> str:
    match schema:
        case {"minimum": minimum, "maximum": maximum}:
            return f", {minimum} to {maximum}"
        case {"exclusiveMinimum": minimum, "maximum": maximum}:
            return f" above {minimum}, up to {maximum}"
    return ""


def _operation(title: str, operation: Json) -> Iterator[str]:
    yield from (f"## {title}", "", operation["summary"], "")
    if "description" in operation:
        yield from (operation["description"], "")
    parameters = operation.get("parameters", [])
    yield from _table(
        ("field", "in", "values", "meaning"),
        (
            (
                f"`{parameter['name']}`",
                parameter["in"],
                _values(parameter["schema"], parameter.get("required", False)),
                _meaning(parameter),
            )
            for parameter in parameters
        ),
    )
    if "requestBody" in operation:
        yield from _body(operation["requestBody"], {parameter["name"] for parameter in parameters})
    yield from _answers(operation["responses"])
    for response in operation["responses"].values():
        for content in response.get("content", {}).values():
            if "example" in content:
                yield from _example("An answer", content["example"])


def _values(schema: Json, is_required: bool) -> str:  # noqa: FBT001
    default = f"; default `{schema['default']}`" if "default" in schema else ""
    return f"{describe_type(schema)}{default}{'; required' if is_required else ''}"


def _meaning(field: Json) -> str:
    example = f" As in `{field['example']}`." if "example" in field else ""
    return f"{field.get('description', '')}{example}"


def _body(body: Json, parameters: set[str]) -> Iterator[str]:
    """Yield the media types, and the fields that are not ``parameters`` of the address."""
    if "description" in body:
        yield from (body["description"], "")
    media_by_content: dict[str, list[str]] = {}
    for media, content in body["content"].items():
        schema = content.get("schema", {})
        members, required = schema.get("properties", {}), schema.get("required", ())
        fields = [
            f"`{name}`: {_values(member, name in required)}. {_meaning(member)}"
            for name, member in members.items()
            if name not in parameters
        ]
        if parameters & members.keys():
            fields.append("And the fields above.")
        media_by_content.setdefault(" ".join(fields) or "The photo.", []).append(f"`{media}`")
    yield from _table(
        ("body", "content"),
        ((", ".join(media), content) for content, media in media_by_content.items()),
    )


def _answers(responses: Json) -> Iterator[str]:
    rows = []
    for status, response in responses.items():
        answer = response["description"]
        for media, content in response.get("content", {}).items():
            if media == PROBLEM:
                names = ", ".join(f"[{name}](problems.md)" for name in content["examples"])
                answer = f"problem: {names}"
            else:
                answer = f"`{media}`: {describe_type(content['schema'])}"
        rows.append((status, answer))
    yield from _table(("status", "answer"), rows)


def _schema(name: str, schema: Json) -> Iterator[str]:
    yield from (f"### {name}", "", schema.get("description", ""), "")
    if "properties" not in schema:
        yield from (f"One of {describe_type(schema)}.", "")
        return
    required = schema.get("required", ())
    yield from _table(
        ("member", "values", "always there"),
        (
            (f"`{member}`", describe_type(member_schema), "yes" if member in required else "")
            for member, member_schema in schema["properties"].items()
        ),
    )


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    lines = [f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |" for row in rows]
    if lines:
        yield from (f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}", *lines, "")


def _example(title: str, value: Any) -> Iterator[str]:
    """Yield a collapsible block."""
    text = json.dumps(_shortened(value), indent=2, ensure_ascii=False)
    lines = ("```json", *text.splitlines(), "```")
    yield from (f'??? example "{title}"', *(f"    {line}" for line in lines), "")


def _shortened(value: Any) -> Any:
    match value:
        case dict():
            return {name: _shortened(member) for name, member in value.items()}
        case list():
            return [_shortened(member) for member in value[:EXAMPLE_MEMBERS]]
    return value
