"""The parts that need a server: the second half of :mod:`chalicelib.bootstrap`.

A module of its own because the clients of MySQL and Redis take a while to import, a tenth of
a second on a cold start: a deployment without servers never imports it.
"""

import random
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from chalicelib.features.credentials import from_iam, from_secret
from chalicelib.features.mysql import MysqlFeatures, MysqlOptions
from chalicelib.features.mysql_url import MysqlConnection
from chalicelib.features.redis_cache import RedisCache, RedisOptions
from chalicelib.features.shared_cache import CachePolicy, SharedCachedFeatures
from chalicelib.ports import Clock, FeatureRepository, Runtime
from chalicelib.runtime.aws import aws_client
from chalicelib.settings import Settings


def database(settings: Settings, clock: Clock) -> FeatureRepository:
    """The database that ``settings`` name."""
    assert settings.mysql_url
    options = MysqlOptions(
        timeout=settings.mysql_timeout_seconds,
        certificate_authorities=_path(settings.mysql_certificate_authorities),
    )
    return MysqlFeatures(mysql_credentials(settings, settings.mysql_url, clock), options, clock)


def shared_cache(
    repository: FeatureRepository, settings: Settings, clock: Clock, process: Runtime | None
) -> FeatureRepository:
    """The repository behind the cache that ``settings`` name; ``process`` is else this one."""
    options = RedisOptions(
        settings.redis_url,
        is_cluster=settings.redis_cluster,
        timeout=settings.redis_timeout_seconds,
        certificate_authorities=_path(settings.redis_certificate_authorities),
    )
    times = CachePolicy(fresh=settings.shared_cache_seconds, kept=settings.cache_kept_seconds)
    return SharedCachedFeatures(
        repository, RedisCache(options, clock), times, process or this_process()
    )


def this_process() -> Runtime:
    """Real time, and chances that the system draws.

    Environments that Lambda restores from one snapshot would share a name that was made at the
    start, and the state of Python's own generator.
    """
    return Runtime(lambda: uuid.uuid4().hex, time.time, time.sleep, random.SystemRandom().random)


def mysql_credentials(
    settings: Settings, server: MysqlConnection, clock: Clock
) -> Callable[[], MysqlConnection]:
    """Who to log in as: as the URL says, unless Secrets Manager or IAM is to be asked."""
    if settings.mysql_secret:
        return from_secret(server, settings.mysql_secret, aws_client, clock)
    if settings.mysql_iam:
        return from_iam(server, aws_client, clock)
    return lambda: server


def _path(path: Path | None) -> str | None:
    return None if path is None else str(path)
