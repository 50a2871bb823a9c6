"""Attacks on the parsers of requests: forms, content types and JSON."""

from collections.abc import Iterator

from fuzz import files
from fuzz.files import fill
from fuzz.uploads import Upload
from tests.forms import BOUNDARY, FORM_TYPE, form


def forms() -> Iterator[Upload]:
    """Yield bodies and content types of ``POST /v1/predictions``."""
    photo = files.sample()
    start = b"--" + BOUNDARY + b"\r\n"
    named = start + b'Content-Disposition: form-data; name="photo"'
    end = b"\r\n--" + BOUNDARY + b"--\r\n"
    whole = form(("photo", photo))
    bodies = {
        "10,000 parts": form(*((f"field{i}", "x") for i in range(10_000))),
        "a header of 4 MB": start + b"X: " + b"y" * 4_000_000 + b"\r\n\r\n" + end,
        "100,000 headers": start + b"X: y\r\n" * 100_000 + b"\r\n" + end,
        "a header twice": named + b'\r\nContent-Disposition: form-data; name="geo"\r\n\r\non' + end,
        "a form in a form": form(("photo", whole)),
        "no end": whole[:-20],
        "no part": b"--" + BOUNDARY + b"--\r\n",
        "line feeds alone": whole.replace(b"\r\n", b"\n", 2),
        "a name of 4,000 letters": start
        + b'Content-Disposition: form-data; name="' + b"n" * 4_000 + b'"\r\n\r\nx' + end,
        "a name with half a surrogate": start
        + b'Content-Disposition: form-data; name="\xed\xa0\x80"\r\n\r\nx' + end,
        "a length that lies": named + b"\r\nContent-Length: 99999999999\r\n\r\nx" + end,
        "4 MB of almost boundaries": named + b"\r\n\r\n" + fill(b"\r\n--" + BOUNDARY[:-1]) + end,
        "4 MB of line ends": named + b"\r\n\r\n" + fill(b"\r\n")[:4_000_000] + end,
    }  # fmt: skip
    for name, body in bodies.items():
        yield Upload(f"form: {name}", body)
    plain = "multipart/form-data"
    for name, content_type in {
        "no boundary": plain,
        "an empty boundary": f"{plain}; boundary=",
        "a boundary of 10,000 letters": f"{plain}; boundary={'b' * 10_000}",
        "another boundary": f"{plain}; boundary=other",
        "options without end": f"{plain}{';a=b' * 2_000}",
        "quotes without end": f'{plain}; boundary="{chr(92) * 5_000}',
        "no text at all": "\udcff\0",
    }.items():
        yield Upload(f"type: {name}", whole, content_type)
    yield Upload("type: a JPEG that calls itself a form", photo, FORM_TYPE)
    yield Upload("type: a form that calls itself a JPEG", whole, "image/jpeg")
    for name, text in {
        "a million lists": b"[" * 1_000_000,
        "a million objects": b'{"a":' * 1_000_000,
        "numbers without end": b'{"upload": "x", "limit": ' + b"9" * 1_000_000 + b"}",
        "exponents": b'{"upload": "x", "decimalLatitude": 1e999999999}',
        "NaN": b'{"upload": "x", "decimalLatitude": NaN}',
        "half a surrogate": b'{"upload": "\\ud800"}',
        "keys twice": b'{"limit": 1, "limit": 2}',
        "no text": b"\xff\xfe\0",
        "truth": b'{"upload": true}',
    }.items():
        yield Upload(f"JSON: {name}", text, "application/json")
