"""Write a software bill of materials of the package (SBOM; CycloneDX 1.6, ECMA-424).

``make package`` writes it beside the package, so that an operator can tell whether a
vulnerability concerns them. It lists the package's content, not the requirements, and under
each wheel the C libraries inside it (``native_libraries.py``). The same package gives the same
bytes.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from email.message import Message
from email.parser import HeaderParser
from importlib.metadata import distribution
from pathlib import Path
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.hash.factories import HashTypeFactory
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.component_evidence import ComponentEvidence, Occurrence
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from chalicelib import __version__
from tools.package.native_libraries import NativeLibrary, native_libraries, normalized

LONGEST_NAME: Final = 60
"""Characters. A longer licence field holds the licence's text, not its name."""

MODEL_CARD: Final = Path("chalicelib/data/model/model.json")


def bill_of_materials(
    unpacked: Path, package: Path, wheel_bills: Mapping[str, Mapping[str, str]]
) -> str:
    """Return the SBOM of a package, as JSON.

    Args:
        unpacked: The content of the package.
        package: The zip, which gives the SBOM its serial number.
        wheel_bills: The versions of C libraries that the wheels' own bills state.
    """
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    parts = sorted([*libraries(unpacked, wheel_bills), model(unpacked)])
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
    for part in parts:
        bill.register_dependency(part, part.components)
    document = json.loads(JsonV1Dot6(bill).output_as_string())
    del document["metadata"]["timestamp"]  # The same package must give the same bytes.
    for wheel in document["components"]:
        for library in wheel.get("components", []):  # cyclonedx gives them in any order.
            library["evidence"]["occurrences"].sort(key=lambda file: file["location"])
    return json.dumps(document, indent=2) + "\n"


def libraries(unpacked: Path, wheel_bills: Mapping[str, Mapping[str, str]]) -> Iterator[Component]:
    """Yield the distributions in the package, each with the C libraries inside it.

    Chalice adds its own runtime without any metadata. We add that.
    """
    texts = [file.read_text("utf-8") for file in unpacked.glob("*.dist-info/METADATA")]
    texts.append(distribution("chalice").read_text("METADATA") or "")
    for headers in map(HeaderParser().parsestr, texts):
        address = PackageURL("pypi", name=headers["Name"].lower(), version=headers["Version"])
        listed = wheel_bills.get(normalized(headers["Name"]), {})
        inside = native_libraries(unpacked, headers["Name"], listed)
        yield Component(
            name=headers["Name"],
            version=headers["Version"],
            type=ComponentType.LIBRARY,
            bom_ref=str(address),
            purl=address,
            licenses=map(LicenseFactory().make_from_string, licences_of(headers)),
            components=[native_component(library, address) for library in inside],
        )


def native_component(library: NativeLibrary, wheel: PackageURL) -> Component:
    """Return a C library inside a wheel, with the files that contain it."""
    vcs = ExternalReferenceType.VCS
    return Component(
        name=library.name,
        version=library.version,
        type=ComponentType.LIBRARY,
        bom_ref=f"{wheel}#{library.name}",
        purl=PackageURL("generic", name=library.name, version=library.version),
        licenses=[LicenseFactory().make_from_string(library.licence)] if library.licence else [],
        external_references=[ExternalReference(type=vcs, url=XsUri(library.source))]
        if library.source
        else [],
        evidence=ComponentEvidence(
            occurrences=[Occurrence(location=file) for file in library.files]
        ),
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
