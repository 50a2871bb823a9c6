"""Start faster: import modules that most predictions never use only when they are first used.

``begin`` and ``end`` enclose the imports of ``app.py``; ``make bench-cold`` measures the effect.
A lazy module is executed on first attribute access. This works for ``import module`` and
``from package import module``. ``from module import name`` loads the module at once.

The standard library's ``LazyLoader`` is not enough: it loads a module at its second import
(https://github.com/python/cpython/issues/127036). Python 3.15 has lazy imports of its own
(PEP 810); they will replace this module.
"""

import gc
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from threading import RLock
from types import ModuleType
from typing import Any, Final

LAZY_MODULES: Final = frozenset(
    {
        "random",  # powertools: to sample requests for debug logs
        "subprocess",  # Pillow: to decode JPEG in another program
        "tempfile",  # multipart: to keep large parts on disk
        "ipaddress",  # urllib.parse: to check addresses in brackets
        "ntpath",  # pathlib: for Windows
        "ast",  # inspect, numpy: to read source code
        "pickle",  # numpy: to write arrays to files
        "ctypes",  # numpy, ai_edge_litert: to pass arrays to C, to load delegates
        "platform",  # ai_edge_litert: to load delegates
        "numpy._core._add_newdocs",  # docstrings of functions that are written in C
        "numpy._core._add_newdocs_scalars",
        "PIL.ExifTags",  # exifread reads EXIF
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
            f"exifread.tags.makernote.{maker}"  # cameras' own tags, which we do not read
            for maker in ["apple", "canon", "casio", "dji", "fujifilm", "nikon", "olympus", "sony"]
        ),
    }
)


def begin() -> None:
    """Prepare a cold start. Call it before the first import.

    Imports allocate about 100,000 objects and free none. The garbage collector would still scan
    them some twenty times, so it is off until the start ends.
    """
    gc.disable()
    install()


def end() -> None:
    """End a cold start: the objects of the start stay, and are never scanned."""
    gc.freeze()
    gc.enable()


def install() -> None:
    """Import the modules of ``LAZY_MODULES`` lazily from now on."""
    if not any(isinstance(finder, LazyFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, LazyFinder())


class LazyModule(ModuleType):
    """A module that is executed on first attribute access."""

    def __getattr__(self, name: str) -> Any:
        spec = self.__spec__
        if spec and isinstance(spec.loader, LazyLoader):
            spec.loader.load(self)
        return ModuleType.__getattribute__(self, name)


class LazyLoader:
    """Wraps a module's loader, and executes the module when it is first used. Thread-safe."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader
        self._lock = RLock()
        self._is_loading = False

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Create the empty module."""
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Make the module lazy instead of executing it."""
        module.__class__ = LazyModule

    def load(self, module: ModuleType) -> None:
        """Execute the module, unless another thread has.

        Modules that it imports may use it in the meantime, hence the reentrant lock.
        """
        with self._lock:
            if self._is_loading or not isinstance(module, LazyModule):
                return
            self._is_loading = True
            try:
                self._loader.exec_module(module)
            finally:
                self._is_loading = False
            spec = module.__spec__
            assert spec is not None  # the finder has set it
            spec.loader = module.__loader__ = self._loader
            module.__class__ = ModuleType  # type: ignore[assignment]


class LazyFinder:
    """Finds the modules of ``LAZY_MODULES`` as the standard finder does, but lazily."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the module's specification; ``None`` for all other modules."""
        if fullname not in LAZY_MODULES:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec and spec.loader:
            spec.loader = LazyLoader(spec.loader)  # type: ignore[assignment]
        return spec
