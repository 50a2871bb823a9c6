"""Technical helpers: lazy imports, a circuit breaker, a value with a time to live, AWS clients.

Every package may import it, except ``ports``, ``domain`` and ``errors``, on which it rests. It
imports only ``ports`` and ``errors``.
"""
