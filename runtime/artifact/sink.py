"""Where a writer puts blobs before they have a published name: a temporary tar or folder beside the destination."""

import ctypes
import errno
import io
import os
import shutil
import tarfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from infc.errors import ArtifactError

from .digest import hex_of
from .layout import Blob, DirLayout, Layout, TarLayout
from .oci import BLOB_FOLDER, INDEX_FILE, OCI_LAYOUT, OCI_LAYOUT_FILE
from .tar_places import INDEX_SIZE, padding, stored
from .temporary import new_file, new_folder, sweep


class Sink(Protocol):
    """Takes blobs, shows them for verification, and publishes or forgets them all at once."""

    def put(self, digest: str, data: memoryview) -> Blob:
        """Stores a blob that is not there yet."""
        ...

    def layout(self) -> Layout:
        """The blobs stored up to now, readable; the caller closes it."""
        ...

    def publish(self, index: bytes) -> None:
        """Writes the index and gives everything its final name in one step."""
        ...

    def discard(self) -> None:
        """Removes everything that was not published."""
        ...


@contextmanager
def writing(path: Path) -> Generator[None, None, None]:
    """Turns a failure of the file system into an ArtifactError that names the destination."""
    try:
        yield
    except OSError as error:
        raise ArtifactError(f"cannot write {path}: {error.strerror or error}", hint=_remedy(path, error)) from error


def _remedy(path: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"free some space on the file system at {_mount(path)}, or name an output on another one"
    if error.errno == errno.EFBIG:
        return "the file system, or `ulimit -f`, takes no file of that size: name an output on another one"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "name an output in a directory that you may write to"
    return ""


def _mount(path: Path) -> Path:
    """Where the file system that holds `path` begins."""
    return next(each for each in Path(os.path.realpath(path)).parents if each.is_mount())


class TarSink:
    """Blobs go straight into the tar, at page-aligned offsets; only the index at its head is filled in at the end."""

    def __init__(self, path: Path) -> None:
        if path.exists() and not path.is_file():
            raise ArtifactError(
                f"cannot write {path}: it exists and is not a regular file",
                hint="name a file that does not exist yet, or an artifact to replace",
            )
        self._path = path
        self._members: dict[str, Blob] = {}
        with writing(path):
            sweep(path)
            self._temporary, self._fd = new_file(path)
        self._file = os.fdopen(self._fd, "wb", buffering=0)
        self._tar = tarfile.TarFile(fileobj=self._file, mode="w", format=tarfile.PAX_FORMAT, copybufsize=4 << 20)
        try:
            with writing(path):
                self._add(OCI_LAYOUT_FILE, memoryview(OCI_LAYOUT))
                self._index = self._add(INDEX_FILE, memoryview(bytes(INDEX_SIZE)))
        except BaseException:
            self.discard()
            raise

    def put(self, digest: str, data: memoryview) -> Blob:
        with writing(self._path):
            return self._add(f"{BLOB_FOLDER}/{hex_of(digest)}", data, comment=padding(self._tar.offset))

    def layout(self) -> Layout:
        return TarLayout(self._temporary, os.open(self._temporary, os.O_RDONLY | os.O_CLOEXEC), dict(self._members))

    def publish(self, index: bytes) -> None:
        with writing(self._path):
            self._tar.close()
            os.pwrite(self._fd, index.ljust(INDEX_SIZE), self._index.offset)
            os.fsync(self._fd)
            self._temporary.replace(self._path)  # while it is locked
            self._file.close()
            sync_folder(self._path.parent)

    def discard(self) -> None:
        self._file.close()
        self._temporary.unlink(missing_ok=True)

    def _add(self, name: str, data: memoryview, comment: str = "") -> Blob:
        member = tarfile.TarInfo(name)
        member.size = len(data)
        if comment:
            member.pax_headers = {"comment": comment}
        self._tar.addfile(member, io.BytesIO(data))
        self._members[name] = Blob(self._temporary, self._tar.offset - stored(len(data)), len(data))
        return self._members[name]


class DirSink:
    """Blobs are files in a temporary folder that gets the destination's name at the end."""

    def __init__(self, path: Path) -> None:
        _check_replaceable(path)
        self._path = path
        with writing(path):
            sweep(path)
            self._temporary, self._lock = new_folder(path)
        try:
            with writing(path):
                (self._temporary / BLOB_FOLDER).mkdir(parents=True)
        except BaseException:
            self.discard()
            raise

    def put(self, digest: str, data: memoryview) -> Blob:
        return self._write(self._temporary / BLOB_FOLDER / hex_of(digest), data)

    def layout(self) -> Layout:
        return DirLayout(self._temporary)

    def publish(self, index: bytes) -> None:
        self._write(self._temporary / OCI_LAYOUT_FILE, OCI_LAYOUT)
        self._write(self._temporary / INDEX_FILE, index)
        with writing(self._path):
            for folder in (BLOB_FOLDER, "blobs", "."):
                sync_folder(self._temporary / folder)
            if self._path.exists():
                exchange(self._temporary, self._path)
            else:
                self._temporary.rename(self._path)
            sync_folder(self._path.parent)

    def discard(self) -> None:
        os.close(self._lock)
        shutil.rmtree(self._temporary, ignore_errors=True)  # after an exchange this is the old content

    def _write(self, path: Path, data: bytes | memoryview) -> Blob:
        with writing(self._path), path.open("xb", buffering=0) as file:
            for start in range(0, len(data), 1 << 30):
                file.write(data[start : start + (1 << 30)])
            os.fsync(file.fileno())
        return Blob(path, 0, len(data))


def _check_replaceable(path: Path) -> None:
    """A folder is only replaced when it is empty or looks like an image layout: `-o ~/work` must not cost the work."""
    if not path.exists():
        return
    if not path.is_dir():
        raise ArtifactError(
            f"cannot write {path}: it exists and is not a directory", hint="give a new name, or that of a directory"
        )
    foreign = {entry.name for entry in path.iterdir()} - {OCI_LAYOUT_FILE, INDEX_FILE, "blobs"}
    if foreign:
        raise ArtifactError(
            f"cannot write {path}: the directory holds {min(foreign)!r}, which is no part of an artifact",
            hint="give a new name, or empty the directory",
        )


def exchange(one: Path, other: Path) -> None:
    """Swaps two directories in one step (`renameat2` with RENAME_EXCHANGE), which the standard library lacks."""
    libc = ctypes.CDLL(None, use_errno=True)
    at_cwd, rename_exchange = -100, 2
    if libc.renameat2(at_cwd, os.fsencode(one), at_cwd, os.fsencode(other), rename_exchange):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def sync_folder(path: Path) -> None:
    """Makes the names in a folder survive a power loss."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
