"""Read labelled photos for the trial: the middle of each, in the model's size."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from tools.adopt.choice import Labelled, right_outputs
from tools.adopt.network import Network
from tools.evaluate.labels import read_labelled_rows

MOST: Final = 100
"""More photos do not tell more of the scaling."""


def read_photos(
    table: Path, rows: Sequence[Mapping[str, str]], network: Network, crop: float
) -> list[Labelled]:
    """Return photos of animals that the model has. Raises ``LabelsError``.

    ``rows`` are the model's labels. Photos that cannot be read are left out: ``make evaluate``
    names them.
    """
    found: list[Labelled] = []
    for _, row in read_labelled_rows(table):
        right = right_outputs(rows, row)
        if not right or len(found) >= MOST:
            continue
        try:
            content = (table.parent / row["file"]).read_bytes()
            with Image.open(io.BytesIO(content)) as photo:
                upright = ImageOps.exif_transpose(photo).convert("RGB")
        except (OSError, UnidentifiedImageError, Image.DecompressionBombError):
            continue
        side = crop * min(upright.size)
        left, top = (upright.width - side) / 2, (upright.height - side) / 2
        resized = upright.resize(
            (network.width, network.height),
            Image.Resampling.BILINEAR,
            box=(left, top, left + side, top + side),
        )
        found.append(Labelled(np.asarray(resized), right))
    return found
