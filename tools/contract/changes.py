"""Find the changes of a contract that break clients of the old one.

A request schema must not become narrower, and a response schema must not become wider.
"""

from collections.abc import Iterator, Mapping
from functools import reduce
from math import inf
from operator import getitem
from typing import Any, Final

Json = dict[str, Any]

BOUNDS: Final = (
    {"minimum": (1, 0), "exclusiveMinimum": (1, 1)},
    {"maximum": (-1, 0), "exclusiveMaximum": (-1, 1)},
    *({keyword: (1, 0)} for keyword in ("minLength", "minItems")),
    *({keyword: (-1, 0)} for keyword in ("maxLength", "maxItems")),
)
"""Keywords that bound the same quantity: their sign (1 for a lower bound), and 1 if exclusive."""

OPAQUE: Final = (
    "pattern", "format", "const", "multipleOf", "prefixItems", "not", "allOf", "oneOf",
)  # fmt: skip
"""Keywords that are not interpreted: any change of them narrows a schema, except removal."""

NESTED: Final = ("items", "additionalProperties")


def breaking_changes(old: Json, new: Json) -> list[str]:
    """Return what breaks clients of ``old``, one line for each change."""
    return list(_compare_operations(_inline(old, old)["paths"], _inline(new, new)["paths"]))


def _inline(node: Any, document: Json) -> Any:
    """Replace each ``$ref`` by its target, and each boolean schema by an object."""
    match node:
        case {"$ref": str(reference)}:
            target = reduce(getitem, reference.removeprefix("#/").split("/"), document)
            return _inline(target, document)
        case dict():
            inlined = {name: _inline(value, document) for name, value in node.items()}
            booleans = [name for name in NESTED if isinstance(node.get(name), bool)]
            return inlined | {name: {} if node[name] else {"not": {}} for name in booleans}
        case list():
            return [_inline(item, document) for item in node]
    return node


def _compare_operations(old: Json, new: Json) -> Iterator[str]:
    for path, operations in old.items():
        for verb, before in operations.items():
            name, after = f"{verb.upper()} {path}", new.get(path, {}).get(verb)
            if after is None:
                yield f"{name} was removed"
                continue
            for part, describe in (("request", _request), ("response", _responses)):
                yield from _compare(describe(before), describe(after), f"{name} {part}", part)


def _request(operation: Json) -> Json:
    """Describe parameters, bodies and ways of access as members of one object."""
    body = operation.get("requestBody", {})
    parameters = {f"{one['in']} {one['name']}": one for one in operation.get("parameters", [])}
    schemas = {name: parameter["schema"] for name, parameter in parameters.items()}
    schemas |= {name: media.get("schema", {}) for name, media in body.get("content", {}).items()}
    access = [", ".join(scheme) or "no key" for scheme in operation.get("security", [{}])]
    schemas |= {f"access with {keys}": {} for keys in access}
    schemas[f"operationId {operation.get('operationId')}"] = {}
    required = [name for name, parameter in parameters.items() if parameter.get("required")]
    return {"properties": schemas, "required": required + ["body"] * body.get("required", False)}


def _responses(operation: Json) -> Json:
    """Describe statuses, headers, bodies and problem types as members of one object."""
    schemas: Json = {}
    for status, response in operation["responses"].items():
        schemas |= {status: {}, **{f"{status} {name}": {} for name in response.get("headers", {})}}
        for media_type, media in response.get("content", {}).items():
            name = f"{status} {media_type}"
            schemas[name] = media.get("schema", {})
            schemas |= {f"{name} {problem}": {} for problem in media.get("examples", {})}
    return {"properties": schemas}


def _compare(old: Json, new: Json, name: str, part: str) -> Iterator[str]:
    """Compare two schemas, one alternative of ``anyOf`` at a time."""
    before, after = _alternatives(old), _alternatives(new)
    for kind, schema in before.items():
        wider = ("number" if kind == "integer" else kind, "any") if part == "request" else ()
        match = next((after[other] for other in (kind, *wider) if other in after), None)
        if match is None:
            yield f"{name}: type {kind} was removed"
            continue
        yield from _compare_values(schema, match, name, part)
        yield from _compare_members(schema, match, name, part)
    if part == "response":
        yield from (f"{name}: type {kind} was added" for kind in after if kind not in before)


def _alternatives(schema: Json) -> dict[str, Json]:
    """Return the alternatives of a schema, by class name or else by JSON type."""
    alternatives = schema.get("anyOf", [schema])
    return {str(one.get("title", one.get("type", "any"))): one for one in alternatives}


def _compare_values(old: Json, new: Json, name: str, part: str) -> Iterator[str]:
    keywords = [*(_narrowed(old, new) if part == "request" else _narrowed(new, old))]
    if part == "request" and old.get("default") != new.get("default"):
        keywords.append("default")
    for keyword in keywords:
        yield f"{name}: {keyword} changed from {old.get(keyword)} to {new.get(keyword)}"
    values = list(old.get("enum", []))
    removed = (value for value in values if value not in new.get("enum", values))
    yield from (f"{name}: value {value} was removed" for value in removed)


def _narrowed(wide: Json, narrow: Json) -> Iterator[str]:
    """Yield the keywords by which ``narrow`` allows less than ``wide``."""
    for bounds in BOUNDS:
        if _tightest(narrow, bounds) > _tightest(wide, bounds):
            yield from (keyword for keyword in bounds if keyword in narrow)
    if "enum" in narrow and "enum" not in wide:
        yield "enum"
    yield from (word for word in OPAQUE if word in narrow and narrow[word] != wide.get(word))


def _tightest(schema: Json, bounds: Mapping[str, tuple[int, int]]) -> tuple[float, int]:
    given = [(sign * schema[word], rank) for word, (sign, rank) in bounds.items() if word in schema]
    return max(given, default=(-inf, 0))


def _compare_members(old: Json, new: Json, name: str, part: str) -> Iterator[str]:
    before, after = old.get("properties", {}), new.get("properties", {})
    for member, schema in before.items():
        if member in after:
            yield from _compare(schema, after[member], f"{name} > {member}", part)
        else:
            yield f"{name} > {member} was removed"
    old_required, new_required = (schema.get("required", []) for schema in (old, new))
    if part == "request":
        added = (member for member in new_required if member not in old_required)
        yield from (f"{name} > {member} is now required" for member in added)
    else:
        optional = (one for one in old_required if one in after and one not in new_required)
        yield from (f"{name} > {member} is now optional" for member in optional)
    for keyword in NESTED:
        if keyword in {*old, *new}:
            nested = old.get(keyword, {}), new.get(keyword, {})
            yield from _compare(*nested, f"{name} {keyword}", part)
