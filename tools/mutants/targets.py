"""The modules to change, and the tests that should notice: quickest first.

A new module that decides answers, money or privacy gets a line here. The tests stop at the first
failure, so a long list costs time for survivors only.
"""

from typing import Final

PREDICTIONS: Final = "tests/functional/test_predictions.py"
ANSWER: Final = (
    "tests/unit/answer", "tests/unit/test_identify.py", PREDICTIONS, "tests/functional/test_maps.py"
)  # fmt: skip
PLACE: Final = (
    "tests/unit/features/test_cells.py", "tests/unit/features/test_place_service.py",
    "tests/unit/features/test_smoothing.py", "tests/unit/tools/occurrences", PREDICTIONS,
    "tests/functional/test_maps.py", "tests/functional/test_facts.py",
)  # fmt: skip
CACHE: Final = (
    "tests/unit/features/test_cache_codec.py", "tests/unit/features/test_memory_cache.py",
    "tests/unit/features/test_shared_cache.py", "tests/unit/runtime/test_refreshed_value.py",
    "tests/functional/test_maps.py",
)  # fmt: skip
REDIS: Final = (
    "tests/unit/features/test_shared_cache.py", "tests/integration/test_redis.py",
    "tests/integration/test_redis_faults.py",
)  # fmt: skip
MYSQL: Final = (
    "tests/unit/features/test_mysql_session.py", "tests/unit/test_settings.py",
    "tests/integration/test_mysql.py", "tests/integration/test_mysql_users.py",
)  # fmt: skip
UPLOADS: Final = ("tests/integration/test_uploads.py",)
METADATA: Final = (
    "tests/unit/photo/metadata", "tests/unit/photo/test_reader.py", PREDICTIONS,
    "tests/functional/test_privacy.py",
)  # fmt: skip
HEIF: Final = ("tests/unit/photo/heif", "tests/unit/photo/test_reader.py", PREDICTIONS)
PHOTO: Final = (
    "tests/unit/photo/test_formats.py", "tests/unit/photo/test_reader.py",
    "tests/unit/photo/test_photo_limits.py", PREDICTIONS, "tests/functional/test_privacy.py",
    "tests/functional/test_hostile_uploads.py",
)  # fmt: skip
HTTP: Final = (
    "tests/unit/http", PREDICTIONS, "tests/functional/test_maps.py",
    "tests/functional/test_contract.py",
)  # fmt: skip
BREAKER: Final = ("tests/unit/runtime/test_circuit_breaker.py",)
OCCURRENCES: Final = (
    "tests/unit/tools/occurrences", "tests/functional/test_import_occurrences.py",
    "tests/functional/test_import_coverage.py", "tests/functional/test_import_formats.py",
    "tests/functional/test_import_models.py",
)  # fmt: skip
ATHENA: Final = (*OCCURRENCES, "tests/integration/test_athena.py")

CLASSIFIER: Final = (
    "tests/unit/classifier", PREDICTIONS, "tests/functional/test_second_looks.py",
    "tests/functional/test_specialists.py",
)  # fmt: skip
JOINED: Final = (
    "tests/unit/features/test_joined.py", "tests/functional/test_specialists.py",
)  # fmt: skip

