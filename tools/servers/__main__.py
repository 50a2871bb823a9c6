"""Run the suites of the database and the cache on MySQL and Valkey: ``make test-servers``.

``make test`` runs them on MariaDB and Redis. Aurora MySQL 3 speaks the protocol and SQL of MySQL
8.0, and ElastiCache Serverless runs Valkey 8; so each pair below has one of those or the newest.
"""

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools import ROOT
from tools.servers.packages import NOBLE, SID, TRIXIE, FetchError, Release, fetch, program

SUITES: Final = (
    "tests/integration/test_mysql.py",
    "tests/integration/test_mysql_users.py",
    "tests/integration/test_import_mysql.py",
    "tests/integration/test_operations.py",
    "tests/integration/test_redis.py",
    "tests/robustness",
)


@dataclass(frozen=True, slots=True)
class Pair:
    """A database and a cache, with the releases and packages that have them."""

    database: tuple[Release, str]
    cache: tuple[Release, str]


PAIRS: Final = {
    "aws": Pair((NOBLE, "mysql-server-core-8.0"), (TRIXIE, "valkey-server")),
    "newest": Pair((SID, "mysql-server-core"), (SID, "valkey-server")),
}

SID_PACKAGES: Final = ("mysql-server-core", "valkey-server", "ubuntu-archive-keyring")


def programs(pair: Pair) -> tuple[Path, Path]:
    """Fetch a pair, and return the programs of its database and its cache."""
    fetch(SID, *SID_PACKAGES)
    for release, package in (pair.database, pair.cache):
        if release != SID:
            fetch(release, package)
    database, cache = pair.database[0], pair.cache[0]
    # MySQL finds its messages and character sets below its base directory.
    base = f"--basedir={database.root / 'usr'}"
    return program(database, "usr/sbin/mysqld", base), program(cache, "usr/bin/valkey-server")


def version(path: Path) -> str:
    """Return the version that a program tells."""
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=True)
    told = re.search(r"(?:Ver |v=)(\S+)", done.stdout)
    return told[1] if told else done.stdout.strip()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the suites on each pair; return how many of them failed, or 2 without servers."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pair", choices=PAIRS, action="append", help="only this pair")
    parser.add_argument("--fetch-only", action="store_true", help="fetch, and run nothing")
    own, pytest_arguments = parser.parse_known_args(arguments)
    failed, told = 0, []
    for name in own.pair or PAIRS:
        try:
            database, cache = programs(PAIRS[name])
        except FetchError as error:
            print(error, file=sys.stderr)
            return 2
        servers = f"{name}: MySQL {version(database)}, Valkey {version(cache)}"
        print(f"== {servers}", flush=True)
        result = "fetched"
        if not own.fetch_only:
            result = "passed" if _run(database, cache, pytest_arguments) else "FAILED"
        failed += result == "FAILED"
        told.append(f"{servers}: {result}")
    print("\n".join(told))
    return int(failed > 0)


def _run(database: Path, cache: Path, arguments: Sequence[str]) -> bool:
    """Run the suites; return whether they passed. The tests stop the servers that they start."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.endswith("_URL")},
        "MYSQL_SERVER": str(database),
        "REDIS_SERVER": str(cache),
    }
    command = [sys.executable, "-m", "pytest", *(arguments or SUITES)]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
