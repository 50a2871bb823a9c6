"""Step 4: the prediction of the model.

Only ``bootstrap`` imports this package; it knows the domain and the ports.
"""
