"""Benchmarks: programs that print times, rates and sizes of the service and of alternatives.

The robustness tests may import the crowd; nothing else imports this package. The tests assert
behaviour, never times.
"""
