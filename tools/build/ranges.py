"""Status and season of each animal in each region, from ``ranges.csv`` and ``seasons.csv``."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from chalicelib.domain import PRESENCE_BY_STATUS, Status
from tools.build.facts import FactError
from tools.build.regions import Regions


def statuses_by_region(
    regions: Regions, ranges: Iterable[Mapping[str, str]], used: Iterable[str]
) -> dict[str, dict[str, Status]]:
    """Return the statuses in each region of ``used``: from its own row, else from its parent's.

    Raises ``FactError``.
    """
    stated: dict[str, dict[str, Status]] = defaultdict(dict)
    for row in ranges:
        region, taxon_id = row["region"], row["taxonID"]
        if region not in regions.names:
            raise FactError(
                f"ranges.csv: {taxon_id} is in {region}, which is in no table of regions"
            )
        if taxon_id in stated[region]:
            raise FactError(f"ranges.csv: {taxon_id} is in {region} twice")
        status = Status(row["status"])
        if status not in PRESENCE_BY_STATUS:
            raise FactError(
                f"ranges.csv: {taxon_id} is {status} in {region}, which is not a status of a range"
            )
        stated[region][taxon_id] = status
    result: dict[str, dict[str, Status]] = {}
    for region in used:
        merged: dict[str, Status] = {}
        for ancestor in reversed(tuple(regions.lineage(region))):
            merged |= stated[ancestor]
        result[region] = merged
    return result


def months_by_region(
    regions: Regions,
    rows: Iterable[Mapping[str, str]],
    statuses: Mapping[str, Mapping[str, Status]],
) -> dict[str, dict[str, int]]:
    """Return the months of each taxon in each region as bits: from its own row, else its parent's.

    Raises ``FactError``.
    """
    stated: dict[str, dict[str, int]] = defaultdict(dict)
    for row in rows:
        region, taxon_id = row["region"], row["taxonID"]
        inside = [inner for inner in statuses if region in regions.lineage(inner)]
        if not any(taxon_id in statuses[inner] for inner in inside):
            raise FactError(f"seasons.csv: {taxon_id} has no range in {region}")
        if taxon_id in stated[region]:
            raise FactError(f"seasons.csv: {taxon_id} is in {region} twice")
        stated[region][taxon_id] = month_bits(row["months"])
    result: dict[str, dict[str, int]] = {}
    for region in statuses:
        merged: dict[str, int] = {}
        for ancestor in reversed(tuple(regions.lineage(region))):
            merged |= stated[ancestor]
        result[region] = merged
    return result


def month_bits(months: str) -> int:
    """Return ``4-9`` as bits 4 to 9.

    ``11-3`` crosses the new year: bits 11, 12 and 1 to 3. ``3-5 8-11`` has two spans, as for a bird
    on passage.
    """
    bits = 0
    for span in months.split():
        first, last = (int(month) for month in span.split("-"))
        if not (1 <= first <= 12 and 1 <= last <= 12):
            raise FactError(f"seasons.csv: {months} is not a span of months such as 4-9")
        count = (last - first) % 12 + 1
        bits |= sum(1 << ((first - 1 + number) % 12 + 1) for number in range(count))
    return bits
