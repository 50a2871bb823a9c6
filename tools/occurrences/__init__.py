"""From records of who was seen where to the features of places.

``sources`` knows the formats (``tables``, ``archive``), ``relations`` makes each of them the
same columns, ``names`` says which taxon is which class, ``statement`` is the SQL that judges
and groups the records, ``athena`` runs it far away, ``counting`` counts observers by cell,
``features`` is what that comes to, ``embedded`` writes it to a file.
"""
