"""multipart/form-data bodies for tests (RFC 7578)."""

BOUNDARY = b"rangefinder-test-boundary"
FORM_TYPE = f"multipart/form-data; boundary={BOUNDARY.decode()}"


def form(*fields: tuple[str, bytes | str]) -> bytes:
    """Return a form; values in bytes are sent as files, as a browser does."""
    parts = []
    for name, value in fields:
        file = f'; filename="{name}.jpg"' if isinstance(value, bytes) else ""
        head = f'Content-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode()
        content = value if isinstance(value, bytes) else value.encode()
        parts.append(b"--" + BOUNDARY + b"\r\n" + head + content + b"\r\n")
    return b"".join(parts) + b"--" + BOUNDARY + b"--\r\n"
