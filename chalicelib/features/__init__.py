"""Step 3: the features of a place, from a file or a database, behind two caches.

``identify``, ``http`` and ``bootstrap`` import this package; it knows the domain, the ports
and ``runtime``.
"""
