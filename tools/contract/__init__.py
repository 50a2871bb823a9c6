"""``make contract``: the API as OpenAPI 3.1, built from the models and fields of the code.

Only the tests import this package. It imports ``chalicelib.http`` and the tests' event maker.
"""
