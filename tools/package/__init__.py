"""Programs that check, build, verify, configure and deploy the package for Lambda.

The database's tools, the benches and the tests may import it; the service does not.
"""
