"""Modules that are imported and that most predictions never use: loaded when first touched.

Together they are an eighth of what a cold start imports beyond the model's own needs (``make
bench-cold``). How a module waits is the standard library's: ``importlib.util.LazyLoader``.
Only ``import module`` can wait, and ``from package import module``; whoever takes a name out
of a module loads it.
"""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType
from typing import Final

DEFERRED: Final = frozenset(
    {
        "random",  # powertools: to log a sample of requests in detail
        "subprocess",  # Pillow: to decode JPEG by another program
        "tempfile",  # multipart: to keep large parts on disk
        "aws_lambda_powertools.utilities.jmespath_utils",  # to look into events
        "h3.api.memview_int",
        "h3.api.numpy_int",
        *(
            f"exifread.tags.makernote.{maker}"  # cameras' own tags, which nobody asks for
            for maker in ["apple", "canon", "casio", "dji", "fujifilm", "nikon", "olympus", "sony"]
        ),
    }
)


class DeferringFinder:
    """Finds the modules of the list as the standard finder does, and lets them wait."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module's specification; ``None`` for all that is not on the list."""
        if fullname not in DEFERRED:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec and spec.loader:
            spec.loader = LazyLoader(spec.loader)
        return spec


def install() -> None:
    """Let the modules of the list wait, from now on."""
    if not any(isinstance(finder, DeferringFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, DeferringFinder())
