"""Fetch a public model of the catalogue: ``make fetch-model NAME=inat-birds``."""
