"""Rangefinder: which animal is in a photo, from its look and from its place.

``app.py`` holds the routes; here is the pipeline that they call. Read
:mod:`chalicelib.identify` first: it is the whole job on one page.
"""

__version__ = "0.1.0"
