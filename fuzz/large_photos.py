"""Photos as large or as costly as the limits allow, and one that they are compared with."""

from fuzz import files, limits_jpeg, limits_png, limits_webp

LARGE = "12 megapixels, progressive"


def large_photo() -> bytes:
    """Return the honest photo that the bounds on CPU are relative to."""
    return files.encode(files.slope(4000, 3000), "JPEG", progressive=True)


def largest() -> dict[str, bytes]:
    """Return photos other than HEIC, as large as the limits on pixels, memory and time allow."""
    square = files.slope(4_900, 4_900)
    clear = square.copy()
    clear.putalpha(square.getchannel("R"))
    return {
        "JPEG: 63 megapixels": files.encode(files.slope(9_000, 7_000), "JPEG"),
        "JPEG: 50 megapixels, progressive": files.encode(
            files.slope(8_100, 6_100), "JPEG", progressive=True
        ),
        "JPEG: 19 megapixels, 300 high": files.encode(files.slope(65_000, 300), "JPEG"),
        "JPEG: 20 megapixels, CMYK": files.encode(
            files.slope(4_500, 4_500, "CMYK"), "JPEG", progressive=True
        ),
        "PNG: 24 megapixels": files.encode(files.slope(6_000, 4_000), "PNG", compress_level=1),
        "PNG: 16 megapixels, transparent": files.encode(
            clear.resize((4_000, 4_000)), "PNG", compress_level=1
        ),
        "PNG: 16 megapixels, one colour transparent": files.encode(
            files.slope(4_000, 4_000), "PNG", compress_level=1, transparency=(1, 2, 3)
        ),
        "WebP: 12 megapixels": files.encode(files.slope(4_032, 3_024), "WEBP", method=0),
        "WebP: 12 megapixels, transparent": files.encode(
            clear.resize((4_032, 3_024)), "WEBP", method=0
        ),
        **dict(limits_jpeg.at_the_limits()),
        **dict(limits_png.at_the_limits()),
        **dict(limits_webp.at_the_limits()),
    }
