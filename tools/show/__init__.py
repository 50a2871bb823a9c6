"""Programs that show the service at work on this machine.

Other tools, the benches and the tests may import the local server; the service does not.
"""
