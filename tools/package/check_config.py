"""Check ``.chalice/config.json``: Chalice silently ignores a mistyped key.

``chalice_config.schema.json`` lists the keys of the pinned Chalice, where each may stand and
which type it has. A new version of Chalice needs a look at that file; a test asks for it.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from jsonschema import Draft202012Validator, ValidationError

from chalicelib.errors import InvalidSettings
from chalicelib.settings import Settings
from tools import ROOT

CONFIG: Final = ROOT / ".chalice" / "config.json"
SCHEMA: Final = Path(__file__).with_name("chalice_config.schema.json")

BROKEN_KEYS: Final = {
    "log_retention_in_days": "names the wrong log group in Chalice 1.34 "
    "(https://github.com/aws/chalice/issues/2079); infra/gateway.yaml sets the retention",
}


def faults(config: Mapping[str, Any], directory: Path) -> list[str]:
    """Return everything that is wrong with a configuration, in words.

    Args:
        config: The content of ``config.json``.
        directory: Its directory, in which it names other files.
    """
    validator = Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    lines = [line for error in validator.iter_errors(config) for line in _schema_faults(error)]
    for name, stage in config.get("stages", {}).items():
        where = f"stages.{name}."
        lines += _stage_faults({**config, **stage}, where, directory)
        variables = [level.get("environment_variables", {}) for level in (config, stage)]
        lines += _setting_faults({**variables[0], **variables[1]}, where)
    return lines


def _schema_faults(error: ValidationError) -> Iterator[str]:
    path = list(map(str, error.absolute_path))
    if error.validator != "additionalProperties":
        yield f"{'.'.join(path)}: {error.message}"
        return
    for key in error.instance.keys() - error.schema["properties"].keys():
        yield f"{'.'.join([*path, key])}: {BROKEN_KEYS.get(key, 'Chalice has no such key here')}"


def _stage_faults(stage: Mapping[str, Any], where: str, directory: Path) -> Iterator[str]:
    if stage.get("autogen_policy", True):
        yield f"{where}autogen_policy: must be false: Chalice's own policies allow too much"
    policy = stage.get("iam_policy_file")
    if not policy or not (directory / policy).is_file():
        yield f"{where}iam_policy_file: must name a file in {directory.name}/"
    if bool(stage.get("subnet_ids")) != bool(stage.get("security_group_ids")):
        yield f"{where}subnet_ids: subnet_ids and security_group_ids need each other"


def _setting_faults(environment: Mapping[str, str], where: str) -> Iterator[str]:
    try:
        Settings.from_environment(environment)
    except InvalidSettings as error:
        for fault in error.faults:
            yield f"{where}environment_variables.{fault}"
    except (AttributeError, TypeError):
        return  # The schema has reported the value that is not a string.


def main(path: Path = CONFIG) -> int:
    """Print each fault, and fail if there is one."""
    lines = faults(json.loads(path.read_text(encoding="utf-8")), path.parent)
    for line in lines:
        print(f"{path.name}: {line}", file=sys.stderr)
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
