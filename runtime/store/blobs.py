"""The blobs of a store: put in once and whole, checked while they are written."""

import hashlib
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from infc.errors import ArtifactError

from ..artifact.layout import FETCH_AGAIN
from ..artifact.oci import Descriptor
from .folder import Folder

_PIECE = 4 << 20


class Mismatch(ArtifactError):
    """The content has another digest or length than its name says."""


def has(folder: Folder, blob: Descriptor) -> bool:
    """Whether a blob is there in its full length. Its content was checked when it was written, and is not read."""
    return length_of(folder.blob(blob.digest)) == blob.size


def length_of(path: Path) -> int:
    """Bytes of a regular file; -1 where there is none."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return -1
    return found.st_size if stat.S_ISREG(found.st_mode) else -1


def put(folder: Folder, blob: Descriptor, pieces: Iterable[bytes], where: str, *, keep_wrong: bool = False) -> None:
    """Writes a blob, and gives it its name when it is whole, right and on the disk.

    Args:
        folder: the store.
        blob: its digest and length.
        pieces: its content; no more is taken than shows that it is too long.
        where: the source that errors name.
        keep_wrong: put content that is not what the digest says into the quarantine, to be looked at.

    Raises:
        Mismatch: the content is not what the digest says.
        OSError: the file system refuses.
    """
    path = folder.blob(blob.digest)
    temporary = folder.temporary(path.name)
    state = hashlib.sha256()
    length = 0
    try:
        with temporary.open("xb", buffering=0) as file:
            for piece in pieces:
                length += len(piece)
                if length > blob.size:
                    break
                state.update(piece)
                _write(file.fileno(), piece)
            os.fsync(file.fileno())
        if length != blob.size or f"sha256:{state.hexdigest()}" != blob.digest:
            if keep_wrong:
                temporary.replace(folder.quarantine / temporary.name)
            got = f"{'more than ' if length > blob.size else ''}{length} bytes of digest sha256:{state.hexdigest()}"
            raise Mismatch(f"{where}: blob {blob.digest} of {blob.size} bytes came as {got}", hint=FETCH_AGAIN)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def is_right(folder: Folder, digest: str) -> bool:
    """Whether the content of a blob that is there is what its name says. Reads all of it, at about 2 GB/s."""
    state = hashlib.sha256()
    with folder.blob(digest).open("rb", buffering=0) as file:
        while piece := file.read(_PIECE):
            state.update(piece)
    return f"sha256:{state.hexdigest()}" == digest


def set_aside(folder: Folder, digest: str) -> None:
    """Moves a blob that is wrong out of the way: who maps it still has it, who opens it finds none."""
    path = folder.blob(digest)
    path.replace(folder.quarantine / folder.temporary(path.name).name)


def _write(fd: int, piece: bytes) -> None:
    view = memoryview(piece)
    while view:
        view = view[os.write(fd, view) :]
