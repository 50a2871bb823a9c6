"""Tests of the web page in Chromium, against ``chalice local`` over HTTP.

``make test`` runs them on the newest Python only, since the page does not depend on the Python.
"""
