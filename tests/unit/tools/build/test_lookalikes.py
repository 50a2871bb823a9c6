"""Test the tables of animals that the model does not know."""

import csv
from collections.abc import Mapping

import pytest

from chalicelib.domain import PRESENCE_BY_STATUS, Status
from tools.build import facts, lookalikes, relatives
from tools.build.facts import FactError, read_table
from tools.build.regions import Regions

REGIONS = Regions.read()
TAXA = lookalikes.unlisted_taxa()
STATUSES = lookalikes.unlisted_statuses(REGIONS, TAXA)


def taxon(name: str, **members: str) -> dict[str, str]:
    """A row of unlisted.csv."""
    return {
        "taxonID": f"inat:{name}", "scientificName": name, "vernacularName": name,
        "taxonRank": "species", "class": "Mammalia", "order": "Carnivora", "family": "Procyonidae",
        "genus": "Procyon", "habitat": "land", **members,
    }  # fmt: skip


def ranges(*rows: tuple[str, str]) -> list[dict[str, str]]:
    """Rows of unlisted_ranges.csv for one taxon, given as status and regions."""
    return [{"scientificName": "a", "status": status, "regions": codes} for status, codes in rows]


def statuses(*rows: tuple[str, str]) -> dict[str, Status | None]:
    """The statuses of one taxon by region."""
    found = lookalikes.unlisted_statuses(REGIONS, {"a": taxon("a")}, ranges(*rows))
    return {region: taxa.get("inat:a") for region, taxa in found.items()}


def test_the_finest_code_counts():
    """A box wins over its country, a country over its continent, that over the world."""
    found = statuses(
        ("native", "003"), ("introduced", "150"), ("marginal", "001 DE"), ("extirpated", "US/texas")
    )
    assert found["CA"] is Status.NATIVE
    assert found["PL"] is Status.INTRODUCED
    assert found["DE"] is Status.MARGINAL
    assert found["AU"] is Status.MARGINAL
    assert (found["US/florida"], found["US/texas"]) == (Status.NATIVE, Status.EXTIRPATED)


def test_a_part_can_be_taken_out_and_given_another_status():
    """What one row takes out, another may put in."""
    found = statuses(("native", "150 -GB -IE"), ("introduced", "IE"))
    assert found["PL"] is Status.NATIVE
    assert found["GB"] is None
    assert found["IE"] is Status.INTRODUCED


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ([("native", "Atlantis")], "Atlantis"),
        ([("native", "DE"), ("introduced", "DE")], "DE twice"),
        ([("recorded", "DE")], "no status of a range"),
        ([("native", "DE"), ("common", "FR")], "common"),
    ],
)
def test_a_range_that_makes_no_sense_stops_the_build(rows, fault):
    """The error says which row and why."""
    with pytest.raises(ValueError, match=fault):
        statuses(*rows)


def test_a_taxon_without_a_range_stops_the_build():
    """It could live anywhere."""
    with pytest.raises(FactError, match="no region has a"):
        statuses()


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ([taxon("a"), taxon("a")], "twice"),
        ([taxon("Panthera onca")], "is a class of the model"),
        ([taxon("a", taxonID="")], "no taxonID"),
        ([taxon("a"), taxon("b", taxonID="inat:a")], "both inat:a"),
        ([taxon("a", taxonRank="kind")], "kind"),
        ([taxon("a", habitat="air")], "air"),
    ],
)
def test_a_taxon_that_makes_no_sense_stops_the_build(rows, fault):
    """The error says which one and why."""
    with pytest.raises(FactError, match=fault):
        lookalikes.unlisted_taxa(rows)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"scientificName": "Felis yeti"}, "no class"),
        ({"lookalike": "b"}, "not in unlisted.csv"),
        ({"likeness": "vague"}, "close or loose"),
        ({"commonTaxon": "Felidae", "commonRank": "family"}, "in common"),
    ],
)
def test_a_likeness_that_makes_no_sense_stops_the_build(change, fault):
    """The common taxon is what both lineages say."""
    row = {
        "scientificName": "Panthera onca", "lookalike": "a", "likeness": "close",
        "commonTaxon": "Carnivora", "commonRank": "order",
    }  # fmt: skip
    taxa = {"a": taxon("a")}
    assert lookalikes.lookalikes(taxa, [row]) == [row]
    with pytest.raises(FactError, match=fault):
        lookalikes.lookalikes(taxa, [{**row, **change}])
    with pytest.raises(FactError, match="twice"):
        lookalikes.lookalikes(taxa, [row, row])


def test_every_wild_class_has_a_lookalike():
    """A name without one would be given as if the model knew all animals."""
    with_lookalikes = {row["scientificName"] for row in lookalikes.lookalikes(TAXA)}
    wild = {
        row["scientificName"]
        for row in read_table("classes.csv")
        if row["geography"] in ("range", "cosmopolitan")
    }
    assert wild <= with_lookalikes


@pytest.mark.parametrize(
    ("name", "region", "status"),
    [
        ("Procyon lotor", "US/florida", Status.NATIVE),
        ("Procyon lotor", "DE", Status.INTRODUCED),
        ("Procyon lotor", "ZA", None),
        ("Spheniscus demersus", "ZA", Status.NATIVE),
        ("Giraffa", "GB", None),
    ],
)
def test_well_known_animals_live_where_everybody_knows(name, region, status):
    """A sample of what the decision rests on."""
    regions = [code for code in REGIONS.names if region in REGIONS.lineage(code)]
    found = {STATUSES[code].get(TAXA[name]["taxonID"]) for code in regions}
    assert status in found


def test_what_lives_everywhere_has_no_range():
    """Crows and flies say nothing about a place."""
    ranged = lookalikes.ranged_taxa(STATUSES)
    assert TAXA["Procyon lotor"]["taxonID"] in ranged
    assert len(ranged) > 1_000
    for taxa in STATUSES.values():
        assert all(status in PRESENCE_BY_STATUS for status in taxa.values())


def test_the_models_table_is_up_to_date(tmp_path):
    """A new build gives the same bytes."""
    lookalikes.build(tmp_path / "lookalikes.csv")
    built = (tmp_path / "lookalikes.csv").read_bytes()
    assert built == lookalikes.TARGET.read_bytes()


def only_raccoons(row: Mapping[str, str]) -> str | None:
    """A taxonomy that knows one animal."""
    return "inat:1" if row["scientificName"] == "Procyon lotor" else None


def test_identifiers_come_from_the_taxonomy_and_one_set_by_hand_stays():
    """A name that the taxonomy lacks is an error, which lists all of them."""
    rows = [taxon("Procyon lotor", taxonID=""), taxon("Meles yeti", taxonID="inat:7")]
    found = relatives.identify(rows, only_raccoons)
    assert [row["taxonID"] for row in found] == ["inat:1", "inat:7"]
    with pytest.raises(FactError, match=r"species Meles yeti .*, species Ursus yeti"):
        relatives.identify(
            [taxon("Meles yeti", taxonID=""), taxon("Ursus yeti", taxonID="")], only_raccoons
        )


def test_relatives_count_more_species_than_are_listed():
    """A class is one of its own genus."""
    with (facts.DATA / "relatives.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["scientificName"]: row for row in csv.DictReader(file)}
    assert rows.keys() == {row["scientificName"] for row in read_table("classes.csv")}
    assert int(rows["Panthera onca"]["genusListed"]) == 5
    assert int(rows["Panthera onca"]["familySpecies"]) > int(rows["Panthera onca"]["familyListed"])
