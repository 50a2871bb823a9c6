"""Tests of steps 1 and 2: reading photos and their EXIF, hostile files included.

They run with every ``make test`` and need no server.
"""
