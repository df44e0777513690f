"""Writing generated files: whole or not at all, and over nothing that somebody else made.

A list of what was generated, with each file's sha256, lies beside the files (`.infc-codegen.json`). A file is replaced
or removed only if it is on that list and still what it was.
"""

import os
import shutil
import tempfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path, PurePosixPath

import msgspec

from infc.errors import ArtifactError

LIST_NAME = ".infc-codegen.json"
_POINTER_MAGIC = b"infc pointer v"
_ELSEWHERE = "move it away, or give -o another directory"

Generated = dict[str, str]  # path relative to the directory: sha256 of the contents


def write_directory(folder: Path, files: Mapping[str, bytes]) -> None:
    """Make `folder` hold `files`, and no file that an earlier run generated and this one does not.

    A new folder appears as a whole. In an existing one every file is replaced as a whole, after all were written.

    Args:
        folder: the output directory; made with its parents when it is not there.
        files: contents by relative path, with forward slashes.

    Raises:
        ArtifactError: the folder holds something that was not generated, or cannot be written.
    """
    before = _generated_before(folder)
    _refuse_foreign(folder, files, before)
    after = {name: sha256(data).hexdigest() for name, data in files.items()}
    everything = {**files, LIST_NAME: msgspec.json.format(msgspec.json.encode(after, order="sorted")) + b"\n"}
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            _fill(staging, everything)
            _publish(staging, folder, everything)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        for name in before.keys() - files.keys():
            folder.joinpath(name).unlink(missing_ok=True)
    except OSError as error:
        raise ArtifactError(
            f"cannot write {folder}: {error.strerror or error}",
            hint="name a directory that you may write to, on a disk with room",
        ) from error


def write_pointer(path: Path, data: bytes) -> None:
    """Write a pointer file, over an older pointer at most.

    Raises:
        ArtifactError: the path holds something else, a checkpoint perhaps, or cannot be written.
    """
    refuse_foreign_pointer(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            _readable(Path(name), 0o666)
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise ArtifactError(
            f"cannot write {path}: {error.strerror or error}",
            hint="name a directory that you may write to, on a disk with room",
        ) from error


def refuse_foreign_pointer(path: Path) -> None:
    """Raises ArtifactError when the path holds something else than a pointer, a checkpoint perhaps."""
    try:
        foreign = path.exists() and not _is_pointer(path)
    except OSError as error:
        raise ArtifactError(f"cannot write {path}: {error.strerror or error}", hint=_ELSEWHERE_POINTER) from error
    if foreign:
        raise ArtifactError(
            f"{path} exists and is no pointer file; it is not overwritten",
            hint="move the checkpoint away first, or give another --pointer",
        )


_ELSEWHERE_POINTER = "name a directory that you may write to, on a disk with room"


def _is_pointer(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_POINTER_MAGIC)) == _POINTER_MAGIC


def _generated_before(folder: Path) -> Generated:
    if not folder.exists():
        return {}
    if not folder.is_dir():
        raise ArtifactError(f"{folder} is a file, expected a directory", hint="give -o a new or an empty directory")
    try:
        known = msgspec.json.decode(folder.joinpath(LIST_NAME).read_bytes(), type=Generated)
    except FileNotFoundError:
        known: Generated = {}
    except msgspec.DecodeError as error:
        raise ArtifactError(f"{folder / LIST_NAME} is no list of generated files: {error}", hint=_ELSEWHERE) from error
    if not known and any(folder.iterdir()):
        raise ArtifactError(
            f"{folder} is not empty and was not written by `infc codegen`", hint="give -o a new or an empty directory"
        )
    if strange := [name for name in known if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts]:
        raise ArtifactError(f"{folder / LIST_NAME} lists {strange[0]!r}, which is outside", hint=_ELSEWHERE)
    return known


def _refuse_foreign(folder: Path, files: Mapping[str, bytes], before: Generated) -> None:
    for name in files.keys() | before.keys():
        path = folder / name
        if not path.exists():
            continue
        found = path.read_bytes() if path.is_file() else b""
        if sha256(found).hexdigest() != before.get(name) and found != files.get(name):
            raise ArtifactError(
                f"{path} is not what `infc codegen` wrote; it is not overwritten",
                hint=_ELSEWHERE,
            )


def _fill(staging: Path, files: Mapping[str, bytes]) -> None:
    _readable(staging, 0o777)
    for name, data in files.items():
        path = staging / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _publish(staging: Path, folder: Path, files: Mapping[str, bytes]) -> None:
    if not folder.exists() or not any(folder.iterdir()):
        staging.rename(folder)
        return
    for name in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        staging.joinpath(name).replace(path)


def _readable(path: Path, mode: int) -> None:
    """Give a temporary file or directory, made for its owner alone, the permissions that any other would have."""
    umask = os.umask(0)
    os.umask(umask)
    path.chmod(mode & ~umask)
