"""Tests of step 4: input tensors, output tensors and calibration of the TFLite model.

They run with every ``make test`` and load no model.
"""
