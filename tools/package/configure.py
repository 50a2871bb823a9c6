"""Write the stacks' outputs into the ``prod`` stage: ``make configure``.

Reads the outputs of ``infra/network.yaml`` and ``infra/data.yaml``, from AWS or from a file in
the form of ``aws cloudformation describe-stacks``. Writes the stage's network and settings into
``.chalice/config.json`` and its permissions into ``.chalice/policy-prod.json``. The authorities
that sign the database's certificate go into ``chalicelib/certificates/``, so that they ship with
the function. All other keys stay as they are.
"""

import argparse
import json
import ssl
import sys
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

from chalicelib.photo.uploads import PREFIX
from tools import ROOT

STAGE: Final = "prod"
STACKS: Final = ("rangefinder-network", "rangefinder-data")
DATABASE_USER: Final = "rangefinder"
DATABASE: Final = "rangefinder"
CACHE_USER: Final = "rangefinder"

CERTIFICATES: Final = Path("chalicelib/certificates/rds.pem")
"""Relative to the project, and to the directory in which Lambda starts the function."""

CERTIFICATES_URL: Final = "https://truststore.pki.rds.amazonaws.com/{region}/{region}-bundle.pem"
"""RDS signs with its own authorities, which no system trusts by default. A region has three
(https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/UsingWithRDS.SSL.html)."""

DOWNLOAD_SECONDS: Final = 30.0

Outputs = Mapping[str, str]


class ConfigurationError(Exception):
    """A stack lacks an output, or the certificates cannot be read."""


def collect(stacks: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the outputs of all stacks together, as ``describe-stacks`` lists them."""
    return {
        output["OutputKey"]: output["OutputValue"]
        for stack in stacks
        for output in stack.get("Outputs", ())
    }


def from_file(path: Path) -> dict[str, str]:
    """Return the outputs in a file."""
    return collect(json.loads(path.read_text(encoding="utf-8"))["Stacks"])


def from_aws(client: Any, names: Iterable[str]) -> dict[str, str]:
    """Return the outputs of the stacks with these names."""
    return collect(
        stack for name in names for stack in client.describe_stacks(StackName=name)["Stacks"]
    )


def network(outputs: Outputs) -> dict[str, list[str]]:
    """Return the keys of ``config.json`` that attach the function to its network."""
    return {
        "subnet_ids": outputs["PrivateSubnets"].split(","),
        "security_group_ids": [outputs["FunctionSecurityGroup"]],
    }


def variables(outputs: Outputs) -> dict[str, str]:
    """Return the settings that follow from the stacks. None is a secret."""
    database = f"{outputs['DatabaseEndpoint']}:{outputs['DatabasePort']}"
    # The password stays in its secret. `make deploy` or CloudFormation puts it in.
    user = f"{CACHE_USER}:{{{{resolve:secretsmanager:{outputs['CacheSecret']}}}}}"
    cache = f"{outputs['CacheEndpoint']}:{outputs['CachePort']}"
    return {
        "RANGEFINDER_DEPLOYMENT": f"rangefinder-{STAGE}",
        "RANGEFINDER_MYSQL_URL": f"mysql://{DATABASE_USER}@{database}/{DATABASE}",
        "RANGEFINDER_MYSQL_IAM": "on",
        "RANGEFINDER_REDIS_URL": f"rediss://{user}@{cache}",
        "RANGEFINDER_REDIS_CLUSTER": "on",
        "RANGEFINDER_UPLOADS_BUCKET": outputs["UploadsBucket"],
    }


def policy(outputs: Outputs) -> dict[str, Any]:
    """Return the function's permissions: each action, and its resources."""
    _, partition, _, region, account, *_ = outputs["DatabaseUserArn"].split(":")
    here = f"{region}:{account}"
    log = f"arn:{partition}:logs:{here}:log-group:/aws/lambda/rangefinder-{STAGE}"
    interfaces = [
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:AssignPrivateIpAddresses",
        "ec2:UnassignPrivateIpAddresses",
    ]
    reads = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"]
    return {
        "Version": "2012-10-17",
        "Statement": [
            _allow("WriteLogs", ["logs:CreateLogGroup", "logs:CreateLogStream",
                                 "logs:PutLogEvents"], [log, f"{log}:*"]),
            # These actions have no resources.
            _allow("SendTraces", ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], "*"),
            # Lambda itself attaches the function. The interfaces' names are not known before.
            _allow("AttachToNetwork", interfaces, f"arn:{partition}:ec2:{here}:*/*"),
            _allow("DescribeNetwork", reads, "*"),
            # Lambda needs these rights, but the function's own code does not.
            {
                "Sid": "DenyNetworkToOwnCode",
                "Effect": "Deny",
                "Action": interfaces + reads,
                "Resource": "*",
                "Condition": {
                    "ArnLike": {
                        "lambda:SourceFunctionArn":
                            f"arn:{partition}:lambda:{here}:function:rangefinder-{STAGE}*"
                    }
                },
            },
            _allow("ConnectToDatabase", ["rds-db:connect"], outputs["DatabaseUserArn"]),
            _allow("ReadWriteAndDeleteUploads", ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
                   f"arn:{partition}:s3:::{outputs['UploadsBucket']}/{PREFIX}*"),
        ],
    }  # fmt: skip


def region_of(outputs: Outputs) -> str:
    """Return the region of the database."""
    return outputs["DatabaseUserArn"].split(":")[3]


def check_certificates(certificates: bytes) -> bytes:
    """Return the certificates unchanged. Raises ``ConfigurationError``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=certificates.decode("ascii"))
    except (ssl.SSLError, ValueError):
        raise ConfigurationError("The file does not hold certificates in PEM format.") from None
    return certificates


def download(region: str) -> bytes:
    """Return the authorities that sign for the databases of a region."""
    with urllib.request.urlopen(  # an address of https  # nosec B310
        CERTIFICATES_URL.format(region=region), timeout=DOWNLOAD_SECONDS
    ) as response:
        certificates: bytes = response.read()
        return certificates


def configure(project: Path, outputs: Outputs, certificates: bytes) -> None:
    """Write stage, permissions and certificates.

    Args:
        project: The directory of the project.
        outputs: The outputs of all stacks.
        certificates: The database's authorities, in PEM format.

    Raises:
        ConfigurationError: An output or the certificates are missing. Nothing is written.
    """
    try:
        attached, settings, rights = network(outputs), variables(outputs), policy(outputs)
    except KeyError as missing:
        raise ConfigurationError(f"No stack has an output {missing.args[0]}.") from None
    check_certificates(certificates)
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


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Configure the stage of the project in ``root``, and print the next command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--stacks", nargs="+", default=STACKS, help="default: %(default)s")
    parser.add_argument("--outputs", type=Path, help="a file in place of AWS")
    parser.add_argument("--certificates", type=Path, help="a PEM file in place of RDS's own")
    options = parser.parse_args(arguments)
    try:
        if options.outputs:
            outputs = from_file(options.outputs)
        else:
            client = Session().create_client("cloudformation")
            outputs = from_aws(client, options.stacks)
        given = options.certificates
        certificates = given.read_bytes() if given else download(region_of(outputs))
        configure(root, outputs, certificates)
    except (ConfigurationError, KeyError, OSError, BotoCoreError, ClientError) as error:
        print(f"Nothing was written: {error}", file=sys.stderr)
        return 1
    print(f"The {STAGE} stage is configured. Next: make deploy STAGE={STAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
