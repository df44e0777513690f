"""Finished artifacts, kept by what they were made from: the same model compiles again by being copied.

Two keys lead to one artifact. The files of a source that no code of the user's reads (a `.pt2`, a Hugging Face folder)
are known before anything is loaded. Every other source is known once it has been traced: by its graph, its weights and
its example inputs (`contents.py`). The code of a factory is no key: what it imports may change and the code itself may
not.

While that is found out, what the same source gave the last time is checked and copied already (`Guess`). Nothing here
imports torch.
"""

import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from ...runtime.artifact import Config
from ..toolchain.fingerprint import host, toolchain
from .cache import Cache, key_of
from .guess import Guess


@dataclass(frozen=True)
class Shelf:
    """The finished artifacts of a cache, for one set of options: `asked` is all that the artifact depends on beside the
    model and the toolchain."""

    cache: Cache
    asked: Sequence[str]

    def of_files(self, *sources: str) -> "Files | None":
        """What the files that `sources` name are now; None where they are not all that the model is made from."""
        each = [_files(Path(source)) for source in sources]
        if not all(each):
            return None
        paths = [path for own in each for path in own]
        try:
            return Files(paths, _stamps(paths), self._key("files", *sources, *map(_file_digest, paths)))
        except OSError:
            return None  # the door says what is wrong with it

    def of_contents(self, contents: str) -> str:
        """The key of a model whose traced programs are `contents`."""
        return self._key("traced", contents)

    def of_name(self, *sources: str) -> str:
        """Under which the key is kept of what `sources` gave the last time, whatever they are now."""
        return self._key("name", str(Path.cwd()), *sources)

    def read(self, kind: str, key: str) -> str | None:
        """The key that was kept under another."""
        found = self.cache.get(kind, key)
        return found.decode() if found else None

    def begin(self, key: str, out: Path) -> Guess | None:
        """Begin to check the artifact of `key`, and to copy it beside `out`; None where there is none."""
        path = self.cache.find("artifact", key)
        return Guess(key, path, out) if path else None

    def take(self, guess: Guess) -> tuple[str, Config] | None:
        """Let the copy be `out`: digest and config of the artifact. None, and it goes, where it was damaged.

        Raises:
            ArtifactError: `out` cannot be written.
        """
        found = guess.publish()
        if found is None:
            self.cache.drop("artifact", guess.key)
        return found

    def _key(self, *parts: str) -> str:
        return key_of([toolchain(), host(), *self.asked, *parts])


@dataclass
class Lookup:
    """One compile before its shelf: what it asks for, and then leaves there. Without a shelf there is never anything.

    A context manager.

    Args:
        sources: as the compile was told them.
        out: where an artifact that is found is written to.
    """

    shelf: Shelf | None
    sources: Sequence[str]
    out: Path
    _guess: Guess | None = None
    _files: "Files | None" = None
    _key: str | None = None

    def __enter__(self) -> Self:
        if self.shelf:
            last = self.shelf.read("name", self.shelf.of_name(*self.sources))
            self._guess = self.shelf.begin(last, self.out) if last else None
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._drop()

    def by_files(self) -> tuple[str, Config] | None:
        """Digest and config of what the same files gave, now in `out`. Raises as `Shelf.take`."""
        if self.shelf is None:
            return None
        self._files = self.shelf.of_files(*self.sources)
        self._key = self._files and self.shelf.read("source", self._files.key)
        return self._take(self.shelf)

    def by_contents(self, contents: str | None) -> tuple[str, Config] | None:
        """Digest and config of what the same traced programs gave, now in `out`. Raises as `Shelf.take`.

        Args:
            contents: None where they cannot be compared.
        """
        if self.shelf is None:
            return None
        self._key = self.shelf.of_contents(contents) if contents else None
        found = self._take(self.shelf)
        self._drop()  # what is made now needs the room
        return found

    def keep(self) -> None:
        """Leave the artifact that was written to `out` for the next time."""
        if self.shelf and self._key:
            self.shelf.cache.add("artifact", self._key, self.out)
            self._remember(self.shelf, self._key)

    def _take(self, shelf: Shelf) -> tuple[str, Config] | None:
        key = self._key
        if key is None:
            return None
        if self._guess is None or self._guess.key != key:
            self._drop()
            self._guess = shelf.begin(key, self.out)
        found = shelf.take(self._guess) if self._guess else None
        if found:
            self._remember(shelf, key)
        return found

    def _remember(self, shelf: Shelf, key: str) -> None:
        shelf.cache.put("name", shelf.of_name(*self.sources), key.encode())
        if self._files and self._files.unchanged():
            shelf.cache.put("source", self._files.key, key.encode())

    def _drop(self) -> None:
        if self._guess:
            self._guess.discard()
        self._guess = None


@dataclass(frozen=True)
class Files:
    """The files of a source as they were when they were hashed."""

    paths: Sequence[Path]
    stamps: Sequence[object]
    key: str

    def unchanged(self) -> bool:
        """Whether they are the same files, of the same size and time."""
        with contextlib.suppress(OSError):
            return _stamps(self.paths) == self.stamps
        return False


def _files(path: Path) -> list[Path]:
    if path.suffix == ".pt2" and path.is_file():
        return [path]
    if (path / "config.json").is_file():  # the files beside it: what lies deeper is not read
        return sorted(each for each in path.iterdir() if each.is_file())
    return []


def _stamps(paths: Sequence[Path]) -> list[object]:
    found = [path.stat() for path in paths]
    return [(each.st_ino, each.st_size, each.st_mtime_ns) for each in found]


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return f"{path}={hashlib.file_digest(file, 'sha256').hexdigest()}"
