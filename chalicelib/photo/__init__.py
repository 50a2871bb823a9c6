"""Steps 1 and 2: open the photo, and read its EXIF.

Only ``bootstrap`` imports this package. It imports ``domain``, ``errors`` and ``runtime``.
"""
