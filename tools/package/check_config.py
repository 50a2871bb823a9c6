"""Check ``.chalice/config.json``: Chalice ignores a mistyped key in silence.

Which keys there are, where each may stand and what type it has is read from Chalice's own
code (the properties of ``chalice.config.Config``), so that another version brings its own.
"""

import ast
import inspect
import json
import sys
import textwrap
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
from chalice.config import Config

from chalicelib.errors import InvalidSettings
from chalicelib.settings import Settings
from tools import ROOT

CONFIG: Final = ROOT / ".chalice" / "config.json"

SKELETON: Final = frozenset({"version", "stages", "lambda_functions"})
"""What holds the other keys; Chalice reads these by hand."""

COMMAND_LINE: Final = frozenset({"chalice_app", "project_dir", "profile"})
"""Asked for in the same way, but given by the ``chalice`` command."""

BROKEN: Final = {
    "log_retention_in_days": "names the wrong log group in Chalice 1.34 "
    "(https://github.com/aws/chalice/issues/2079); infra/gateway.yaml sets the retention",
}


class Key(NamedTuple):
    """A key that Chalice knows: its type, and whether a stage or a function may have its own."""

    kind: Any
    per_stage: bool
    per_function: bool


def known_keys() -> dict[str, Key]:
    """Every key that ``Config`` looks up, as its source says it does."""
    keys = {}
    for _, member in inspect.getmembers(Config, lambda one: isinstance(one, property)):
        kind = typing.get_type_hints(member.fget).get("return", Any)
        tree = ast.parse(textwrap.dedent(inspect.getsource(member.fget)))
        for call in ast.walk(tree):
            match call:
                case ast.Call(
                    func=ast.Attribute(attr="_chain_lookup" | "_chain_merge" as how),
                    args=[ast.Constant(value=str(key))],
                ) if key not in COMMAND_LINE:
                    varies = {one.arg for one in call.keywords if ast.unparse(one.value) == "True"}
                    merges = how == "_chain_merge"
                    keys[key] = Key(
                        kind,
                        merges or "varies_per_chalice_stage" in varies,
                        merges or "varies_per_function" in varies,
                    )
    return keys


def faults(config: Mapping[str, Any], directory: Path) -> list[str]:
    """What is wrong with a configuration that stands in ``directory``, in words."""
    keys = known_keys()
    found = list(_unknown(config, "", keys, SKELETON))
    found += _functions(config, "", keys)
    for name, stage in config.get("stages", {}).items():
        where = f"stages.{name}."
        per_stage = {key: one for key, one in keys.items() if one.per_stage}
        found += _unknown(stage, where, per_stage, {"lambda_functions"})
        found += _functions(stage, where, keys)
        found += _meaningless({**config, **stage}, where, directory)
        variables = [level.get("environment_variables", {}) for level in (config, stage)]
        found += _settings({**variables[0], **variables[1]}, where)
    return found


def _functions(level: Mapping[str, Any], where: str, keys: Mapping[str, Key]) -> Iterator[str]:
    per_function = {key: one for key, one in keys.items() if one.per_function}
    for name, function in level.get("lambda_functions", {}).items():
        yield from _unknown(function, f"{where}lambda_functions.{name}.", per_function, frozenset())


def _unknown(
    level: Mapping[str, Any], where: str, keys: Mapping[str, Key], others: typing.Container[str]
) -> Iterator[str]:
    for key, value in level.items():
        if key in BROKEN:
            yield f"{where}{key}: {BROKEN[key]}"
        elif key in keys:
            try:
                msgspec.convert(value, keys[key].kind)
            except msgspec.ValidationError as error:
                yield f"{where}{key}: {error}"
        elif key not in others:
            yield f"{where}{key}: Chalice knows no such key here"


def _meaningless(stage: Mapping[str, Any], where: str, directory: Path) -> Iterator[str]:
    if stage.get("autogen_policy", True):
        yield f"{where}autogen_policy: must be false: Chalice's own policies allow too much"
    policy = stage.get("iam_policy_file")
    if not policy or not (directory / policy).is_file():
        yield f"{where}iam_policy_file: must name a file in {directory.name}/"
    if bool(stage.get("subnet_ids")) != bool(stage.get("security_group_ids")):
        yield f"{where}subnet_ids: needs security_group_ids, and the other way round"


def _settings(environment: Mapping[str, str], where: str) -> Iterator[str]:
    try:
        Settings.from_environment(environment)
    except InvalidSettings as error:
        for fault in error.faults:
            yield f"{where}environment_variables.{fault}"
    except (AttributeError, TypeError):
        return  # a value that is no text: told already


def main(path: Path = CONFIG) -> int:
    """Print what is wrong, if anything is."""
    found = faults(json.loads(path.read_text(encoding="utf-8")), path.parent)
    for fault in found:
        print(f"{path.name}: {fault}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
