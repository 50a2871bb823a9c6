"""Change the code one place at a time, and see whether a test fails: ``make mutants``.

A changed copy of the code is a *mutant*. A test that fails *kills* it. A mutant that survives is a
wrong change that would land, or means the same as the code: then it is *equivalent*, and
``equivalent.toml`` has it with the reason.

This is our own code because mutmut 3 changes neither constants of modules nor methods with a
decorator, and cosmic-ray runs the same tests for each mutant. Many promises here are constants.
"""
