"""Programs that build what the service ships: the model, its labels, features and names.

The other tools and the tests may import the tables of facts and the regions; the service does not.
"""
