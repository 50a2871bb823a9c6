"""All attacks made by hand. Each aims at what one decoder or parser does badly.

Sources: the security advisories and issues of Pillow, libjpeg-turbo, libheif and exifread
(exif-py#182 among them), and loops in their code that an upload can make long.
"""

from collections.abc import Iterator

from fuzz import limits_heif
from fuzz.image_attacks import heifs, jpegs, pngs, webps
from fuzz.metadata_attacks import exif_in_photos
from fuzz.request_attacks import forms
from fuzz.uploads import Upload, raw


def attacks() -> Iterator[Upload]:
    """Yield every attack."""
    for make in (jpegs, pngs, webps, heifs, exif_in_photos, forms):
        yield from make()
    for name, content in limits_heif.refused():
        yield raw(name, content)
