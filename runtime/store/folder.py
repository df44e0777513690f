"""What lies where in a store, and the locks that processes take on it.

A store is an OCI image layout with many manifests in its index. What is not part of that format is in `.infc`:

    index.json, oci-layout, blobs/sha256/<hex>     the layout
    .infc/incoming/                                blobs that are being written
    .infc/quarantine/                              blobs whose content has another digest than their name
    .infc/leases/                                  one locked file for each model that a process has open
    .infc/blobs.lock, .infc/index.lock             see `Locks`
"""

import errno
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infc.errors import ArtifactError, UsageError

from ..artifact.digest import hex_of, is_digest
from ..artifact.oci import BLOB_FOLDER, INDEX_FILE, OCI_LAYOUT_FILE

PRIVATE = ".infc"
_OURS = frozenset({INDEX_FILE, OCI_LAYOUT_FILE, "blobs", PRIVATE})

OnWait = Callable[[], object]


@dataclass(frozen=True)
class Folder:
    """The places in a store."""

    path: Path

    @property
    def index(self) -> Path:
        return self.path / INDEX_FILE

    @property
    def blobs(self) -> Path:
        return self.path / BLOB_FOLDER

    @property
    def incoming(self) -> Path:
        return self.path / PRIVATE / "incoming"

    @property
    def quarantine(self) -> Path:
        return self.path / PRIVATE / "quarantine"

    @property
    def leases(self) -> Path:
        return self.path / PRIVATE / "leases"

    def blob(self, digest: str) -> Path:
        """The name of a blob, which may or may not be there. The digest must have been checked to be one."""
        return self.blobs / hex_of(digest)

    def temporary(self, name: str) -> Path:
        """A name that nobody else has, in the same file system as the blobs."""
        return self.incoming / f"{name}.{secrets.token_hex(6)}"

    def make(self) -> None:
        """Makes the folders that are missing. May be stopped anywhere and begun again.

        Raises:
            ArtifactError: there is something at that path that is no store.
        """
        foreign = {entry.name for entry in self.path.iterdir()} - _OURS if self.path.is_dir() else set[str]()
        if foreign or (self.path.exists() and not self.path.is_dir()):
            what = f"the directory holds {min(foreign)!r}" if foreign else "it is a file"
            raise ArtifactError(f"{self.path} is no store: {what}", hint="give a new name, or an empty directory")
        for folder in (self.blobs, self.incoming, self.quarantine, self.leases):
            folder.mkdir(parents=True, exist_ok=True)


def directory(path: str | os.PathLike[str]) -> Path:
    """The path of a store's directory.

    Raises:
        UsageError: it is the address of a store somewhere else.
    """
    text = os.fspath(path)
    if re.match(r"[a-z][a-z0-9+.-]+:/", text):  # a `Path` has lost one of an address's two strokes
        raise UsageError(
            f"{text} is an address, not a directory",
            hint="`infc store fetch URL MODEL --lazy --store DIR` takes a model from there",
        )
    return Path(text)


def delete(path: Path) -> None:
    """Deletes what is at a path, a folder with all that is in it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


class Locks:
    """Advisory locks on a store. A process that dies gives its locks back.

    Whoever adds blobs or counts on them holds `blobs` shared, from before it looks until the index names them; whoever
    deletes blobs holds it alone. `index` is held alone for as long as the index is read, changed and replaced.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    @contextmanager
    def blobs(self, *, alone: bool, on_wait: OnWait | None = None) -> Generator[None, None, None]:
        """Waits for the lock on the blobs; `on_wait` is called before it has to."""
        with self._locked("blobs.lock", fcntl.LOCK_EX if alone else fcntl.LOCK_SH, on_wait):
            yield

    @contextmanager
    def index(self) -> Generator[None, None, None]:
        """Waits for the lock on the index."""
        with self._locked("index.lock", fcntl.LOCK_EX, None):
            yield

    @contextmanager
    def _locked(self, name: str, kind: int, on_wait: OnWait | None) -> Generator[None, None, None]:
        path = self._folder.path / PRIVATE / name
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            fd = os.open(path, flags)  # a store that may not be written to can still be locked
        except FileNotFoundError:
            try:
                fd = os.open(path, flags | os.O_CREAT, 0o644)
            except OSError as error:
                raise ArtifactError(
                    f"cannot lock {self._folder.path}: {error.strerror}", hint="may you write there?"
                ) from error
        try:
            if not _try(fd, kind):
                if on_wait:
                    on_wait()
                fcntl.flock(fd, kind)
            yield
        finally:
            os.close(fd)


def _try(fd: int, kind: int) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@dataclass(slots=True)
class Lease:
    """Keeps the blobs of one manifest from being collected while a process has the model open."""

    path: Path | None
    fd: int

    def close(self) -> None:
        """Gives it back. May be called twice."""
        if self.path is None:
            return
        self.path.unlink(missing_ok=True)
        os.close(self.fd)
        self.path = None


def lease(folder: Folder, digest: str) -> Lease:
    """A lease on a manifest. In a store that this process may not write to it is empty, and nothing is kept.

    Take it under the shared lock on the blobs.
    """
    path = folder.leases / secrets.token_hex(8)
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT):
            return Lease(None, -1)
        raise
    fcntl.flock(fd, fcntl.LOCK_EX)
    os.write(fd, digest.encode())
    return Lease(path, fd)


def leased(folder: Folder) -> set[str]:
    """The manifests that processes have open. Removes the leases of those that died. Hold the blobs' lock alone."""
    found: set[str] = set()
    for path in folder.leases.iterdir():
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            if _try(fd, fcntl.LOCK_EX):
                path.unlink(missing_ok=True)
            else:
                digest = os.read(fd, 128).decode("ascii", "replace")
                if is_digest(digest):
                    found.add(digest)
        finally:
            os.close(fd)
    return found
