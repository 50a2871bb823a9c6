"""Tests of `photo/heif`: structures made by code, and no decoder unless a test says so."""
