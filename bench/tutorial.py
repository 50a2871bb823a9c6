"""A handler as tutorials write it, for comparison with the service.

One function takes the obvious way at each step: it decodes the whole photo, reads EXIF with Pillow,
opens a connection to MySQL for each request, and stores the animals of the place in Redis as JSON.
It loads the model once, as all tutorials say. The model is the service's own with float32 weights,
as ``make bench`` builds it. The photo is the bare body, so the tutorial needs no form parser.
"""

import base64
import csv
import io
import json
import os
import uuid
from typing import Any, Final
from urllib.parse import urlsplit

import h3
import numpy as np
import pymysql
import redis
from ai_edge_litert.interpreter import Interpreter
from PIL import Image
from PIL.ExifTags import IFD

from bench.baseline import CARD, MODEL
from tools import ROOT

FLOAT32: Final = ROOT / "build" / "efficientnet-lite2-float32.tflite"
GPS_LATITUDE_REF, GPS_LATITUDE, GPS_LONGITUDE_REF, GPS_LONGITUDE = 1, 2, 3, 4
SIDE: Final = CARD["input"]["width"]
EXPECTED: Final = """
    SELECT dataset_taxon.taxon_id, sum(geo_feature.observations)
      FROM geo_feature JOIN dataset_taxon USING (dataset, taxon)
     WHERE geo_feature.cell = %s GROUP BY dataset_taxon.taxon_id
"""

with (MODEL / CARD["labels"]).open(encoding="utf-8", newline="") as file:
    labels = list(csv.DictReader(file))
interpreter: Any = Interpreter(str(FLOAT32))
interpreter.allocate_tensors()
database = urlsplit(os.environ["TUTORIAL_MYSQL"])
cache = redis.Redis.from_url(os.environ["TUTORIAL_REDIS"])


def degrees(parts: tuple[float, float, float], reference: str) -> float:
    """Return decimal degrees."""
    value = float(parts[0]) + float(parts[1]) / 60 + float(parts[2]) / 3600
    return -value if reference in ("S", "W") else value


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return the animals that the photo may show."""
    del context
    connection = pymysql.connect(
        host=database.hostname, port=database.port or 3306, user=database.username,
        password=database.password, database=database.path.strip("/"),
    )  # fmt: skip
    image = Image.open(io.BytesIO(base64.b64decode(event["body"])))
    gps = image.getexif().get_ifd(IFD.GPSInfo)
    latitude = degrees(gps[GPS_LATITUDE], gps[GPS_LATITUDE_REF])
    longitude = degrees(gps[GPS_LONGITUDE], gps[GPS_LONGITUDE_REF])
    cell = h3.latlng_to_cell(latitude, longitude, 4)
    cached = cache.get(cell)
    if cached:
        expected = json.loads(cached)
    else:
        with connection.cursor() as cursor:
            cursor.execute(EXPECTED, (int(cell, 16),))
            expected = {taxon: float(observations) for taxon, observations in cursor.fetchall()}
        cache.set(cell, json.dumps(expected), ex=3600)
    connection.close()

    picture = image.convert("RGB").resize((SIDE, SIDE))
    tensor = np.expand_dims(np.array(picture, dtype=np.float32), axis=0)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], tensor)
    interpreter.invoke()
    logits = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0]
    scores = np.exp(logits - logits.max())
    scores /= scores.sum()
    predictions = sorted(
        (
            {
                "name": label["vernacularName"],
                "score": float(score) * (1.0 if label["taxonID"] in expected else 0.1),
            }
            for label, score in zip(labels, scores, strict=True)
            if label["taxonID"]
        ),
        key=lambda prediction: prediction["score"],
        reverse=True,
    )
    body = {"id": str(uuid.uuid4()), "cell": cell, "predictions": predictions[:5]}
    return {"statusCode": 200, "body": json.dumps(body)}
