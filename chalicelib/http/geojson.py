"""Responses for maps: GeoJSON (RFC 7946) as typed models, and their mappers."""

from typing import Final

import h3

from chalicelib import domain
from chalicelib.http import mappers, schemas
from chalicelib.http.cell_geometry import Point, outline

MEDIA_TYPE: Final = "application/geo+json"

RANGE_DECIMALS: Final = 2
"""Decimal digits of a range's outlines: about 1 km, for cells that are 340 km wide."""


class Polygon(schemas.Answer, tag_field="type", tag="Polygon"):
    """A list with one ring, the outer one, of longitude and latitude."""

    coordinates: list[list[Point]]


class MultiPolygon(schemas.Answer, tag_field="type", tag="MultiPolygon"):
    """The parts of a shape that crosses the antimeridian."""

    coordinates: list[list[list[Point]]]


class CellProperties(schemas.Answer):
    """``resolution`` is H3's: from 0 (cells of 2,200 km) to 15 (cells of a metre)."""

    resolution: int


class Cell(schemas.Answer, tag_field="type", tag="Feature"):
    """``GET /v1/cells/{cell}``: the outline of an H3 cell, whose index is ``id``."""

    id: str
    geometry: Polygon | MultiPolygon
    properties: CellProperties


class RangeProperties(schemas.Answer):
    """``presence`` (0 to 1) says how firmly the animal is expected there."""

    presence: float


class RangeCell(schemas.Answer, tag_field="type", tag="Feature"):
    """An H3 cell in which the animal is expected; its index is ``id``."""

    id: str
    geometry: Polygon | MultiPolygon
    properties: RangeProperties


class RangeGeo(schemas.Answer):
    """The status of the range. Unless it is ``applied``, there are no features."""

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
    domain.GeoStatus.DEGRADED: "The data on places are unavailable. Try again later.",
    domain.GeoStatus.DISABLED: "This deployment does not use locations.",
}


def cell(index: str) -> Cell:
    """Map an H3 cell to its outline."""
    return Cell(
        id=index,
        geometry=geometry(outline(index)),
        properties=CellProperties(resolution=h3.get_resolution(index)),
    )


def species_range(
    taxon: domain.Taxon, species_range: domain.SpeciesRange, names: domain.VernacularNames
) -> Range:
    """Map a range to the outlines of its cells."""
    dataset = species_range.dataset
    return Range(
        taxon=mappers.taxon(taxon, names),
        geo=RangeGeo(
            status=species_range.status,
            dataset=dataset.version if dataset else None,
            detail=DETAILS[species_range.status],
        ),
        features=[
            RangeCell(
                id=index,
                geometry=geometry(outline(index, RANGE_DECIMALS)),
                properties=RangeProperties(presence=round(presence, 4)),
            )
            for index, presence in sorted(species_range.presences.items())
        ],
    )


def geometry(rings: list[list[Point]]) -> Polygon | MultiPolygon:
    """Combine the parts of a shape into one geometry."""
    if len(rings) == 1:
        return Polygon(coordinates=rings)
    return MultiPolygon(coordinates=[[ring] for ring in rings])
