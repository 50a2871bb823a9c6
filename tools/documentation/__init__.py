"""Hooks of MkDocs that build the documentation as a site: ``make docs`` writes ``build/site``.

MkDocs (mkdocs.yml) and the tests import this package; nothing else does.
"""
