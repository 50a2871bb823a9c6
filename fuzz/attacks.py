"""All attacks made by hand. Each aims at what one decoder or parser does badly.

Sources: the security advisories and issues of Pillow, libjpeg-turbo, libheif and exifread
(exif-py#182 among them), and loops in their code that an upload can make long.
"""

from collections.abc import Iterator

from fuzz import limits_exif, limits_heif, limits_jpeg, limits_png, limits_webp
from fuzz.image_attacks import heifs, jpegs, pngs, webps
from fuzz.metadata_attacks import exif_in_photos
from fuzz.request_attacks import forms
from fuzz.uploads import Upload, raw


def attacks() -> Iterator[Upload]:
    """Yield every attack."""
    for make in (jpegs, pngs, webps, heifs, exif_in_photos, forms):
        yield from make()
    for photos in (
        limits_jpeg.refused(), limits_png.refused(), limits_webp.refused(), limits_heif.refused(),
        limits_exif.unreadable(), limits_exif.xmp(),
    ):  # fmt: skip
        for name, content in photos:
            yield raw(name, content)
