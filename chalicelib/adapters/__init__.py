"""The outer world behind the protocols of :mod:`chalicelib.ports`.

Each adapter knows the domain and its own library; none knows another adapter.
"""
