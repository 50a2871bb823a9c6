"""Hypothesis strategies: forms and EXIF blocks that are almost valid."""

import struct

from hypothesis import strategies as st

from tests.forms import BOUNDARY

LINE_ENDS = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b""])
NAMES = st.sampled_from(["photo", "decimalLatitude", "limit", "geo", "eventDate", "", '"', "é"])
HEADERS = st.one_of(
    NAMES.map(lambda name: f'Content-Disposition: form-data; name="{name}"'.encode()),
    st.sampled_from(
        [
            b"Content-Disposition: attachment",
            b"Content-Type: image/jpeg",
            b"Content-Type: multipart/mixed; boundary=x",
            b"Content-Transfer-Encoding: base64",
            b"Content-Length: 3",
            b"Content-Length: -1",
            b"No colon",
            b": no name",
            b"X: " + b"y" * 5_000,
        ]
    ),
    st.binary(max_size=30),
)
CONTENTS = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([b"\xff\xd8\xff", b"45", b"off", b"--" + BOUNDARY, b"\r\n--", b"x" * 300]),
)  # fmt: skip
SEPARATORS = st.sampled_from(
    [b"--" + BOUNDARY, b"--" + BOUNDARY, b"--" + BOUNDARY, b"--" + BOUNDARY + b"--", BOUNDARY]
)


@st.composite
def form_bodies(draw: st.DrawFn) -> bytes:
    """Draw a form of up to twenty parts, any piece of which may be wrong."""
    body = b""
    for _ in range(draw(st.integers(0, 20))):
        body += draw(SEPARATORS) + draw(LINE_ENDS)
        for header in draw(st.lists(HEADERS, max_size=3)):
            body += header + draw(LINE_ENDS)
        body += draw(LINE_ENDS) + draw(CONTENTS) + draw(LINE_ENDS)
    return body + draw(st.sampled_from([b"--" + BOUNDARY + b"--\r\n", b""]))


TAGS = st.sampled_from(
    [0x0112, 0x8769, 0x8825, 0xA005, 0x0201, 0x0202, 0x014A, 0x927C, 0x9003, 0x9011, 1, 2, 3, 4, 29]
)
"""Orientation, pointers to other directories, previews, maker's note, dates, and GPS."""

EXTREMES = (0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)
NUMBERS = st.one_of(st.integers(0, 200), st.sampled_from(EXTREMES), st.integers(0, 2**32 - 1))


@st.composite
def exif_blocks(draw: st.DrawFn) -> bytes:
    """Draw a TIFF stream of directories that point anywhere (TIFF 6.0, section 2)."""
    order = draw(st.sampled_from("<>"))
    stream = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    for _ in range(draw(st.integers(1, 4))):
        entries = draw(st.lists(st.tuples(TAGS, st.integers(0, 14), NUMBERS, NUMBERS), max_size=8))
        count = draw(st.sampled_from([len(entries), len(entries), len(entries), 0xFFFF]))
        stream += struct.pack(f"{order}H", count)
        stream += b"".join(struct.pack(f"{order}HHII", *entry) for entry in entries)
        stream += struct.pack(f"{order}I", draw(NUMBERS))
    return stream + draw(st.binary(max_size=60))
