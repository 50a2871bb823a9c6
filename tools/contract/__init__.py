"""``make contract``: the API as OpenAPI 3.1, built from the models and fields of the code."""
