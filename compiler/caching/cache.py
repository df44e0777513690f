"""Results of the compiler's stages by what they are made from, in files of the user's own.

Safe with any number of compiles at once: an entry appears complete or not at all, and one that is gone is a miss. What
is read is compared with its digest, and nothing is ever unpickled. A cache that cannot be written is a slow compile and
no error.
"""

import contextlib
import hashlib
import logging
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from infc.errors import UsageError

_LOG = logging.getLogger(__name__)
_DIGEST = 32  # bytes of sha256 in front of an entry's content
_VERSION = "v1"  # of the files' form


class Cache:
    """A directory of entries, each of a kind (`ir`, `module`, `artifact`) and under a key.

    Args:
        folder: made, for its user alone, when something is put into it.
        limit: bytes of all entries together; those that were not used for the longest time go first.

    Raises:
        UsageError: the directory belongs to somebody else, or others may write to it. It holds machine code that will
            run.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder = folder / _VERSION
        self._limit = limit
        _refuse_foreign(folder)

    def get(self, kind: str, key: str) -> bytes | None:
        """The content that was put under `key`, None when there is none; one that was changed is dropped."""
        path = self._path(kind, key)
        try:
            raw = path.read_bytes()
        except OSError:
            return None
        content = raw[_DIGEST:]
        if hashlib.sha256(content).digest() != raw[:_DIGEST]:
            self.drop(kind, key)
            return None
        _touch(path)
        return content

    def put(self, kind: str, key: str, content: bytes) -> None:
        """Keep `content` under `key`."""
        raw = hashlib.sha256(content).digest() + content
        self._write(kind, key, lambda path: path.write_bytes(raw))

    def find(self, kind: str, key: str) -> Path | None:
        """The file that was added under `key`, None when there is none. Its content is for the caller to check."""
        path = self._path(kind, key)
        if not path.is_file():
            return None
        _touch(path)
        return path

    def add(self, kind: str, key: str, file: Path) -> None:
        """Keep a copy of `file` under `key`, if it is not too large for the cache to hold anything beside it."""
        with contextlib.suppress(OSError):  # it was there a moment ago
            if file.stat().st_size <= self._limit // 2:
                self._write(kind, key, lambda path: shutil.copyfile(file, path))

    def drop(self, kind: str, key: str) -> None:
        """Forget what is under `key`."""
        with contextlib.suppress(OSError):
            self._path(kind, key).unlink()

    def trim(self) -> None:
        """Drop what was not used for the longest time, until the rest is within the limit."""
        entries = sorted(self._entries())
        total = sum(size for _, size, _ in entries)
        for _, size, path in entries:
            if total <= self._limit:
                return
            with contextlib.suppress(OSError):
                path.unlink()
            total -= size

    def usage(self) -> tuple[int, int]:
        """How many entries there are, and their bytes."""
        sizes = [size for _, size, _ in self._entries()]
        return len(sizes), sum(sizes)

    def clear(self) -> None:
        """Drop every entry."""
        for _, _, path in self._entries():
            with contextlib.suppress(OSError):
                path.unlink()

    def _entries(self) -> Iterator[tuple[float, int, Path]]:
        for path in self._folder.glob("*/*/*"):
            with contextlib.suppress(OSError):
                status = path.stat()
                yield status.st_mtime, status.st_size, path

    def _path(self, kind: str, key: str) -> Path:
        return self._folder / kind / key[:2] / key

    def _write(self, kind: str, key: str, fill: Callable[[Path], object]) -> None:
        """Let `fill` write a new file, which gets the entry's name when it is complete."""
        path = self._path(kind, key)
        # A temporary file lies among the entries, so that one of a compile that was killed is evicted like them.
        temporary = path.with_name(f"{key}.{secrets.token_hex(6)}.tmp")
        try:
            _make(path.parent)
            fill(temporary)
            temporary.chmod(0o600)
            temporary.replace(path)
        except OSError as error:
            _LOG.warning("the compile cache cannot be written: %s", error)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink()


def key_of(parts: Sequence[str]) -> str:
    """A key for what is made from `parts`: their sha256, each with its length, so that no two sequences agree."""
    state = hashlib.sha256()
    for part in parts:
        data = part.encode()
        state.update(len(data).to_bytes(8, "big") + data)
    return state.hexdigest()


def _make(folder: Path) -> None:
    """The folder and what is above it, for the user alone: `mkdir(parents=True)` minds the mode of the last only."""
    if folder.is_dir():
        return
    _make(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)


def _refuse_foreign(folder: Path) -> None:
    try:
        status = folder.stat()
    except OSError:
        return
    if status.st_uid != os.geteuid():
        why = "belongs to another user"
    elif status.st_mode & 0o022:
        why = "can be written by others"
    else:
        return
    raise UsageError(
        f"cache directory {folder} {why}: it holds machine code that will run",
        hint=f"chmod go-w {folder}, set INFC_CACHE_DIR to a directory of your own, or compile with --no-cache",
    )


def _touch(path: Path) -> None:
    with contextlib.suppress(OSError):
        os.utime(path)
