"""What a cold start does without, so that its visitor waits less: ``make bench-cold``."""

import gc

from chalicelib.runtime import lazy_imports


def begin() -> None:
    """Before anything else is imported.

    Imports make a hundred thousand objects and no garbage: the collector would look through
    them twenty times in vain, which takes longer than any one import.
    """
    gc.disable()
    lazy_imports.install()


def end() -> None:
    """Once all is there: it is going to stay, and the collector need never look at it."""
    gc.freeze()
    gc.enable()
