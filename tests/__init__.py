"""The tests of Rangefinder, and the helpers that they share with the benches.

Each package says what its tests touch; ``make test`` runs all of them on every Python it finds.
"""
