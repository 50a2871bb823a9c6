"""Step 5: from scores and features to ranked animals, a decision and their names.

``identify``, ``http`` and ``bootstrap`` import this package; it knows the domain.
"""
