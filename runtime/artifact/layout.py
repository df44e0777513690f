"""Where an artifact's files lie: in a directory, or in one tar that is never unpacked."""

import os
import stat
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from infc.errors import ArtifactError

from .digest import hex_of, is_digest
from .oci import BLOB_FOLDER

FETCH_AGAIN = "the file is incomplete or was changed after it was written; fetch or compile it again"


@dataclass(frozen=True, slots=True)
class Blob:
    """A range of a file that holds one blob: `length` bytes from `offset`. Mappable when `offset` is page-aligned."""

    path: Path
    offset: int
    length: int


class Layout(Protocol):
    """An OCI image layout, open for reading."""

    @property
    def path(self) -> Path:
        """The directory or the tar."""
        ...

    def document(self, name: str) -> Blob:
        """The place of `index.json` or `oci-layout`. Raises ArtifactError when there is none."""
        ...

    def blob(self, digest: str) -> Blob:
        """The place of a blob; its content is not looked at. Raises ArtifactError when there is none."""
        ...

    def descriptor(self, blob: Blob) -> "Opened":
        """A context that lends a read-only file descriptor on the blob's file."""
        ...

    def close(self) -> None:
        """Gives the files back. What is already mapped stays mapped."""
        ...


@dataclass(slots=True)
class Opened:
    """A borrowed or owned file descriptor, as a context."""

    fd: int
    owned: bool

    def __enter__(self) -> int:
        return self.fd

    def __exit__(self, *_: object) -> None:
        if self.owned:
            os.close(self.fd)


@dataclass(frozen=True)
class DirLayout:
    """A layout in a directory. Blobs are opened when they are needed; links are refused."""

    path: Path

    @cached_property
    def _blobs(self) -> Path:
        return self.path / BLOB_FOLDER

    def document(self, name: str) -> Blob:
        return self._file(self.path / name, f"not an infc artifact: {name} is missing")

    def blob(self, digest: str) -> Blob:
        if not is_digest(digest):  # it is about to become part of a path
            raise ArtifactError(f"{digest!r} is no digest, expected sha256:<64 hex digits>")
        return self._file(self._blobs / hex_of(digest), f"blob {digest} is missing")

    def descriptor(self, blob: Blob) -> Opened:
        try:
            return Opened(os.open(blob.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), owned=True)
        except OSError as error:
            raise ArtifactError(f"{blob.path}: {error.strerror}", hint=FETCH_AGAIN) from error

    def close(self) -> None:
        pass

    def _file(self, path: Path, missing: str) -> Blob:
        try:
            found = path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            raise ArtifactError(f"{self.path}: {missing}", hint=FETCH_AGAIN) from None
        except OSError as error:
            raise ArtifactError(f"{path}: {error.strerror}", hint="is the path right, and may you read it?") from error
        if not stat.S_ISREG(found.st_mode):
            raise ArtifactError(f"{path}: a link or special file, expected a regular file", hint=FETCH_AGAIN)
        return Blob(path, 0, found.st_size)


class TarLayout:
    """A layout in an uncompressed tar. The file is opened once, so that a replacement under its name is not mixed in.

    Args:
        path: the name that errors show.
        fd: a read-only descriptor on the tar; this object owns it.
        members: the place of every file in the tar, by its name there.
    """

    def __init__(self, path: Path, fd: int, members: Mapping[str, Blob]) -> None:
        self.path = path
        self._file = os.fdopen(fd, "rb", buffering=0)  # closes when the last user is gone
        self._members = members

    def document(self, name: str) -> Blob:
        return self._member(name, f"{name} is missing")

    def blob(self, digest: str) -> Blob:
        return self._member(f"{BLOB_FOLDER}/{hex_of(digest)}", f"blob {digest} is missing")

    def descriptor(self, blob: Blob) -> Opened:
        return Opened(self._file.fileno(), owned=False)

    def close(self) -> None:
        self._file.close()

    def _member(self, name: str, missing: str) -> Blob:
        member = self._members.get(name)
        if member is None:
            raise ArtifactError(f"{self.path}: {missing}", hint=FETCH_AGAIN)
        return member


def read(layout: Layout, blob: Blob, what: str, limit: int) -> bytes:
    """The bytes of a small blob.

    Raises:
        ArtifactError: it is larger than `limit` bytes, or the file ends before it does.
    """
    if blob.length > limit:
        raise ArtifactError(
            f"{layout.path}: {what} has {blob.length} bytes, more than the {limit} it may have",
            hint="is it an artifact of infc's, and whole?",
        )
    return b"".join(pieces(layout, blob, what))


def pieces(layout: Layout, blob: Blob, what: str) -> Generator[bytes, None, None]:
    """The bytes of a blob in pieces of up to 4 MiB, which hash without holding the interpreter's lock."""
    end = blob.offset + blob.length
    at = blob.offset
    with layout.descriptor(blob) as fd:
        while at < end:
            piece = os.pread(fd, min(end - at, 4 << 20), at)
            if not piece:
                raise ArtifactError(f"{layout.path}: the file ends inside {what}", hint=FETCH_AGAIN)
            at += len(piece)
            yield piece


@contextmanager
def closing_on_error(layout: Layout) -> Generator[None, None, None]:
    """Closes the layout when the block fails."""
    try:
        yield
    except BaseException:
        layout.close()
        raise
