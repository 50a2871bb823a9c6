"""Programs that measure how good the answers are, and that fit and compare rules and models.

``bench`` may import the diagrams, and the tests everything; the service imports nothing from here.
"""