TARGETS: Final[dict[str, tuple[str, ...]]] = {
    "chalicelib/answer/decision.py": ANSWER,
    "chalicelib/answer/lookalikes.py": ANSWER,
    "chalicelib/answer/names.py": ("tests/functional/test_names.py", *ANSWER),
    "chalicelib/answer/ranking.py": ANSWER,
    "chalicelib/answer/taxon_index.py": ANSWER,
    "chalicelib/classifier/card.py": CLASSIFIER,
    "chalicelib/classifier/labels.py": CLASSIFIER,
    "chalicelib/classifier/lookalike_table.py": CLASSIFIER,
    "chalicelib/classifier/looks.py": CLASSIFIER,
    "chalicelib/classifier/specialist.py": CLASSIFIER,
    "chalicelib/classifier/specialists.py": CLASSIFIER,
    "chalicelib/classifier/tflite.py": CLASSIFIER,
    "chalicelib/features/cache_aside.py": (*CACHE, *REDIS[1:]),
    "chalicelib/features/cache_codec.py": (*CACHE, *REDIS[1:]),
    "chalicelib/features/cells.py": PLACE,
    "chalicelib/features/credentials.py": MYSQL,
    "chalicelib/features/joined.py": JOINED,
    "chalicelib/features/memory_cache.py": CACHE,
    "chalicelib/features/mysql.py": MYSQL,
    "chalicelib/features/mysql_session.py": MYSQL,
    "chalicelib/features/mysql_url.py": MYSQL,
    "chalicelib/features/observations.py": PLACE,
    "chalicelib/features/place_service.py": PLACE,
    "chalicelib/features/redis_cache.py": REDIS,
    "chalicelib/features/redis_nodes.py": REDIS,
    "chalicelib/features/renamed.py": JOINED,
    "chalicelib/features/shared_cache.py": (*CACHE, *REDIS[1:]),
    "chalicelib/features/smoothing.py": PLACE,
    "chalicelib/features/sqlite.py": PLACE,
    "chalicelib/http/parameters.py": HTTP,
    "chalicelib/http/requests.py": HTTP,
    "chalicelib/photo/colours.py": PHOTO,
    "chalicelib/photo/crop.py": PHOTO,
    "chalicelib/photo/decode_cost.py": PHOTO,
    "chalicelib/photo/decode_time.py": PHOTO,
    "chalicelib/photo/eoi_padded_file.py": PHOTO,
    "chalicelib/photo/formats.py": PHOTO,
    "chalicelib/photo/heif/cost.py": HEIF,
    "chalicelib/photo/heif/hevc.py": HEIF,
    "chalicelib/photo/heif/iso_boxes.py": HEIF,
    "chalicelib/photo/heif/items.py": HEIF,
    "chalicelib/photo/heif/photo.py": HEIF,
    "chalicelib/photo/heif/picture.py": HEIF,
    "chalicelib/photo/heif/strips.py": HEIF,
    "chalicelib/photo/heif/transformations.py": HEIF,
    "chalicelib/photo/heif/writer.py": HEIF,
    "chalicelib/photo/image_containers.py": PHOTO,
    "chalicelib/photo/jpeg_scans.py": PHOTO,
    "chalicelib/photo/metadata/event_dates.py": METADATA,
    "chalicelib/photo/metadata/exif.py": METADATA,
    "chalicelib/photo/metadata/exif_tags.py": METADATA,
    "chalicelib/photo/metadata/png_text.py": METADATA,
    "chalicelib/photo/metadata/positions.py": METADATA,
    "chalicelib/photo/metadata/xmp.py": METADATA,
    "chalicelib/photo/reader.py": PHOTO,
    "chalicelib/photo/uploads.py": UPLOADS,
    "chalicelib/photo/webp/container.py": PHOTO,
    "chalicelib/photo/webp/vp8l.py": PHOTO,
    "chalicelib/runtime/circuit_breaker.py": BREAKER,
    "tools/occurrences/archive.py": OCCURRENCES,
    "tools/occurrences/athena.py": ATHENA,
    "tools/occurrences/counting.py": OCCURRENCES,
    "tools/occurrences/coverage.py": OCCURRENCES,
    "tools/occurrences/embedded.py": OCCURRENCES,
    "tools/occurrences/features.py": OCCURRENCES,
    "tools/occurrences/import_occurrences.py": OCCURRENCES,
    "tools/occurrences/inaturalist.py": OCCURRENCES,
    "tools/occurrences/names.py": OCCURRENCES,
    "tools/occurrences/options.py": OCCURRENCES,
    "tools/occurrences/relations.py": OCCURRENCES,
    "tools/occurrences/report.py": OCCURRENCES,
    "tools/occurrences/sources.py": OCCURRENCES,
    "tools/occurrences/statement.py": OCCURRENCES,
    "tools/occurrences/tables.py": OCCURRENCES,
    "tools/occurrences/texts.py": OCCURRENCES,
}


def chosen(words: list[str]) -> dict[str, tuple[str, ...]]:
    """Return the modules whose path holds one of the words; all without a word.

    Raises:
        ValueError: a word is in no path.
    """
    for word in words:
        if not any(word in path for path in TARGETS):
            raise ValueError(f"MODULES: no module of tools/mutants/targets.py has {word!r} in it.")
    return {
        path: tests
        for path, tests in TARGETS.items()
        if not words or any(word in path for word in words)
    }
