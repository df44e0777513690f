"""Finding the files of an artifact in its tar by reading headers only. Nothing is ever unpacked."""

import os
import re
import stat
import tarfile
from pathlib import Path
from typing import IO, cast

from infc.errors import ArtifactError

from .layout import FETCH_AGAIN, Blob, TarLayout
from .oci import BLOB_FOLDER, INDEX_FILE, OCI_LAYOUT_FILE
from .tar_index import predicted_members

_FILE = re.compile(rf"(?:\./)?({OCI_LAYOUT_FILE}|{re.escape(INDEX_FILE)}|{BLOB_FOLDER}/[0-9a-f]{{64}})")
_FOLDER = re.compile(r"\.|(?:\./)?blobs(?:/sha256)?")
_MAX_HEADER = 1 << 20  # bytes; the largest extended header that is read into memory

# What tarfile raises on headers that were made up: not all of it is a TarError.
_MALFORMED = (tarfile.TarError, ValueError, OverflowError, RecursionError, EOFError, LookupError, TypeError, OSError)


class _Headers:
    """The tar as a file object that refuses to read more at once than a header may have."""

    def __init__(self, fd: int, size: int) -> None:
        self._fd = fd
        self._size = size
        self._at = 0

    def read(self, size: int) -> bytes:
        if size > _MAX_HEADER:
            raise tarfile.ReadError(f"an extended header of {size} bytes")
        data = os.pread(self._fd, size, self._at)
        self._at += len(data)
        return data

    def seek(self, offset: int) -> int:
        if not 0 <= offset <= self._size:
            raise tarfile.ReadError("a member that reaches past the end of the file")
        self._at = offset
        return offset

    def tell(self) -> int:
        return self._at


def open_tar(path: Path) -> TarLayout:
    """Opens a tar and lists its members.

    Raises:
        ArtifactError: not a tar, truncated, or with a member that an artifact does not have.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe must not make us wait
    except OSError as error:
        raise ArtifactError(f"{path}: {error.strerror}", hint="is the path right, and may you read it?") from error
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise ArtifactError(
                f"{path}: neither a directory nor a regular file",
                hint="an artifact is a file that `infc compile` wrote, or a directory",
            )
        members = predicted_members(path, fd, status.st_size) or _scan(path, fd, status.st_size)
    except BaseException:
        os.close(fd)
        raise
    return TarLayout(path, fd, members)


def _scan(path: Path, fd: int, size: int) -> dict[str, Blob]:
    members: dict[str, Blob] = {}
    end = 0
    try:
        archive = tarfile.TarFile(fileobj=cast(IO[bytes], _Headers(fd, size)), mode="r", errorlevel=1)
        while member := archive.next():
            name = _checked_name(path, member)
            if member.offset_data < end or member.size < 0 or member.offset_data + member.size > size:
                raise ArtifactError(
                    f"{path}: member {member.name!r} reaches past the end of the file", hint=FETCH_AGAIN
                )
            end = member.offset_data + member.size
            if name in members:
                raise ArtifactError(f"{path}: member {name!r} occurs twice", hint=FETCH_AGAIN)
            if name:
                members[name] = Blob(path, member.offset_data, member.size)
    except _MALFORMED as error:
        if not members:
            raise ArtifactError(
                f"{path}: not an infc artifact (neither an OCI image layout nor a tar of one)",
                hint="artifacts are written by `infc compile SRC -o OUT.infc`",
            ) from error
        raise ArtifactError(
            f"{path}: truncated or damaged after member {len(members)}: {error}", hint=FETCH_AGAIN
        ) from error
    return members


def _checked_name(path: Path, member: tarfile.TarInfo) -> str:
    """The member's name in the layout, empty for a folder."""
    if member.isdir() and _FOLDER.fullmatch(member.name):
        return ""
    name = _FILE.fullmatch(member.name)
    if name and member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse():
        return name[1]
    raise ArtifactError(
        f"{path}: unexpected member {member.name!r} (type {member.type!r}); "
        f"an artifact holds {OCI_LAYOUT_FILE}, {INDEX_FILE} and {BLOB_FOLDER}/<digest>, all regular files",
        hint=FETCH_AGAIN,
    )
