"""``make contract``: the API as OpenAPI 3.1, from the very models and fields that the code uses."""
