"""Arrays in files: `.npy` and `.npz` in, `.npz` out. Never a pickle."""

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from infc.errors import InfcError, InvalidInput

from .artifact.dtypes import numpy_dtype

# What numpy and zipfile raise on files that are damaged, made up, or not theirs.
_UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    LookupError,
    MemoryError,
    SyntaxError,
    TypeError,
    RuntimeError,
    OverflowError,
    zipfile.BadZipFile,
    zlib.error,
)


def load_array(name: str, source: str) -> np.ndarray:
    """Reads the array for an input.

    Args:
        name: the input, for the messages, and the array's key where an `.npz` has several.
        source: `file.npy`, `file.npz`, or `file.npz:key`.

    Raises:
        InvalidInput: no such file or key, a file of another kind, or one with pickled objects.
    """
    path, key = _split(source)
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            if key:
                raise InvalidInput(
                    f"input {name!r}: {path} holds one array and no key {key!r}", hint=f"leave out :{key}"
                )
            return loaded
        with loaded:
            return loaded[_key(name, str(path), key, loaded.files)]
    except FileNotFoundError as error:
        raise InvalidInput(
            f"input {name!r}: {path}: no such file",
            hint="--input NAME=FILE.npy or NAME=FILE.npz:KEY, seen from this directory",
        ) from error
    except _UNREADABLE as error:
        # numpy takes everything it does not know for a pickle, and advises to load it all the same.
        reason = "no .npy or .npz, or one with pickled objects" if "pickle" in str(error) else str(error)
        raise InvalidInput(
            f"input {name!r}: cannot read {path}: {reason}",
            hint="write it with numpy.save or numpy.savez; pickled objects are never loaded",
        ) from error


def as_bfloat16(array: np.ndarray) -> np.ndarray:
    """Gives a bf16 array its type back: `.npy` files know none, and numpy reads two raw bytes."""
    return array.view(numpy_dtype("bf16")) if array.dtype == np.dtype("V2") else array


def save_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes an `.npz` with these keys. Not `numpy.savez`, which takes no key named `file`.

    Raises:
        InfcError: the file cannot be written.
    """
    try:
        with zipfile.ZipFile(path, "w") as archive:
            for name, array in arrays.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)
    except OSError as error:
        raise InfcError(
            f"cannot write {path}: {error.strerror or error}",
            hint="name a file in a directory that you may write to, on a disk with room",
        ) from error


def _split(source: str) -> tuple[Path, str]:
    path, separator, key = source.rpartition(":")
    if not separator or Path(source).exists():
        return Path(source), ""
    return Path(path), key


def _key(name: str, path: str, key: str, files: list[str]) -> str:
    wanted = key or (files[0] if len(files) == 1 else name)
    if wanted not in files:
        raise InvalidInput(
            f"input {name!r}: {path} has no array {wanted!r}", hint=f"it has {', '.join(map(repr, files)) or 'none'}"
        )
    return wanted
