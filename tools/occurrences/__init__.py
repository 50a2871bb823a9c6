"""From records of who was seen where to the features of places.

``sources`` knows the formats, ``names`` which taxon is which class, ``statement`` is the
SQL that judges and groups the records, ``athena`` runs it far away, ``features`` counts
observers by cell, ``embedded`` writes them to a file.
"""
