"""Measure the first request of an environment, with and without servers: ``make bench-first``.

Lambda's own runtime client runs the service from source, in turns without a database, with a
database that is reached over TLS with an IAM token, and with a cache in front of that (a cluster
with TLS and a password, as ElastiCache Serverless is). Each round starts a new process, which gets
one prediction; its time counts from the moment at which the process asks for it. The process has
one processor, as a function of 1,769 MB.

MariaDB cannot check IAM tokens, so it accepts every password here: what the client does is the
same, but for one round trip in which Aurora asks for the token in clear text (inside TLS).
"""

import argparse
import json
import os
import statistics
import tempfile
from collections.abc import Mapping
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

from tests.conftest import PLACES, load_places
from tests.forms import FORM_TYPE, form
from tests.gateway import event
from tests.lambda_runtime import FROM_SOURCE, lay_out_runtime, running
from tests.samples import SAMPLES
from tests.servers import make_certificates, mariadb, redis_server
from tools import ROOT

ROUNDS: Final = 21
PLACE: Final = PLACES["Pantanal"]

KEYS: Final = {
    "AWS_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "ASIAEXAMPLEEXAMPLE00",
    "AWS_SECRET_ACCESS_KEY": "x" * 40,
    "AWS_SESSION_TOKEN": "x" * 900,
}
"""What Lambda puts into the environment of a function."""


def prediction() -> dict[str, Any]:
    """Return the event of one prediction."""
    parts: list[tuple[str, bytes | str]] = [
        ("photo", SAMPLES["jaguar.jpg"].content),
        ("decimalLatitude", str(PLACE.latitude)),
        ("decimalLongitude", str(PLACE.longitude)),
    ]
    return event("POST", "/v1/predictions", form(*parts), {"Content-Type": FORM_TYPE})


def first_request(
    runtime: Path, environment: Mapping[str, str], source: str
) -> tuple[float, float]:
    """Start a process; return milliseconds to its first ``/next``, and of its first request."""
    processors = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(processors)})
    with running(ROOT, runtime, {**FROM_SOURCE, **environment}) as function:
        os.sched_setaffinity(0, processors)
        answer, seconds = function.timed_invoke(prediction())
        found = json.loads(answer["body"])["geo"]["source"]
        if found != source:
            raise RuntimeError(f"the place came from {found}, not from {source}")
        start = function.seconds_to_first_next
        return 1000 * start, 1000 * (seconds - start)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="default: %(default)s")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        for name in ("certificates", "mariadb", "redis"):
            (directory / name).mkdir()
        certificates = make_certificates(directory / "certificates")
        authorities = str(certificates / "ca.pem")
        runtime = lay_out_runtime(directory / "runtime")
        with (
            mariadb(directory / "mariadb", certificates) as database,
            redis_server(
                directory / "redis",
                is_cluster=True,
                certificates=certificates,
                password=token_hex(8),
            ) as cache,
        ):
            load_places(database.url)
            database.kill()
            database.start("--skip-grant-tables")
            with_database = {
                **KEYS,
                "RANGEFINDER_MYSQL_URL": f"mysql://iam@localhost:{database.port}/rangefinder",
                "RANGEFINDER_MYSQL_IAM": "on",
                "RANGEFINDER_MYSQL_CERTIFICATE_AUTHORITIES": authorities,
            }
            with_cache = {
                **with_database,
                "RANGEFINDER_REDIS_URL": cache.url,
                "RANGEFINDER_REDIS_CLUSTER": "on",
                "RANGEFINDER_REDIS_CERTIFICATE_AUTHORITIES": authorities,
            }
            variants: dict[str, tuple[Mapping[str, str], str]] = {
                "no database": (KEYS, "embedded"),
                "database": (with_database, "database"),
                "database and cache": (with_cache, "cache"),
            }
            first_request(runtime, with_cache, "database")  # It fills the cache.
            times: dict[str, list[tuple[float, float]]] = {name: [] for name in variants}
            print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, {rounds} rounds")
            for _ in range(rounds):
                for name, (environment, source) in variants.items():
                    times[name].append(first_request(runtime, environment, source))
    print(f"{'':20}{'start':>8}{'first request':>15}{'more':>8}   (ms, medians)")
    starts, requests = {}, {}
    for name, pairs in times.items():
        starts[name], requests[name] = (
            statistics.median(column) for column in zip(*pairs, strict=True)
        )
        more = requests[name] - requests["no database"]
        print(f"{name:20}{starts[name]:8.0f}{requests[name]:15.0f}{more:8.0f}")


if __name__ == "__main__":
    main()
