"""Modules that are imported and that most predictions never use: loaded when first touched.

A cold start is the shorter for it (``make bench-cold``). Only ``import module`` can wait, and
``from package import module``; whoever takes a name out of a module loads it.

The standard library's ``LazyLoader`` would do the same, but for what is imported twice: it
loads a module at its second import (https://github.com/python/cpython/issues/127036).
"""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from threading import RLock
from types import ModuleType
from typing import Any, Final

DEFERRED: Final = frozenset(
    {
        "random",  # powertools: to log a sample of requests in detail
        "subprocess",  # Pillow: to decode JPEG by another program
        "tempfile",  # multipart: to keep large parts on disk
        "ipaddress",  # urllib.parse: to check addresses in brackets
        "ntpath",  # pathlib: for Windows
        "ast",  # inspect, numpy: to read source code
        "pickle",  # numpy: to write arrays to files
        "ctypes",  # numpy, ai_edge_litert: to lend arrays to C, to load delegates
        "platform",  # ai_edge_litert: to load delegates
        "numpy._core._add_newdocs",  # docstrings of what is written in C
        "numpy._core._add_newdocs_scalars",
        "PIL.ExifTags",  # the reader of EXIF is another
        "PIL.TiffTags",
        "msgspec.inspect",  # to write JSON Schema
        "msgspec.msgpack",
        "msgspec.structs",
        "msgspec.toml",
        "msgspec.yaml",
        "aws_lambda_powertools.utilities.jmespath_utils",  # to look into events
        "h3.api.memview_int",
        "h3.api.numpy_int",
        *(
            f"exifread.tags.makernote.{maker}"  # cameras' own tags, which nobody asks for
            for maker in ["apple", "canon", "casio", "dji", "fujifilm", "nikon", "olympus", "sony"]
        ),
    }
)


class WaitingModule(ModuleType):
    """A module that is loaded once something is looked up in it that every module lacks."""

    def __getattr__(self, name: str) -> Any:
        spec = self.__spec__
        if spec and isinstance(spec.loader, DeferringLoader):
            spec.loader.load(self)
        return ModuleType.__getattribute__(self, name)


class DeferringLoader:
    """Stands in for a module's loader until the module is wanted. Thread-safe."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader
        self._lock = RLock()
        self._is_loading = False

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """The module, empty."""
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Let it wait."""
        module.__class__ = WaitingModule

    def load(self, module: ModuleType) -> None:
        """Load it now, unless another thread just did; what it imports may want it meanwhile."""
        with self._lock:
            if self._is_loading or not isinstance(module, WaitingModule):
                return
            self._is_loading = True
            try:
                self._loader.exec_module(module)
            finally:
                self._is_loading = False
            spec = module.__spec__
            assert spec is not None  # it came by one
            spec.loader = module.__loader__ = self._loader
            module.__class__ = ModuleType  # type: ignore[assignment]


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
            spec.loader = DeferringLoader(spec.loader)  # type: ignore[assignment]
        return spec


def install() -> None:
    """Let the modules of the list wait, from now on."""
    if not any(isinstance(finder, DeferringFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, DeferringFinder())
