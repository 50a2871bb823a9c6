"""What a new contract takes away from those who rely on the old one."""

from collections.abc import Iterator
from typing import Any, Final

Json = dict[str, Any]
Facts = dict[str, str]

MUST: Final = " must be given"


def breaks(old: Json, new: Json) -> list[str]:
    """What clients of ``old`` would miss in ``new``: a path, status or field, or its type.

    And what they do not send, as they need not: a field that has become required.
    """
    before, after = facts(old), facts(new)
    lost = [
        f"{name}: was {value}, is {after.get(name, 'gone')}"
        for name, value in before.items()
        if after.get(name) != value and not name.endswith(MUST)
    ]
    return lost + [name for name in after if name.endswith(MUST) and name not in before]


def facts(document: Json) -> Facts:
    """All that a client can rely on, each as one line and its type."""
    return dict(_facts(document))


def _facts(document: Json) -> Iterator[tuple[str, str]]:
    for path, operations in document["paths"].items():
        for verb, operation in operations.items():
            name = f"{verb.upper()} {path}"
            yield name, "there"
            for parameter in operation.get("parameters", []):
                field = f"{name} takes {parameter['in']} {parameter['name']}"
                yield from _schema(document, parameter["schema"], field)
                if parameter.get("required"):
                    yield f"{field}{MUST}", "yes"
            for kind, media in operation.get("requestBody", {}).get("content", {}).items():
                field = f"{name} takes {kind}"
                yield field, "there"
                yield from _schema(document, media.get("schema", {}), field)
                for required in media.get("schema", {}).get("required", []):
                    yield f"{field}.{required}{MUST}", "yes"
            for status, response in operation["responses"].items():
                yield f"{name} answers {status}", "there"
                for kind, media in response.get("content", {}).items():
                    field = f"{name} answers {status} {kind}"
                    yield field, "there"
                    yield from _schema(document, media.get("schema", {}), field)
                    for problem in media.get("examples", {}):
                        yield f"{field} {problem}", "there"


def _schema(document: Json, schema: Json, name: str) -> Iterator[tuple[str, str]]:
    if "$ref" in schema:
        target = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        yield from _schema(document, target, name)
        return
    for choice in schema.get("anyOf", []):
        # Which of several it is, is part of the name: none of them may go.
        kind = choice.get("$ref", choice.get("type", "any")).rpartition("/")[2]
        yield f"{name} ({kind})", "there"
        yield from _schema(document, choice, f"{name} ({kind})")
    if "type" in schema:
        yield f"{name}", schema["type"]
    for word in schema.get("enum", []):
        yield f"{name} = {word}", "there"
    for member, inner in schema.get("properties", {}).items():
        always = "always" if member in schema.get("required", []) else "sometimes"
        yield f"{name}.{member}", always
        yield from _schema(document, inner, f"{name}.{member}:")
    if isinstance(schema.get("items"), dict):
        yield from _schema(document, schema["items"], f"{name}[]")
