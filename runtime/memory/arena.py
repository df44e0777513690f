"""An arena: one sparse file in memory with a place of 2 MiB for every chunk, which all processes of a host map."""

import errno
import os
from dataclasses import dataclass

from infc.errors import InfcError

from ..artifact import CHUNK_SIZE
from . import kernel

SLOTS = 1 << 19  # a terabyte of addresses; memory is taken by what is filled only


@dataclass(frozen=True, slots=True)
class Place:
    """Where the bytes of a chunk are on the disk. `identity` is its file's; empty for one that its name vouches for."""

    path: str
    offset: int
    length: int
    identity: str = ""


def identity_of(fd: int) -> str:
    """What tells a file from another one that took its name."""
    found = os.fstat(fd)
    return f"{found.st_dev}:{found.st_ino}:{found.st_size}:{found.st_mtime_ns}"


class Arena:
    """The file, and which chunk has which slot in it. A chunk keeps its slot, so that no address ever means another.

    In huge pages where this process may make a file system of them (CAP_SYS_ADMIN), else in small ones.

    Attributes:
        fd: of the file, for reading and writing.
        huge: whether it is of huge pages.

    Raises:
        InfcError: the system has no such memory.
    """

    def __init__(self, *, huge: bool = True) -> None:
        folder = kernel.huge_folder() if huge else None
        self.huge = folder is not None
        try:
            if folder is None:
                self.fd = os.memfd_create("infc-arena")
            else:
                self.fd = os.open("arena", os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=folder)
            os.ftruncate(self.fd, SLOTS * CHUNK_SIZE)
        except OSError as error:
            raise InfcError(
                f"no memory for an arena: {error.strerror}", hint="--backend files needs nothing of the kernel"
            ) from error
        finally:
            if folder is not None:
                os.close(folder)
        self._slots: dict[str, int] = {}
        self.places: dict[int, Place] = {}

    def slot(self, chunk: str, place: Place) -> int:
        """The slot of a chunk; a new one where it has none yet.

        Raises:
            InfcError: there are more chunks than slots.
        """
        slot = self._slots.get(chunk)
        if slot is None:
            slot = len(self._slots)
            if slot == SLOTS:
                raise InfcError(f"an arena has room for {SLOTS} chunks", hint="serve fewer models from one pool")
            self._slots[chunk] = slot
            self.places[slot] = place
        return slot

    def filled(self, slot: int) -> int:
        """Bytes from the beginning of a slot that are in memory, whoever brought them."""
        at = slot * CHUNK_SIZE
        try:
            if os.lseek(self.fd, at, os.SEEK_DATA) != at:
                return 0
        except OSError as error:
            if error.errno != errno.ENXIO:  # nothing behind it either
                raise
            return 0
        return min(os.lseek(self.fd, at, os.SEEK_HOLE) - at, CHUNK_SIZE)

    def close(self) -> None:
        """Gives the file back. What is mapped stays."""
        os.close(self.fd)
