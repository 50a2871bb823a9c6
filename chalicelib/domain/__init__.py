"""The words of the job: values, and nothing that touches the world.

Every package may import it, except ``errors``; it imports none of them. Names follow Darwin Core
(https://dwc.tdwg.org/terms/) wherever it has a term. The values are frozen ``msgspec.Struct``s:
Python makes such a class in 11 microseconds, a named tuple in 143 and a dataclass in 597, and a
cold start makes all of them. A struct equals only another of its own class.
"""

from chalicelib.domain.answer import (
    Candidate,
    Decision,
    DecisionKind,
    Identification,
    NamedTaxon,
    Occurrence,
    Rejection,
)
from chalicelib.domain.features import (
    EXPECTED_IN_RANGE,
    PRESENCE_BY_STATUS,
    Dataset,
    FeatureSource,
    GeoStatus,
    PlaceFeatures,
    PlaceLookup,
    SpeciesRange,
    Status,
    TaxonFeature,
    TaxonPresences,
    UnitInterval,
)
from chalicelib.domain.model import (
    ENGLISH,
    HIGHER_RANKS,
    SPECIES_RANKS,
    Geography,
    LookRule,
    Model,
    ModelInput,
    Scores,
    Taxon,
    Thresholds,
    VernacularNames,
)
from chalicelib.domain.photo import (
    MEDIA_TYPES,
    ExifReading,
    MissingPosition,
    Part,
    Pixels,
    PresignedUpload,
    View,
)
from chalicelib.domain.place import (
    MAX_UNCERTAINTY_METRES,
    WHOLE_YEAR,
    Coordinates,
    EventDate,
    ExifFault,
    Location,
    LocationSource,
)

__all__ = [
    "ENGLISH",
    "EXPECTED_IN_RANGE",
    "HIGHER_RANKS",
    "MAX_UNCERTAINTY_METRES",
    "MEDIA_TYPES",
    "PRESENCE_BY_STATUS",
    "SPECIES_RANKS",
    "WHOLE_YEAR",
    "Candidate",
    "Coordinates",
    "Dataset",
    "Decision",
    "DecisionKind",
    "EventDate",
    "ExifFault",
    "ExifReading",
    "FeatureSource",
    "GeoStatus",
    "Geography",
    "Identification",
    "Location",
    "LocationSource",
    "LookRule",
    "MissingPosition",
    "Model",
    "ModelInput",
    "NamedTaxon",
    "Occurrence",
    "Part",
    "Pixels",
    "PlaceFeatures",
    "PlaceLookup",
    "PresignedUpload",
    "Rejection",
    "Scores",
    "SpeciesRange",
    "Status",
    "Taxon",
    "TaxonFeature",
    "TaxonPresences",
    "Thresholds",
    "UnitInterval",
    "VernacularNames",
    "View",
]
