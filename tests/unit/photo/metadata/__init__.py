"""Tests of `photo/metadata`: EXIF and XMP made by code."""
