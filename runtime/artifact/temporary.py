"""What a writer has before it has a name: a hidden file or folder beside the destination, locked while it is written.

The lock (`flock`) ends with the process, however it ends. So the next writer of the same destination can tell what a
killed one left from what a living one is writing, and removes it.
"""

import fcntl
import os
import re
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path


def new_file(path: Path) -> tuple[Path, int]:
    """An empty file beside `path`, and a locked descriptor to write it with. Raises OSError."""

    def make(temporary: Path) -> int:
        # Not tempfile: its files are private to the user, this one shall have the mode that the umask asks for.
        return os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)

    return _locked(path, make)


def new_folder(path: Path) -> tuple[Path, int]:
    """An empty folder beside `path`, and a descriptor that holds its lock until it is closed. Raises OSError."""

    def make(temporary: Path) -> int:
        temporary.mkdir()
        return os.open(temporary, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    return _locked(path, make)


def sweep(path: Path) -> None:
    """Remove what writers of `path` left that do not live any more."""
    for temporary in _left(path):
        try:
            fd = os.open(temporary, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            continue  # gone, or not ours to read
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is(temporary, fd):
                _remove(temporary, fd)
        except OSError:
            continue  # it is being written, or the file system has no locks to tell
        finally:
            os.close(fd)


def _locked(path: Path, make: Callable[[Path], int]) -> tuple[Path, int]:
    while True:
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
        fd = make(temporary)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
        except OSError:
            return temporary, fd  # without locks nothing is ever swept
        if _is(temporary, fd):
            return temporary, fd
        os.close(fd)  # it was swept in the moment before it was locked


def _left(path: Path) -> Iterator[Path]:
    pattern = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{12}}\.tmp")
    try:
        entries = list(path.parent.iterdir())
    except OSError:
        return
    yield from (entry for entry in entries if pattern.fullmatch(entry.name))


def _is(path: Path, fd: int) -> bool:
    """Whether the name still leads to what is open."""
    try:
        found = path.lstat()
    except OSError:
        return False
    opened = os.fstat(fd)
    return (found.st_dev, found.st_ino) == (opened.st_dev, opened.st_ino)


def _remove(path: Path, fd: int) -> None:
    if stat.S_ISDIR(os.fstat(fd).st_mode):
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink()
