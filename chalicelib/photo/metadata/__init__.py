"""Place, date and orientation of a photo, from EXIF and XMP.

``bootstrap`` and the containers of ``photo`` import this package; it knows the domain alone.
"""
