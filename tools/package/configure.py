"""Write what the stacks are made of into the ``prod`` stage: ``make configure``.

Reads the outputs of the stacks of ``infra/network.yaml`` and ``infra/data.yaml``, from AWS or
from a file in the form of ``aws cloudformation describe-stacks``. Writes the stage's network
and settings into ``.chalice/config.json``, its rights into ``.chalice/policy-prod.json``, and
the authorities that sign the database's certificate into ``chalicelib/certificates/``, so that
they ship with the function. Running it again changes nothing else.
"""

import argparse
import json
import ssl
import sys
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from chalicelib.photo.uploads import PREFIX
from tools import ROOT

STAGE: Final = "prod"
STACKS: Final = ("rangefinder-network", "rangefinder-data")
DATABASE_USER: Final = "rangefinder"
DATABASE: Final = "rangefinder"

CERTIFICATES: Final = Path("chalicelib/certificates/rds.pem")
"""Relative to the project, which is also where Lambda starts the function."""

CERTIFICATES_URL: Final = "https://truststore.pki.rds.amazonaws.com/{region}/{region}-bundle.pem"
"""RDS signs with authorities of its own, which no system knows. Those of one region are three
(https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/UsingWithRDS.SSL.html)."""

DOWNLOAD_SECONDS: Final = 30.0

Outputs = Mapping[str, str]


class ConfigurationError(Exception):
    """The stacks do not say what is needed, or the certificates are none."""


def collect(stacks: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The outputs of all stacks together, as ``describe-stacks`` gives them."""
    return {
        output["OutputKey"]: output["OutputValue"]
        for stack in stacks
        for output in stack.get("Outputs", ())
    }


def from_file(path: Path) -> dict[str, str]:
    """The outputs that a file holds."""
    return collect(json.loads(path.read_text(encoding="utf-8"))["Stacks"])


def from_aws(client: Any, names: Iterable[str]) -> dict[str, str]:
    """The outputs of the stacks of these names."""
    return collect(
        stack for name in names for stack in client.describe_stacks(StackName=name)["Stacks"]
    )


def network(outputs: Outputs) -> dict[str, list[str]]:
    """Where the function is attached."""
    return {
        "subnet_ids": outputs["PrivateSubnets"].split(","),
        "security_group_ids": [outputs["FunctionSecurityGroup"]],
    }


def variables(outputs: Outputs) -> dict[str, str]:
    """The settings that follow from the stacks. There is no secret among them."""
    database = f"{outputs['DatabaseEndpoint']}:{outputs['DatabasePort']}"
    return {
        "RANGEFINDER_DEPLOYMENT": f"rangefinder-{STAGE}",
        "RANGEFINDER_MYSQL_URL": f"mysql://{DATABASE_USER}@{database}/{DATABASE}",
        "RANGEFINDER_MYSQL_IAM": "on",
        "RANGEFINDER_REDIS_URL": f"rediss://{outputs['CacheEndpoint']}:{outputs['CachePort']}",
        "RANGEFINDER_REDIS_CLUSTER": "on",
        "RANGEFINDER_UPLOADS_BUCKET": outputs["UploadsBucket"],
    }


def policy(outputs: Outputs) -> dict[str, Any]:
    """What the function may do, on what, and nothing else."""
    _, partition, _, region, account, *_ = outputs["DatabaseUserArn"].split(":")
    here = f"{region}:{account}"
    log = f"arn:{partition}:logs:{here}:log-group:/aws/lambda/rangefinder-{STAGE}"
    interfaces = [
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:AssignPrivateIpAddresses",
        "ec2:UnassignPrivateIpAddresses",
    ]
    looks = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"]
    return {
        "Version": "2012-10-17",
        "Statement": [
            _allow("WriteLogs", ["logs:CreateLogGroup", "logs:CreateLogStream",
                                 "logs:PutLogEvents"], [log, f"{log}:*"]),
            # These know no resource.
            _allow("SendTraces", ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], "*"),
            # Lambda itself uses these to attach the function; their names are not known before.
            _allow("AttachToTheNetwork", interfaces, f"arn:{partition}:ec2:{here}:*/*"),
            _allow("LookAtTheNetwork", looks, "*"),
            # The function's own code has no use for them.
            {
                "Sid": "OnlyLambdaItselfAttaches",
                "Effect": "Deny",
                "Action": interfaces + looks,
                "Resource": "*",
                "Condition": {
                    "ArnLike": {
                        "lambda:SourceFunctionArn":
                            f"arn:{partition}:lambda:{here}:function:rangefinder-{STAGE}*"
                    }
                },
            },
            _allow("LogInToTheDatabase", ["rds-db:connect"], outputs["DatabaseUserArn"]),
            _allow("KeepUploadedPhotos", ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
                   f"arn:{partition}:s3:::{outputs['UploadsBucket']}/{PREFIX}*"),
        ],
    }  # fmt: skip


def region_of(outputs: Outputs) -> str:
    """Where the database is."""
    return outputs["DatabaseUserArn"].split(":")[3]


def checked(certificates: bytes) -> bytes:
    """The same, if they are certificates. Raises ``ConfigurationError``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=certificates.decode("ascii"))
    except (ssl.SSLError, ValueError):
        raise ConfigurationError("These are no certificates in PEM form.") from None
    return certificates


def download(region: str) -> bytes:
    """The authorities that sign for databases of a region."""
    with urllib.request.urlopen(  # an address of https  # nosec B310
        CERTIFICATES_URL.format(region=region), timeout=DOWNLOAD_SECONDS
    ) as answer:
        found: bytes = answer.read()
        return found


def configure(project: Path, outputs: Outputs, certificates: bytes) -> None:
    """Write all of it. Raises ``ConfigurationError`` before anything is written."""
    try:
        attached, settings, rights = network(outputs), variables(outputs), policy(outputs)
    except KeyError as missing:
        raise ConfigurationError(f"No stack has an output {missing.args[0]}.") from None
    checked(certificates)
    target = project / CERTIFICATES
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(certificates)
    settings["RANGEFINDER_MYSQL_CERTIFICATE_AUTHORITIES"] = CERTIFICATES.as_posix()
    path = project / ".chalice" / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    stage = config["stages"][STAGE]
    stage.update(attached)
    stage.setdefault("environment_variables", {}).update(settings)
    _write(path, config)
    _write(project / ".chalice" / stage["iam_policy_file"], rights)


def _allow(name: str, actions: list[str], resource: str | list[str]) -> dict[str, Any]:
    return {"Sid": name, "Effect": "Allow", "Action": actions, "Resource": resource}


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def main() -> int:
    """Configure the stage, and say what comes next."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--stacks", nargs="+", default=STACKS, help="default: %(default)s")
    parser.add_argument("--outputs", type=Path, help="a file in place of AWS")
    parser.add_argument("--certificates", type=Path, help="a PEM file in place of RDS's own")
    arguments = parser.parse_args()
    if arguments.outputs:
        outputs = from_file(arguments.outputs)
    else:
        import boto3  # noqa: PLC0415 - whoever gives a file needs no AWS

        outputs = from_aws(boto3.client("cloudformation"), arguments.stacks)
    try:
        given = arguments.certificates
        certificates = given.read_bytes() if given else download(region_of(outputs))
        configure(ROOT, outputs, certificates)
    except (ConfigurationError, KeyError, OSError) as error:
        print(f"Nothing was written: {error}", file=sys.stderr)
        return 1
    print(f"The {STAGE} stage is configured. Next: chalice deploy --stage {STAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
