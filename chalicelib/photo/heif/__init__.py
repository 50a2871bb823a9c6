"""HEIC and HEIF: their structure, decided before decoding, and a file of our own for the decoder.

Only the photo reader imports this package; it knows the domain, the errors and its siblings.
"""
