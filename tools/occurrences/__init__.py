"""The import of occurrences: from records of observations to the features of places.

``sources`` knows the formats (``tables``, ``archive``), ``relations`` gives all of them the same
columns, ``names`` maps taxa to classes, ``statement`` is the SQL that filters and groups records,
``athena`` runs it on AWS, ``counting`` counts observers by cell, ``features`` computes the
dataset, and ``embedded`` writes it to a file. The benches and the tests may import this package.
"""
