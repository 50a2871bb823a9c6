"""What strangers may send: attacks made by hand, mutants of honest photos, and a runner.

``make fuzz`` sends them through the service and holds it to its bounds; the suite sends a
share of them; docs/hostile-input.md says what came of it.
"""
