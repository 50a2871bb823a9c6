"""Write a software bill of materials of the package (SBOM; CycloneDX 1.6, ECMA-424).

``make package`` writes it beside the package, so that an operator can tell whether a
vulnerability concerns them. It lists the package's content, not the requirements. The same
package gives the same bytes.
"""

import hashlib
import json
from collections.abc import Iterator
from email.message import Message
from email.parser import HeaderParser
from importlib.metadata import distribution
from pathlib import Path
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.hash.factories import HashTypeFactory
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from chalicelib import __version__

LONGEST_NAME: Final = 60
"""Characters. A longer licence field holds the licence's text, not its name."""

MODEL_CARD: Final = Path("chalicelib/data/model/model.json")


def bill_of_materials(unpacked: Path, package: Path) -> str:
    """Return the SBOM of a package, as JSON."""
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    parts = sorted([*libraries(unpacked), model(unpacked)])
    bill = Bom(components=parts, serial_number=uuid5(NAMESPACE_URL, digest))
    bill.metadata.component = Component(
        name="rangefinder",
        version=__version__,
        type=ComponentType.APPLICATION,
        bom_ref="rangefinder",
        hashes=[HashTypeFactory().from_hashlib_alg("sha256", digest)],
        licenses=[LicenseFactory().make_from_string("Apache-2.0")],
    )
    bill.register_dependency(bill.metadata.component, parts)
    document = json.loads(JsonV1Dot6(bill).output_as_string())
    del document["metadata"]["timestamp"]  # The same package must give the same bytes.
    return json.dumps(document, indent=2) + "\n"


def libraries(unpacked: Path) -> Iterator[Component]:
    """Yield the distributions in the package.

    Chalice adds its own runtime without any metadata. We add that.
    """
    texts = [file.read_text("utf-8") for file in unpacked.glob("*.dist-info/METADATA")]
    texts.append(distribution("chalice").read_text("METADATA") or "")
    for headers in map(HeaderParser().parsestr, texts):
        address = PackageURL("pypi", name=headers["Name"].lower(), version=headers["Version"])
        yield Component(
            name=headers["Name"],
            version=headers["Version"],
            type=ComponentType.LIBRARY,
            bom_ref=str(address),
            purl=address,
            licenses=map(LicenseFactory().make_from_string, licences_of(headers)),
        )


def licences_of(headers: Message) -> list[str]:
    """Return the licences' names: an SPDX expression, or what older metadata says."""
    if expression := headers["License-Expression"]:
        return [str(expression)]
    names = {
        name.rpartition(" :: ")[2]
        for name in headers.get_all("Classifier", [])
        if name.startswith("License :: ")
    }
    if 0 < len(name := str(headers["License"] or "")) <= LONGEST_NAME:
        names.add(name)
    return sorted(names) or ["as its LICENSE file says"]


def model(unpacked: Path) -> Component:
    """Return the model's weights, with the hash that its card states."""
    card = json.loads((unpacked / MODEL_CARD).read_text(encoding="utf-8"))
    return Component(
        name=card["name"],
        version=card["version"],
        type=ComponentType.MACHINE_LEARNING_MODEL,
        bom_ref=card["name"],
        hashes=[HashTypeFactory().from_hashlib_alg("sha256", card["sha256"])],
        licenses=[LicenseFactory().make_from_string(card["license"])],
    )
