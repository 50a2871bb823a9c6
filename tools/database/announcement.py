"""Announce a new dataset to the environments of the service, through the shared cache.

They look at the cache, not at the database, so that the database can sleep.
"""

import sys
import time

from chalicelib.bootstrap import mysql_features, shared_features, system_runtime
from chalicelib.errors import CacheUnavailable, FeaturesUnavailable
from chalicelib.settings import Settings


def announce(settings: Settings) -> None:
    """Write the active dataset of the database to the cache, and print what came of it.

    The dataset is active, whatever happens here: a cache that cannot be written is no failure of
    the command. Without a cache there is nothing to announce.
    """
    if not (settings.redis_url and settings.mysql_url):
        print("RANGEFINDER_REDIS_URL is not set. Environments without a cache notice a new")
        print(f"dataset within a minute, environments with one within {_hours(settings)}.")
        return
    service = shared_features(
        settings,
        mysql_features(settings, settings.mysql_url, time.monotonic),
        time.monotonic,
        system_runtime(),
        lambda work: work(),
    )
    try:
        dataset = service.announce()
    except (CacheUnavailable, FeaturesUnavailable) as error:
        print(f"The dataset is active, but could not be announced: {error}", file=sys.stderr)
        print(f"Environments notice it within {_hours(settings)}.", file=sys.stderr)
        return
    print(f"{dataset.version} is announced: environments use it within a minute.")


def _hours(settings: Settings) -> str:
    return f"{settings.dataset_check_seconds / 3600:g} hours"
