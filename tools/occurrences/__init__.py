"""The import of occurrences: from records of observations to the features of places.

``sources`` knows the formats (``tables``, ``texts``, ``archive``, ``inaturalist``), ``relations``
gives all of them the same columns, ``names`` maps taxa to the classes of models, ``statement`` is
the SQL that filters and groups records, ``athena`` runs it on AWS, ``counting`` counts observers
by cell, ``coverage`` says where absence counts, ``features`` computes the dataset, ``report`` says
what was found, and ``embedded`` writes it to a file. The benches and the tests may import it.
"""
