"""Step 4: the prediction of the model.

Only ``bootstrap`` imports this package. It imports ``domain`` and ``errors``.
"""
