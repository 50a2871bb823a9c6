"""Answers that are drawn on a map: GeoJSON (RFC 7946), as typed models."""

from typing import Final

import h3

from chalicelib import domain
from chalicelib.http import schemas
from chalicelib.http.cell_geometry import Point, outline

MEDIA_TYPE: Final = "application/geo+json"

RANGE_DECIMALS: Final = 2
"""Digits of degrees that an outline of a range has: a kilometre, on cells of 340."""


class Polygon(schemas.Answer, tag_field="type", tag="Polygon"):
    """Rings of longitude and latitude; there is but the outer one."""

    coordinates: list[list[Point]]


class MultiPolygon(schemas.Answer, tag_field="type", tag="MultiPolygon"):
    """Polygons: the parts of what crosses the antimeridian."""

    coordinates: list[list[list[Point]]]


class CellProperties(schemas.Answer):
    """``resolution`` is H3's: 0, cells of 2,200 km, to 15, cells of a metre."""

    resolution: int


class Cell(schemas.Answer, tag_field="type", tag="Feature"):
    """``GET /v1/cells/{cell}``: the outline of an H3 cell, whose index is ``id``."""

    id: str
    geometry: Polygon | MultiPolygon
    properties: CellProperties


class RangeProperties(schemas.Answer):
    """``presence`` (0 to 1) tells how firmly the animal is expected there."""

    presence: float


class RangeCell(schemas.Answer, tag_field="type", tag="Feature"):
    """An H3 cell in which the animal is expected; its index is ``id``."""

    id: str
    geometry: Polygon | MultiPolygon
    properties: RangeProperties


class RangeGeo(schemas.Answer):
    """Whether the animal's range is known: where not, there are no features."""

    status: domain.GeoStatus
    dataset: str | None
    detail: str


class Range(schemas.Answer, tag_field="type", tag="FeatureCollection"):
    """``GET /v1/species/{taxonID}/range``: where in the world an animal is expected."""

    taxon: schemas.Taxon
    geo: RangeGeo
    features: list[RangeCell]


DETAILS: Final = {
    domain.GeoStatus.APPLIED: "The animal is expected in these cells.",
    domain.GeoStatus.NO_DATA: "The dataset has no range of this animal.",
    domain.GeoStatus.DEGRADED: "The data of places could not be reached.",
    domain.GeoStatus.DISABLED: "This deployment does not use places.",
}


def cell(index: str) -> Cell:
    """A cell's outline as the API shows it."""
    return Cell(
        id=index,
        geometry=geometry(outline(index)),
        properties=CellProperties(resolution=h3.get_resolution(index)),
    )


def species_range(
    taxon: domain.Taxon, found: domain.SpeciesRange, names: domain.VernacularNames
) -> Range:
    """A range as the API shows it."""
    return Range(
        taxon=schemas.taxon(taxon, names),
        geo=RangeGeo(
            status=found.status,
            dataset=found.dataset.version if found.dataset else None,
            detail=DETAILS[found.status],
        ),
        features=[
            RangeCell(
                id=index,
                geometry=geometry(outline(index, RANGE_DECIMALS)),
                properties=RangeProperties(presence=round(presence, 4)),
            )
            for index, presence in sorted(found.presences.items())
        ],
    )


def geometry(rings: list[list[Point]]) -> Polygon | MultiPolygon:
    """The parts of a shape as one geometry."""
    if len(rings) == 1:
        return Polygon(coordinates=rings)
    return MultiPolygon(coordinates=[[ring] for ring in rings])
