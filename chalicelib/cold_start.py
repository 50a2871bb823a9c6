"""What a cold start does without, so that its visitor waits less: ``make bench-cold``."""

import gc

from chalicelib import deferred


def begin() -> None:
    """Before anything else is imported.

    Imports make a hundred thousand objects and no garbage: the collector would look through
    them twenty times in vain, which takes longer than any one import.
    """
    gc.disable()
    deferred.install()


def end() -> None:
    """Once all is there: it is going to stay, and the collector need never look at it."""
    gc.freeze()
    gc.enable()
