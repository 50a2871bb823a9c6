"""WebP: its container, and the cost of its lossless form.

Only the photo reader imports this package; it knows the errors and its siblings.
"""
