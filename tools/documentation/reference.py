"""The contract as a page: paths, fields, answers and examples, in Markdown."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

Json = Mapping[str, Any]

PROBLEM: Final = "application/problem+json"
EXAMPLE_MEMBERS: Final = 2
"""Of a list in an example; ranges have hundreds of cells."""


def render(contract: Json) -> str:
    """The whole page."""
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


def kind(schema: Json) -> str:
    """What values a schema allows, in words."""
    match schema:
        case {"$ref": reference}:
            name = reference.rpartition("/")[2]
            return f"[{name}](#{name.lower()})"
        case {"anyOf": choices}:
            return " or ".join(kind(one) for one in choices)
        case {"enum": words}:
            return ", ".join(f"`{word}`" for word in words)
        case {"items": dict(items)}:
            return f"list of {kind(items)}"
        case {"type": name}:
            return f"{name}{_bounds(schema)}"
    return "any"


def _bounds(schema: Json) -> str:
    match schema:
        case {"minimum": least, "maximum": most}:
            return f", {least} to {most}"
        case {"exclusiveMinimum": least, "maximum": most}:
            return f" above {least}, up to {most}"
    return ""


def _operation(title: str, operation: Json) -> Iterator[str]:
    yield from (f"## {title}", "", operation["summary"], "")
    if "description" in operation:
        yield from (operation["description"], "")
    parameters = operation.get("parameters", [])
    yield from _table(
        ("field", "in", "values", "meaning"),
        (
            (f"`{one['name']}`", one["in"], _values(one["schema"], one["required"]), _meaning(one))
            for one in ({"required": False, **one} for one in parameters)
        ),
    )
    if "requestBody" in operation:
        yield from _body(operation["requestBody"], {one["name"] for one in parameters})
    yield from _answers(operation["responses"])
    for response in operation["responses"].values():
        for content in response.get("content", {}).values():
            if "example" in content:
                yield from _example("An answer", content["example"])


def _values(schema: Json, is_required: bool) -> str:  # noqa: FBT001
    default = f"; default `{schema['default']}`" if "default" in schema else ""
    return f"{kind(schema)}{default}{'; required' if is_required else ''}"


def _meaning(thing: Json) -> str:
    example = f" As in `{thing['example']}`." if "example" in thing else ""
    return f"{thing.get('description', '')}{example}"


def _body(body: Json, known: set[str]) -> Iterator[str]:
    """The media types, and the fields that are not in the address as well."""
    if "description" in body:
        yield from (body["description"], "")
    alike: dict[str, list[str]] = {}
    for media, content in body["content"].items():
        schema = content.get("schema", {})
        members, required = schema.get("properties", {}), schema.get("required", ())
        held = [
            f"`{name}`: {_values(member, name in required)}. {_meaning(member)}"
            for name, member in members.items()
            if name not in known
        ]
        if known & members.keys():
            held.append("And the fields above.")
        alike.setdefault(" ".join(held) or "The photo.", []).append(f"`{media}`")
    yield from _table(
        ("body", "holds"), ((", ".join(kinds), held) for held, kinds in alike.items())
    )


def _answers(responses: Json) -> Iterator[str]:
    rows = []
    for status, response in responses.items():
        told = response["description"]
        for media, content in response.get("content", {}).items():
            if media == PROBLEM:
                names = ", ".join(f"[{name}](problems.md)" for name in content["examples"])
                told = f"problem: {names}"
            else:
                told = f"`{media}`: {kind(content['schema'])}"
        rows.append((status, told))
    yield from _table(("status", "answer"), rows)


def _schema(name: str, schema: Json) -> Iterator[str]:
    yield from (f"### {name}", "", schema.get("description", ""), "")
    if "properties" not in schema:
        yield from (f"One of {kind(schema)}.", "")
        return
    required = schema.get("required", ())
    yield from _table(
        ("member", "values", "always there"),
        (
            (f"`{member}`", kind(one), "yes" if member in required else "")
            for member, one in schema["properties"].items()
        ),
    )


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    lines = [f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |" for row in rows]
    if lines:
        yield from (f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}", *lines, "")


def _example(title: str, value: Any) -> Iterator[str]:
    """A block that opens when it is asked for."""
    text = json.dumps(_shortened(value), indent=2, ensure_ascii=False)
    lines = ("```json", *text.splitlines(), "```")
    yield from (f'??? example "{title}"', *(f"    {line}" for line in lines), "")


def _shortened(value: Any) -> Any:
    match value:
        case dict():
            return {name: _shortened(one) for name, one in value.items()}
        case list():
            return [_shortened(one) for one in value[:EXAMPLE_MEMBERS]]
    return value
