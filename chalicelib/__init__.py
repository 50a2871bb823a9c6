"""Rangefinder identifies the animal in a photo, from the picture and from its place.

``app.py`` has the routes, and this package has what they call. Start with
:mod:`chalicelib.identify`, which has the five steps on one page.
"""

__version__ = "0.1.0"
