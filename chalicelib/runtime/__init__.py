"""What any package stands on: lazy imports, a circuit breaker, a cached value, AWS clients.

Every package may import it; it knows the ports alone.
"""
