"""Technical helpers: lazy imports, a circuit breaker, a value with a time to live, AWS clients.

Every package may import it. It imports only ``ports``.
"""
