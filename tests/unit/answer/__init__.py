"""Tests of step 5: weighing the scores with the place, ranking animals, deciding on a name.

They run with every ``make test`` and need only the fakes of ``tests/fakes.py``.
"""
