"""Adopt a TFLite model that others made: ``make adopt MODEL=birds.tflite LABELS=labels.txt``.

The program finds out what it can, and says where it found each thing. Then it writes a model
directory that stands by itself (docs/model.md).
"""
