"""A photo of a sample that is small and off-centre."""

import io

from PIL import Image, ImageOps

from tests.samples import SAMPLES


def distant(file: str, form_name: str = "JPEG", orientation: int = 1) -> bytes:
    """Return a photo with a sample near its upper left corner, a quarter as wide as the frame."""
    frame = Image.new("RGB", (2400, 1800), (120, 140, 110))
    with Image.open(io.BytesIO(SAMPLES[file].content)) as animal:
        upright = ImageOps.exif_transpose(animal).convert("RGB")
    upright = ImageOps.contain(upright, (600, 600))
    frame.paste(upright, (80, 120))
    exif = Image.Exif()
    if orientation != 1:
        exif[0x0112] = orientation
        frame = frame.transpose(Image.Transpose.ROTATE_90)  # orientation 6 turns it back
    file_bytes = io.BytesIO()
    frame.save(file_bytes, form_name, quality=90, exif=exif)
    return file_bytes.getvalue()
