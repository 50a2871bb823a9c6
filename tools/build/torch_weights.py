"""Read the arrays of a PyTorch file without PyTorch: the format before version 1.6."""

import collections
import hashlib
import pickle  # a checkpoint whose hash is pinned  # nosec B403
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

TORCH_MAGIC_NUMBER: Final = 0x1950A86A20F9469CFC6C
"""The first number of every such file: torch/serialization.py, ``MAGIC_NUMBER``."""

TORCH_STORAGES: Final = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}
"""The type of the numbers in each kind of storage."""


class WeightsUnpickler(pickle.Unpickler):
    """An unpickler that reads named arrays and nothing else.

    A pickle can name any function for the reader to call. This reader accepts the four names
    that a file of weights needs and refuses all others.
    """

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)
        self.storages: dict[str, Array] = {}

    def find_class(self, module: str, name: str) -> Any:
        """Return the replacement of ``module.name``; raise ``UnpicklingError`` for other names."""
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return view_of_storage
        if module == "torch" and name in TORCH_STORAGES:
            return TORCH_STORAGES[name]
        raise pickle.UnpicklingError(f"{module}.{name} does not belong in a file of weights")

    def persistent_load(self, pid: Any) -> Array:
        """Return the storage that ``pid`` describes, still empty: its numbers come later."""
        _, dtype, key, _, length, _ = pid
        return self.storages.setdefault(key, np.empty(length, dtype))


def view_of_storage(
    storage: Array, offset: int, shape: Sequence[int], strides: Sequence[int], *_: Any
) -> Array:
    """Return a view of part of a storage: it shows the numbers that are filled in later.

    Replaces ``torch._utils._rebuild_tensor_v2``. PyTorch counts strides in numbers, NumPy in
    bytes.
    """
    return np.ndarray(
        shape, storage.dtype, storage, offset * storage.itemsize,
        [stride * storage.itemsize for stride in strides],
    )  # fmt: skip


def read_weights(path: Path, sha256: str) -> dict[str, Array]:
    """Return all arrays of a PyTorch file by name, after a check of the file's hash.

    The format is a row of pickles (magic number, version, machine, the named arrays, the
    order of the storages) and then for each storage its length and its numbers.

    Raises ``ValueError`` if the file is not the one with this hash, or not in this format.
    """
    if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise ValueError(f"{path.name} is not the published file of weights")
    with path.open("rb") as file:
        if WeightsUnpickler(file).load() != TORCH_MAGIC_NUMBER:
            raise ValueError(f"{path.name} is not in PyTorch's format before version 1.6")
        _version, _machine = WeightsUnpickler(file).load(), WeightsUnpickler(file).load()
        unpickler = WeightsUnpickler(file)
        weights: dict[str, Array] = unpickler.load()
        for key in WeightsUnpickler(file).load():
            storage = unpickler.storages[key]
            if int.from_bytes(file.read(8), "little") != storage.size:
                raise ValueError(f"{path.name}: storage {key} has another length than announced")
            storage[:] = np.frombuffer(file.read(storage.nbytes), storage.dtype)
    return weights
