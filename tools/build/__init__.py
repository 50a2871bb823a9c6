"""Programs that build what the service ships: the model, its labels, features and names."""
